"""Requests larger than one record of the log may be: cut between spans, and inside a span only when it must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

#: Boolean attribute of a span whose content was cut because the span was larger than a record of the log may be.
TRUNCATED = "llmflow.truncated"
_SKELETON_NAME_CHARACTERS = 256

_Entry: TypeAlias = tuple[ResourceSpans, ScopeSpans, Span]


def span_count(request: ExportTraceServiceRequest) -> int:
    """How many spans `request` holds."""
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def split(request: ExportTraceServiceRequest, limit: int) -> list[bytes]:
    """Serialized requests of at most `limit` bytes that together hold every span of `request`, in order.

    Each carries its spans' resource and scope. A span that is too large alone has its longest texts cut to the length
    at which it fits, and says so by the attribute `llmflow.truncated`.
    """
    entries = [
        (resource, scope, span)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    return list(_pieces(entries, limit))


def _pieces(entries: Sequence[_Entry], limit: int) -> Iterator[bytes]:
    request = _assemble(entries)
    if request.ByteSize() <= limit:
        yield request.SerializeToString()
    elif len(entries) == 1:
        yield _trim(request, limit)
    else:
        middle = len(entries) // 2
        yield from _pieces(entries[:middle], limit)
        yield from _pieces(entries[middle:], limit)


def _assemble(entries: Iterable[_Entry]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    last_resource: ResourceSpans | None = None
    last_scope: ScopeSpans | None = None
    for resource, scope, span in entries:
        if resource is not last_resource:
            resource_spans = request.resource_spans.add(schema_url=resource.schema_url)
            resource_spans.resource.CopyFrom(resource.resource)
        if scope is not last_scope:
            scope_spans = resource_spans.scope_spans.add(schema_url=scope.schema_url)
            scope_spans.scope.CopyFrom(scope.scope)
        last_resource, last_scope = resource, scope
        scope_spans.spans.append(span)
    return request


def _trim(request: ExportTraceServiceRequest, limit: int) -> bytes:
    resource = request.resource_spans[0]
    scope = resource.scope_spans[0]
    span = scope.spans[0]
    span.attributes.add(key=TRUNCATED).value.bool_value = True

    attributes = [resource.resource.attributes, scope.scope.attributes, span.attributes]
    attributes += [event.attributes for event in span.events] + [link.attributes for link in span.links]
    texts = [text for group in attributes for text in _texts(group)]
    lengths = [_length(text) for text in texts]
    longest = _level(lengths, sum(lengths) - (request.ByteSize() - limit))
    for text, length in zip(texts, lengths, strict=True):
        if length > longest:
            _cut(text, longest)
    return request.SerializeToString() if request.ByteSize() <= limit else _skeleton(span)


def _texts(attributes: Iterable[KeyValue]) -> Iterator[AnyValue]:
    waiting = [attribute.value for attribute in attributes]
    while waiting:
        value = waiting.pop()
        match value.WhichOneof("value"):
            case "string_value" | "bytes_value":
                yield value
            case "array_value":
                waiting.extend(value.array_value.values)
            case "kvlist_value":
                waiting.extend(item.value for item in value.kvlist_value.values)


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


def _skeleton(span: Span) -> bytes:
    """What is left of a span that is too large even without its texts: its identity, times and outcome."""
    bare = Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        flags=span.flags,
        name=span.name[:_SKELETON_NAME_CHARACTERS],
        kind=span.kind,
        start_time_unix_nano=span.start_time_unix_nano,
        end_time_unix_nano=span.end_time_unix_nano,
        status=Status(code=span.status.code),
        attributes=[KeyValue(key=TRUNCATED, value=AnyValue(bool_value=True))],
    )
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[bare])])])
    return request.SerializeToString()
