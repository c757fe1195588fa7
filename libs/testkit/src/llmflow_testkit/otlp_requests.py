"""OTLP requests for tests."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmflow_core.otlp import key_values

TRACE_ID = bytes.fromhex("5b8efff798038103d269b633813fc60c")
START_NS = 1_700_000_000_000_000_000


def otlp_request(numbers: Iterable[int], *, content: str = "hello", name: str = "chat") -> ExportTraceServiceRequest:
    """A valid request of one span a number, which becomes the span's id (1 and up)."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(key_values({"service.name": "app"}))
    scope = resource.scope_spans.add()
    scope.scope.name = "test"
    scope.spans.extend(
        Span(
            trace_id=TRACE_ID,
            span_id=number.to_bytes(8),
            name=name,
            kind=Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=START_NS + number,
            end_time_unix_nano=START_NS + 1_000_000_000,
            attributes=key_values({"gen_ai.request.model": "gpt-4o", "input.value": content}),
        )
        for number in numbers
    )
    return request


def spans_in(*values: bytes) -> list[Span]:
    """The spans of serialized requests, in order."""
    request = ExportTraceServiceRequest.FromString(b"".join(values))
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
