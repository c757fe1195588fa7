"""OTLP's span messages, rewritten in a dialect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from llmflow_core.content import conversation
from llmflow_core.conventions import BOOK
from llmflow_core.dialects.tables import Dialect
from llmflow_core.otlp import key_values
from llmflow_core.spans import Span


def messages_of(request: ExportTraceServiceRequest) -> list[trace_pb2.Span]:
    """Every span message of a request, in order."""
    return [
        message
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for message in scope_spans.spans
    ]


def paired(messages: Sequence[trace_pb2.Span], spans: Sequence[Span]) -> Iterator[tuple[trace_pb2.Span, Span | None]]:
    """Each message with what `llmflow_core.otlp.spans_of` reads from it; None for one that it leaves out."""
    rest = iter(spans)
    span = next(rest, None)
    for message in messages:
        if span is not None and (message.span_id, message.name) == (span.span_id, span.name):
            yield message, span
            span = next(rest, None)
        else:
            yield message, None


def rewrite(message: trace_pb2.Span, span: Span, dialect: Dialect) -> None:
    """Have `message`, which was read as `span`, say in `dialect` what it says.

    Attributes that no convention knows stay as they are, and so do events, unless they hold content.
    """
    said = dialect.attributes(span, conversation(span))
    kept = [attribute for attribute in message.attributes if dialect.keeps(attribute.key) and attribute.key not in said]
    kept += key_values(said)
    del message.attributes[:]
    message.attributes.extend(kept)
    events = [event for event in message.events if event.name not in BOOK.content_events]
    if len(events) != len(message.events):
        del message.events[:]
        message.events.extend(events)
