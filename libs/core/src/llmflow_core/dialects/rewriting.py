"""OTLP's span messages, rewritten in a dialect."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from llmflow_core.content import conversation
from llmflow_core.conventions import BOOK
from llmflow_core.dialects.tables import Dialect, keeps
from llmflow_core.messages import Conversation
from llmflow_core.otlp import key_value_fields
from llmflow_core.raw_traces import name_of
from llmflow_core.spans import JSON, Span

_MOST_KNOWN = 20_000
_LONGEST_KNOWN = 256


def messages_of(request: Any) -> list[Any]:
    """Every span message of a request, or of what `parse_raw_traces` gives, in order."""
    return [
        message
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for message in scope_spans.spans
    ]


def paired(messages: Sequence[Any], spans: Sequence[Span]) -> Iterator[tuple[Any, Span | None]]:
    """Each message with what `llmflow_core.otlp.spans_of` reads from it; None for one that it leaves out."""
    rest = iter(spans)
    span = next(rest, None)
    for message in messages:
        if span is not None and (message.span_id, message.name) == (span.span_id, span.name):
            yield message, span
            span = next(rest, None)
        else:
            yield message, None


def rewrite(message: Any, span: Span, dialect: Dialect, *, without: Collection[str] = ()) -> None:
    """Have `message`, a span's of `parse_raw_traces` that was read as `span`, say in `dialect` what it says.

    Attributes that no convention knows stay as they are, but for those that `without` names, and so do events, unless
    they hold content.
    """
    said = dialect.attributes(span, conversation(span) if span.content else Conversation())
    attributes = message.attributes
    kept = [raw for raw in attributes if keeps(name := name_of(raw)) and name not in said and name not in without]
    kept += _raw_attributes(said)
    del attributes[:]
    attributes.extend(kept)
    events = [event for event in message.events if event.name not in BOOK.content_events]
    if len(events) != len(message.events):
        del message.events[:]
        message.events.extend(events)


def _raw_attributes(said: Mapping[str, JSON]) -> Iterator[bytes]:
    """Attributes as bytes. Most are like one of an earlier span."""
    for name, value in said.items():
        known = isinstance(value, (str, int, float)) and (not isinstance(value, str) or len(value) <= _LONGEST_KNOWN)
        yield _known_attribute(name, value) if known else _attribute(name, value)


def _attribute(name: str, value: JSON) -> bytes:
    [fields] = key_value_fields({name: value})
    return KeyValue(**fields).SerializeToString()


# Of equal values of different types (1, 1.0 and True) each is another.
_known_attribute = lru_cache(_MOST_KNOWN, typed=True)(_attribute)
