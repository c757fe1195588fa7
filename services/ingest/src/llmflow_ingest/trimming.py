"""One span, data point or log record that is larger than a record of the log may be: what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmflow_core.otlp_checks import data_points

#: Boolean attribute of a span, data point or log record whose content was cut because it was too large for the log.
TRUNCATED = "llmflow.truncated"

# So many values take some ten megabytes once they are looked at, and as many as a record of a megabyte may hold.
_MOST_VALUES = 100_000
# A skeleton's fields: texts are shortened, ids stay, and what may be of any size goes.
_SKELETON_TEXT_CHARACTERS = 256
_SKELETON_BYTES = 16
_NOT_IN_SKELETON = frozenset(
    {
        *("trace_state", "attributes", "events", "links", "body", "metadata", "description", "exemplars"),
        *("bucket_counts", "explicit_bounds", "positive", "negative", "quantile_values"),
    }
)

ItemT = TypeVar("ItemT", Span, Metric, LogRecord)


def can_be_trimmed(resource: Any, scope: Any, item: Span | Metric | LogRecord) -> bool:
    """Whether there are few enough values for `trim` to look at."""
    values = _nested(_values(resource, scope, item))
    return next(islice(values, _MOST_VALUES, None), None) is None


def trim(request: Message, resource: Any, scope: Any, item: Span | Metric | LogRecord, limit: int) -> bool:
    """Cut the longest texts of `request` in place until it has at most `limit` bytes; say whether that sufficed.

    `item`, of `scope` of `resource`, is the only one in the request; a metric has one data point. It is marked by the
    attribute `llmflow.truncated`.
    """
    _mark(item)
    values = _nested(_values(resource, scope, item))
    texts = [value for value in values if value.WhichOneof("value") in ("string_value", "bytes_value")]
    lengths = [_length(text) for text in texts]
    longest = _level(lengths, sum(lengths) - (request.ByteSize() - limit))
    for text, length in zip(texts, lengths, strict=True):
        if length > longest:
            _cut(text, longest)
    return request.ByteSize() <= limit


def skeleton(item: ItemT) -> ItemT:
    """What is left of an item that is too large even without its texts: identity, times, numbers and outcome."""
    bare: ItemT = _bare(item)
    _mark(bare)
    return bare


def _mark(item: Any) -> None:
    holders: Any = data_points(item) if isinstance(item, Metric) else (item,)
    for holder in holders:
        holder.attributes.add(key=TRUNCATED).value.bool_value = True


def _values(resource: Any, scope: Any, item: Span | Metric | LogRecord) -> Iterator[AnyValue]:
    groups: list[Iterable[KeyValue]] = [resource.resource.attributes, scope.scope.attributes]
    match item:
        case Span():
            groups += [item.attributes]
            groups += [event.attributes for event in item.events] + [link.attributes for link in item.links]
        case LogRecord():
            groups.append(item.attributes)
            yield item.body
        case Metric():
            points = data_points(item)
            exemplars = [exemplar for point in points for exemplar in getattr(point, "exemplars", ())]
            groups += [item.metadata, *(point.attributes for point in points)]
            groups += [exemplar.filtered_attributes for exemplar in exemplars]
    for group in groups:
        yield from (attribute.value for attribute in group)


def _nested(values: Iterator[AnyValue]) -> Iterator[AnyValue]:
    """The values, and those within them; none is looked at before it is asked for."""
    waiting = [values]
    while waiting:
        value = next(waiting[-1], None)
        if value is None:
            waiting.pop()
            continue
        yield value
        match value.WhichOneof("value"):
            case "array_value":
                waiting.append(iter(value.array_value.values))
            case "kvlist_value":
                waiting.append(item.value for item in value.kvlist_value.values)


def _length(text: AnyValue) -> int:
    return len(text.bytes_value) or len(text.string_value.encode())


def _cut(text: AnyValue, length: int) -> None:
    if text.HasField("bytes_value"):
        text.bytes_value = text.bytes_value[:length]
    else:
        text.string_value = text.string_value.encode()[:length].decode(errors="ignore")


def _level(lengths: Iterable[int], budget: int) -> int:
    """The length to which the longest must be cut so that all together fit into `budget`; 0 when nothing helps."""
    ascending = sorted(lengths)
    for position, length in enumerate(ascending):
        left = len(ascending) - position
        if length * left > budget:
            return max(0, budget // left)
        budget -= length
    return ascending[-1] if ascending else 0


def _bare(message: Any) -> Any:
    bare = type(message)()
    for field, value in message.ListFields():
        if field.name in _NOT_IN_SKELETON:
            continue
        match value:
            case str():
                setattr(bare, field.name, value[:_SKELETON_TEXT_CHARACTERS])
            case bytes():
                setattr(bare, field.name, value[:_SKELETON_BYTES])
            case Message():
                getattr(bare, field.name).CopyFrom(_bare(value))
            case bool() | int() | float():
                setattr(bare, field.name, value)
            case _:
                getattr(bare, field.name).extend(map(_bare, value))
    return bare
