"""A real Zipkin shows what the exporter sends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from llmflow_bus import Message, open_bus, topics
from llmflow_core.otlp import spans_of
from llmflow_core.spans import Span, Status
from llmflow_exporter.app import run
from llmflow_exporter.settings import ExporterSettings
from llmflow_testkit.otlp_requests import traces_of_json
from llmflow_testkit.polling import eventually
from llmflow_testkit.recorded_conventions import recorded_bytes
from llmflow_testkit.zipkin import running_zipkin

LIBRARY = "opentelemetry-instrumentation-openai-v2"


async def _shown(client: httpx.AsyncClient, spans: list[Span]) -> dict[str, dict[str, Any]]:
    """Zipkin's spans of all traces, by id, once they are all there."""

    async def all_there() -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for trace_id in {span.trace_id.hex() for span in spans}:
            answer = await client.get(f"/api/v2/trace/{trace_id}")
            found |= {entry["id"]: entry for entry in answer.json()} if answer.is_success else {}
        assert len(found) == len(spans)
        return found

    return await eventually(all_there, within=30)


@pytest.mark.timeout(600)  # Zipkin is fetched when it is first needed
async def test_zipkin_shows_what_was_recorded(tmp_path: Path) -> None:
    request = traces_of_json(recorded_bytes(LIBRARY))
    spans = spans_of(request)
    bus_url = f"embedded://{tmp_path}/log"
    bus = open_bus(bus_url)
    await (await bus.producer()).publish(topics.SPANS, [Message(request.SerializeToString())])
    await bus.close()
    async with running_zipkin(tmp_path) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        file = tmp_path / "destinations.yaml"
        file.write_text(yaml.safe_dump({"destinations": [{"name": "z", "preset": "zipkin", "endpoint": url}]}))
        stop = asyncio.Event()
        exporting = asyncio.create_task(run(ExporterSettings(bus_url=bus_url, export_file=file, health_port=0), stop))
        shown = await _shown(client, spans)
        stop.set()
        await asyncio.wait_for(exporting, 60)
    assert any(span.status == Status.ERROR for span in spans)
    for span in spans:
        entry = shown[span.span_id.hex()]
        tags = entry["tags"]
        assert entry.get("parentId") == (span.parent_span_id.hex() if span.parent_span_id else None)
        assert entry["name"] == span.name.lower()  # as Zipkin writes names
        assert entry["localEndpoint"]["serviceName"] == span.service.lower()
        assert entry["timestamp"] == span.start_time_ns // 1000
        assert abs(entry["duration"] - span.duration_ns // 1000) <= 1
        assert ("error" in tags) == (span.status == Status.ERROR)
        assert tags.get("gen_ai.request.model") == span.model
        if span.input_tokens is not None:
            assert tags["gen_ai.usage.input_tokens"] == str(span.input_tokens)
