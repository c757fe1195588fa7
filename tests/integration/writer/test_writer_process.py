"""`python -m llmflow_writer` between a real log and a real database."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from llmflow_bus import Message, open_bus, topics
from llmflow_core.filters import Text
from llmflow_store import SpanQuery, open_store
from llmflow_store.migrations import migrate
from llmflow_testkit.clusters import RunningPostgres
from llmflow_testkit.otlp_requests import TRACE_ID, otlp_request
from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port
from llmflow_testkit.recount import assert_rollups_match
from llmflow_testkit.service_process import environment_of
from llmflow_testkit.spans import make_span


@dataclass(frozen=True)
class Writer:
    process: subprocess.Popen[bytes]
    url: str

    async def ready(self) -> int:
        """The status of /readyz; 0 while nobody listens."""
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                return (await client.get(f"{self.url}/readyz")).status_code
        except httpx.TransportError:
            return 0

    async def tells(self, sample: str) -> None:
        """Wait for a line of /metrics, which comes a moment after what it counts."""

        async def told() -> bool:
            async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
                return sample in (await client.get(f"{self.url}/metrics")).text

        await eventually(told, within=30)


@contextmanager
def writer(bus_url: str, database_url: str, **variables: object) -> Iterator[Writer]:
    """A running writer; at the end it must still run, and stop in good order."""
    port = free_port()
    settings = {
        "LLMFLOW_BUS_URL": bus_url,
        "LLMFLOW_DATABASE_URL": database_url,
        "LLMFLOW_HOST": "127.0.0.1",
        "LLMFLOW_HEALTH_PORT": port,
        "LLMFLOW_WRITER_RETRY_MAX": 0.2,
        **variables,
    }
    process = subprocess.Popen([sys.executable, "-m", "llmflow_writer"], env=environment_of(settings))
    try:
        yield Writer(process, f"http://127.0.0.1:{port}")
        assert process.poll() is None
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


async def publish(bus_url: str, *numbers: int) -> None:
    bus = open_bus(bus_url)
    producer = await bus.producer()
    await producer.publish(topics.SPANS, [Message(otlp_request([number]).SerializeToString()) for number in numbers])
    await bus.close()


async def test_spans_go_from_the_log_to_the_database(tmp_path: Path, database_url: str) -> None:
    bus_url = f"embedded://{tmp_path}/log"
    await migrate(database_url)
    store = open_store(database_url)
    with writer(bus_url, database_url) as running:
        await publish(bus_url, 1, 2, 3, 2)

        async def all_there() -> bool:
            trace = await store.get_trace("default", TRACE_ID)
            return trace is not None and trace.summary.span_count == 3

        async def all_found() -> bool:
            page = await store.list_spans(SpanQuery(project="default", filter=Text("hello")))
            return len(page.spans) == 3

        await eventually(all_there, within=30)
        await eventually(all_found, within=30)
        assert await running.ready() == 200
        for outcome, count in (("written", 3.0), ("duplicate", 1.0)):
            await running.tells(f'llmflow_writer_spans_total{{outcome="{outcome}"}} {count}')
    await store.close()
    assert await assert_rollups_match(database_url) == 3


async def test_it_removes_what_is_past_its_time(tmp_path: Path, database_url: str) -> None:
    await migrate(database_url)
    store = open_store(database_url)
    old, new = make_span(), make_span(start_time_ns=time.time_ns())
    await store.write_spans([old, new])

    async def gone() -> bool:
        return await store.get_trace("default", old.trace_id) is None

    with writer(f"embedded://{tmp_path}/log", database_url, RETENTION_DAYS=30) as running:
        await eventually(gone, within=30)
        await running.tells('llmflow_writer_retention_rows_total{table="traces"} 1.0')
    assert await store.get_trace("default", new.trace_id) is not None
    await store.close()


async def test_it_outlives_the_database(tmp_path: Path, own_embedded_postgres: RunningPostgres) -> None:
    bus_url = f"embedded://{tmp_path}/log"
    database_url = own_embedded_postgres.url
    await migrate(database_url)
    with writer(bus_url, database_url) as running:

        async def answers(status: int) -> bool:
            return await running.ready() == status

        await eventually(lambda: answers(200), within=30)
        await publish(bus_url, *range(1, 51))
        own_embedded_postgres.kill()
        await eventually(lambda: answers(503), within=30)
        await publish(bus_url, *range(51, 101))
        own_embedded_postgres.start()

        async def all_there() -> bool:
            return await assert_rollups_match(database_url) == 100

        await eventually(all_there, within=30, every=0.2)
        await eventually(lambda: answers(200), within=30)
