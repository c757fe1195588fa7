"""The receiver on real ports of this process, and what the log behind it holds."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from llmflow_bus import Record, open_bus, topics
from llmflow_ingest.app import create_app
from llmflow_ingest.settings import IngestSettings
from llmflow_testkit.ports import free_port


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


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to pytest."""
        yield


@asynccontextmanager
async def start_ingest(bus_url: str, **overrides: Any) -> AsyncIterator[RunningIngest]:
    """Serve in this event loop while the block runs; `overrides` are settings."""
    values = {"host": "127.0.0.1", "ingest_http_port": free_port(), "ingest_grpc_port": free_port(), **overrides}
    settings = IngestSettings(bus_url=bus_url, **values)
    http_port = settings.ingest_http_port
    config = uvicorn.Config(create_app(settings), host=settings.host, port=http_port, lifespan="on", log_config=None)
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if serving.done():
                raise RuntimeError("the receiver did not start; its log says why")
            await asyncio.sleep(0.01)
        yield RunningIngest(
            url=f"http://127.0.0.1:{http_port}", grpc=f"127.0.0.1:{settings.ingest_grpc_port}", bus_url=bus_url
        )
    finally:
        server.should_exit = True
        await serving
