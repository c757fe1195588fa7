"""OTLP requests for tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmflow_core import otlp_json
from llmflow_core.errors import Rejected
from llmflow_core.otlp import key_values
from llmflow_core.otlp_checks import Unreadable

TRACE_ID = bytes.fromhex("5b8efff798038103d269b633813fc60c")
START_NS = 1_700_000_000_000_000_000

RequestT = TypeVar("RequestT")


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


def metrics_request(numbers: Iterable[int]) -> ExportMetricsServiceRequest:
    """A valid request of one gauge with one data point a number, which becomes its value."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(key_values({"service.name": "app"}))
    gauge = Metric(name="tokens", unit="{token}")
    gauge.gauge.data_points.extend(
        NumberDataPoint(time_unix_nano=START_NS + number, as_int=number, attributes=key_values({"user": "ada"}))
        for number in numbers
    )
    resource.scope_metrics.add().metrics.append(gauge)
    return request


def logs_request(numbers: Iterable[int], *, body: str = "hello") -> ExportLogsServiceRequest:
    """A valid request of one log record a number, which is the attribute `number`."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(key_values({"service.name": "app"}))
    resource.scope_logs.add().log_records.extend(
        LogRecord(
            time_unix_nano=START_NS + number,
            event_name="api_request",
            trace_id=TRACE_ID,
            span_id=number.to_bytes(8),
            body=AnyValue(string_value=body),
            attributes=key_values({"number": number}),
        )
        for number in numbers
    )
    return request


def traces_of_json(body: bytes) -> ExportTraceServiceRequest:
    """An OTLP/JSON request of spans of which each can be read. Raises Rejected for any other."""
    return _whole(otlp_json.parse_traces_json(body))


def metrics_of_json(body: bytes) -> ExportMetricsServiceRequest:
    """The same for metrics."""
    return _whole(otlp_json.parse_metrics_json(body))


def logs_of_json(body: bytes) -> ExportLogsServiceRequest:
    """The same for log records."""
    return _whole(otlp_json.parse_logs_json(body))


def _whole(read: tuple[RequestT, Unreadable]) -> RequestT:
    request, unreadable = read
    if unreadable:
        raise Rejected("; ".join(unreadable.values()))
    return request
