"""OpenTelemetry's SDKs for Python and Node, unmodified: every signal by every exporter that they have."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter as JsonLogExporter
from opentelemetry.exporter.otlp.json.http.metric_exporter import OTLPMetricExporter as JsonMetricExporter
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonSpanExporter
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from llmflow_core.otlp import attributes_of
from llmflow_core.otlp_checks import data_points
from llmflow_ingest.signals import LOGS, METRICS, TRACES, Signal
from llmflow_testkit.clusters.availability import available
from llmflow_testkit.nodepackages import find_node, find_node_opentelemetry
from llmflow_testkit.running_ingest import RunningIngest, records_of

NODE_PROGRAM = Path(__file__).with_name("opentelemetry_node.cjs")
HTTP_EXPORTERS: dict[str, tuple[Any, Any, Any]] = {
    "protobuf": (HttpSpanExporter, HttpMetricExporter, HttpLogExporter),
    "json": (JsonSpanExporter, JsonMetricExporter, JsonLogExporter),
}


async def _items(ingest: RunningIngest, signal: Signal) -> list[tuple[str, Any]]:
    """Every item of `signal` in the log, with its service."""
    found = []
    for record in await records_of(ingest.bus_url, signal.topic):
        for resource, _, item in signal.layout.entries(signal.parse(record.value)):
            found.append((attributes_of(resource.resource.attributes)["service.name"], item))
    return found


def _exporters(ingest: RunningIngest, kind: str, prefix: str) -> tuple[Any, Any, Any]:
    if kind == "grpc":
        options: dict[str, Any] = {"endpoint": ingest.grpc, "insecure": True, "timeout": 10}
        return GrpcSpanExporter(**options), GrpcMetricExporter(**options), GrpcLogExporter(**options)
    spans, metrics, logs = HTTP_EXPORTERS[kind]
    base = ingest.url + prefix
    return (
        spans(f"{base}/v1/traces", timeout=60),
        metrics(f"{base}/v1/metrics", timeout=60),
        logs(f"{base}/v1/logs", timeout=60),
    )


def _send(exporters: tuple[Any, Any, Any]) -> int:
    span_exporter, metric_exporter, log_exporter = exporters
    resource = Resource.create({"service.name": "python-app"})
    tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracing.add_span_processor(SimpleSpanProcessor(span_exporter))
    reader = PeriodicExportingMetricReader(metric_exporter, export_interval_millis=60_000)
    metering = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    logging = LoggerProvider(resource, shutdown_on_exit=False)
    logging.add_log_record_processor(SimpleLogRecordProcessor(log_exporter))

    with tracing.get_tracer("test").start_as_current_span("work") as span:
        metering.get_meter("test").create_counter("tokens").add(7, {"model": "gpt-4o"})
        metering.get_meter("test").create_histogram("seconds").record(0.5)
        logging.get_logger("test").emit(body={"prompt": ["hello", 1]}, event_name="api_request")
    for provider in (tracing, metering, logging):
        provider.shutdown()
    return span.get_span_context().trace_id


@pytest.mark.parametrize(
    ("kind", "prefix", "compression"),
    [
        ("protobuf", "", None),
        ("protobuf", "", "gzip"),
        ("protobuf", "", "deflate"),
        ("protobuf", "/api/public/otel", None),
        ("protobuf", "/api/v1/private/otel", None),
        ("json", "", None),
        ("json", "/otel", "gzip"),
        ("grpc", "", None),
        ("grpc", "", "gzip"),
    ],
)
async def test_python(
    ingest: RunningIngest, monkeypatch: pytest.MonkeyPatch, kind: str, prefix: str, compression: str | None
) -> None:
    if compression:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    exporters = _exporters(ingest, kind, prefix)
    trace_id = (await asyncio.to_thread(_send, exporters)).to_bytes(16)

    [(service, span)] = await _items(ingest, TRACES)
    assert (service, span.name, span.trace_id) == ("python-app", "work", trace_id)
    metrics = {metric.name: metric for _, metric in await _items(ingest, METRICS)}
    (point,) = data_points(metrics["tokens"])
    assert (point.as_int, attributes_of(point.attributes)) == (7, {"model": "gpt-4o"})
    (histogram,) = data_points(metrics["seconds"])
    assert (histogram.count, histogram.sum) == (1, 0.5)
    # The SDK keeps the span that a measurement was made in as an exemplar.
    assert histogram.exemplars[0].trace_id == point.exemplars[0].trace_id == trace_id
    [(service, record)] = await _items(ingest, LOGS)
    assert (service, record.event_name, record.trace_id, record.span_id) == (
        "python-app",
        "api_request",
        trace_id,
        span.span_id,
    )
    assert attributes_of(record.body.kvlist_value.values) == {"prompt": ["hello", 1]}


async def test_node(ingest: RunningIngest) -> None:
    variables = {"NODE_PATH": str(available(find_node_opentelemetry)), "OTEL_EXPORTER_OTLP_ENDPOINT": ingest.url}
    process = await asyncio.create_subprocess_exec(
        *(find_node(), NODE_PROGRAM),
        env=os.environ | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    trace_ids = {name: bytes.fromhex(trace_id) for name, trace_id in json.loads(printed).items()}

    found = await _items(ingest, TRACES)
    assert {service for service, _ in found} == {"node-app"}
    spans: dict[str, Span] = {span.name: span for _, span in found}
    assert {name: span.trace_id for name, span in spans.items()} == {
        f"node {kind}": trace_id for kind, trace_id in trace_ids.items()
    }
    assert attributes_of(spans["node http"].attributes) == {"gen_ai.request.model": "gpt-4o"}
    metrics: list[Metric] = [metric for _, metric in await _items(ingest, METRICS)]
    values = {attributes_of(point.attributes)["kind"]: point for metric in metrics for point in data_points(metric)}
    assert {kind: point.as_int or point.as_double for kind, point in values.items()} == {"http": 7, "proto": 7}
    records: list[LogRecord] = [record for _, record in await _items(ingest, LOGS)]
    assert {record.body.string_value: record.trace_id for record in records} == {
        f"node {kind}": trace_ids[kind] for kind in ("http", "proto")
    }

    zipkin = spans["node zipkin"]
    assert (zipkin.kind, zipkin.events[0].name) == (Span.SPAN_KIND_CLIENT, "choice")
    assert zipkin.status == Status(code=Status.STATUS_CODE_ERROR, message="timeout")
