"""An OpenTelemetry Collector that passes on what it is sent over OTLP, by each exporter it is given."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from llmflow_testkit.clusters.availability import available
from llmflow_testkit.collector import find_collector
from llmflow_testkit.ports import free_port
from llmflow_testkit.running_server import running_server


@asynccontextmanager
async def running_collector(folder: Path, exporters: Mapping[str, Mapping[str, Any]]) -> AsyncIterator[dict[str, str]]:
    """For each exporter (its name and configuration) the OTLP/HTTP endpoint whose traces, metrics and logs go to it.

    The Collector writes its configuration and log to `folder`. When the block ends it is stopped, after it has sent
    what it holds.
    """
    program = available(find_collector)
    ports = {name: free_port() for name in exporters}
    receivers = {
        f"otlp/{n}": {"protocols": {"http": {"endpoint": f"127.0.0.1:{ports[name]}"}}}
        for n, name in enumerate(exporters)
    }
    pipelines = {
        f"{signal}/{n}": {"receivers": [f"otlp/{n}"], "exporters": [name]}
        for n, name in enumerate(exporters)
        for signal in ("traces", "metrics", "logs")
    }
    telemetry = {"metrics": {"level": "none"}}
    configuration = {
        "receivers": receivers,
        "exporters": exporters,
        "service": {"telemetry": telemetry, "pipelines": pipelines},
    }
    file, log = folder / "collector.json", folder / "collector.log"
    file.write_text(json.dumps(configuration))  # JSON is YAML
    endpoints = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}

    async def listens() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                for endpoint in endpoints.values():
                    await client.get(endpoint)
        except httpx.TransportError:
            return False
        return True

    async with running_server((program, f"--config={file}"), log=log, ready=listens, within=60):
        yield endpoints
