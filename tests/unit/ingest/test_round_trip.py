"""Any valid OTLP request of any signal reaches the log as it was: byte by byte, or with the same meaning from JSON."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmflow_core.otlp_checks import data_points
from llmflow_ingest.signals import LOGS, METRICS, TRACES, Signal
from llmflow_testkit.ingest_in_memory import IngestInMemory
from llmflow_testkit.otlp_strategies import otlp_json, requests

PROTOBUF, JSON = {"content-type": "application/x-protobuf"}, {"content-type": "application/json"}
KINDS: list[tuple[Signal, type[Message]]] = [
    (TRACES, ExportTraceServiceRequest),
    (METRICS, ExportMetricsServiceRequest),
    (LOGS, ExportLogsServiceRequest),
]
INGEST = IngestInMemory()
slow = [HealthCheck.too_slow, HealthCheck.large_base_example]


@pytest.mark.parametrize(("signal", "kind"), KINDS, ids=[signal.name for signal, _ in KINDS])
@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=slow)
def test_any_valid_request(signal: Signal, kind: type[Message], data: st.DataObject) -> None:
    request = data.draw(requests(kind))
    body = request.SerializeToString()
    assert _post(signal, body, PROTOBUF) == [(signal.topic, body)]

    [(topic, value)] = _post(signal, otlp_json(request), JSON)
    assert topic == signal.topic
    assert _serialized(kind.FromString(value)) == _serialized(request)

    rows = _rows(signal, request)
    parts = _post(signal, body, PROTOBUF, record_bytes=max(map(len, rows)) + 100)
    assert _rows(signal, kind.FromString(b"".join(value for _, value in parts))) == rows


def _post(signal: Signal, body: bytes, headers: dict[str, str], record_bytes: int = 1 << 20) -> list[tuple[str, bytes]]:
    INGEST.record_bytes = record_bytes
    response, published = asyncio.run(INGEST.post(f"/v1/{signal.name}", body, headers))
    assert (response.status_code, response.content) == (200, b"{}" if headers is JSON else b"")
    return published


def _serialized(message: Message) -> bytes:
    # Unlike messages, bytes are equal to themselves when they hold a NaN.
    return message.SerializeToString(deterministic=True)


def _rows(signal: Signal, request: Message) -> Counter[bytes]:
    """Every item (of a metric, every data point with the metric around it) with its resource and scope."""
    rows: Counter[bytes] = Counter()
    for resource, scope, item in signal.layout.entries(request):
        where = _serialized(resource.resource) + resource.schema_url.encode() + _serialized(scope.scope)
        where += scope.schema_url.encode()
        if signal is METRICS:
            points = [_serialized(point) for point in data_points(item)]
            del data_points(item)[:]
            rows.update(where + _serialized(item) + point for point in points)
        else:
            rows[where + _serialized(item)] += 1
    return rows
