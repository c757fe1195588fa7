"""The receiver on real ports of this process, and what the log behind it holds."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from llmflow_bus import Record, open_bus, topics
from llmflow_ingest.app import create_app
from llmflow_ingest.settings import IngestSettings
from llmflow_testkit.ports import free_port
from llmflow_testkit.serving import serving


@dataclass(frozen=True)
class RunningIngest:
    """Where a receiver listens, over HTTP and gRPC, and the log that it writes to."""

    url: str
    grpc: str
    bus_url: str

    async def records(self) -> list[Record]:
        """All that the spans' topic holds."""
        return await records_of(self.bus_url, topics.SPANS)


async def records_of(bus_url: str, topic: str) -> list[Record]:
    """All that a topic holds."""
    bus = open_bus(bus_url)
    try:
        consumer = await bus.consumer(f"test-{uuid.uuid4()}", [topic])
        found: list[Record] = []
        while await consumer.lag():
            batch = await consumer.poll(max_records=1000, timeout=5)
            found += batch.records
            await consumer.commit(batch)
        return found
    finally:
        await bus.close()


@asynccontextmanager
async def start_ingest(bus_url: str, **overrides: Any) -> AsyncIterator[RunningIngest]:
    """Serve in this event loop while the block runs; `overrides` are settings."""
    values = {"host": "127.0.0.1", "ingest_http_port": free_port(), "ingest_grpc_port": free_port(), **overrides}
    settings = IngestSettings(bus_url=bus_url, **values)
    async with serving(create_app(settings), settings.ingest_http_port) as url:
        yield RunningIngest(url=url, grpc=f"127.0.0.1:{settings.ingest_grpc_port}", bus_url=bus_url)
