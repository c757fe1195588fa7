"""A real OpenTelemetry Collector takes what the exporter sends, and writes it to a file as it understood it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmflow_bus import Message, open_bus, topics
from llmflow_core.content import conversation
from llmflow_core.otlp import spans_of
from llmflow_core.spans import Span
from llmflow_exporter.app import run
from llmflow_exporter.settings import ExporterSettings
from llmflow_testkit.otlp_requests import traces_of_json
from llmflow_testkit.polling import eventually
from llmflow_testkit.recorded_conventions import recorded_bytes
from llmflow_testkit.running_collector import running_collector

LIBRARY = "traceloop-sdk"


def _written(file: Path) -> ExportTraceServiceRequest:
    """Everything in a file of the Collector's file exporter: a request of OTLP/JSON a line."""
    request = ExportTraceServiceRequest()
    for line in file.read_text().splitlines() if file.exists() else ():
        request.MergeFrom(traces_of_json(line.encode()))
    return request


def _facts(request: ExportTraceServiceRequest) -> list[object]:
    return sorted((_facts_of(span) for span in spans_of(request)), key=str)


def _facts_of(span: Span) -> object:
    said = conversation(span)
    return (
        span.key,
        span.parent_span_id,
        span.duration_ns,
        span.status,
        span.observation_type,
        span.model,
        span.input_tokens,
        span.output_tokens,
        said.input,
        said.output,
    )


@pytest.mark.timeout(1800)  # the Collector is built when it is first needed
async def test_the_collector_reads_what_was_recorded(tmp_path: Path) -> None:
    sent = traces_of_json(recorded_bytes(LIBRARY))
    bus_url = f"embedded://{tmp_path}/log"
    bus = open_bus(bus_url)
    await (await bus.producer()).publish(topics.SPANS, [Message(sent.SerializeToString())])
    await bus.close()
    files = {name: tmp_path / f"{name}.jsonl" for name in ("plain", "json", "genai")}
    exporters = {f"file/{name}": {"path": str(file), "flush_interval": "50ms"} for name, file in files.items()}
    async with running_collector(tmp_path, exporters) as endpoints:
        destinations = [
            {"name": "plain", "preset": "collector", "endpoint": endpoints["file/plain"], "compression": "zstd"},
            {"name": "json", "endpoint": endpoints["file/json"], "protocol": "otlp-http-json"},
            {"name": "genai", "endpoint": endpoints["file/genai"], "dialect": "genai"},
        ]
        file = tmp_path / "destinations.yaml"
        file.write_text(yaml.safe_dump({"destinations": destinations}))
        settings = ExporterSettings(bus_url=bus_url, export_file=file, export_batch_seconds=0, health_port=0)
        stop = asyncio.Event()
        exporting = asyncio.create_task(run(settings, stop))

        async def all_written() -> bool:
            return all(len(spans_of(_written(file))) == len(spans_of(sent)) for file in files.values())

        await eventually(all_written, within=30)
        stop.set()
        await asyncio.wait_for(exporting, 60)
    assert _written(files["plain"]) == sent
    assert _written(files["json"]) == sent
    assert _facts(_written(files["genai"])) == _facts(sent)
