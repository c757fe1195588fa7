"""The message log goes away under load, and the proxy with it: callers see nothing, no span is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from llmflow_bus import open_bus
from llmflow_bus.topics import SPANS
from llmflow_core.otlp import parse_traces, spans_of
from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port

if TYPE_CHECKING:
    from llmflow_testkit.clusters.kafka import RunningKafka
    from llmflow_testkit.providers import FakeProvider

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

OUTAGE_SECONDS = 60
#: A span that is older than this survives its proxy, on a machine that is busy too: it is spooled after 0.2 s.
SAFE_SECONDS = 2.0
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Why?"}]}


@dataclass
class Proxy:
    """A proxy with two workers and a spool, as a process of its own."""

    url: str
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "llmflow_proxy"], env=self.environment, stdout=output, stderr=output
            )

    def workers(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children()

    def kill(self) -> None:
        """kill -9 of the supervisor and of every worker. It must not put new ones into the place of those that died."""
        if self.process is not None:
            supervisor = psutil.Process(self.process.pid)
            supervisor.suspend()
            for process in [*self.workers(), supervisor]:
                process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(90) == 0
        self.process = None


@pytest.fixture
def proxy(own_kafka: RunningKafka, fake_provider: FakeProvider, tmp_path: Path) -> Iterator[Proxy]:
    port = free_port()
    environment = {
        **os.environ,
        "LLMFLOW_BUS_URL": f"{own_kafka.url}?timeout=3",
        "LLMFLOW_HOST": "127.0.0.1",
        "LLMFLOW_WORKERS": "2",
        "LLMFLOW_SPOOL_DIR": str(tmp_path / "spool"),
        "PROXY_PORT": str(port),
        "OPENAI_BASE_URL": f"{fake_provider.url}/v1",
    }
    running = Proxy(f"http://127.0.0.1:{port}", environment, tmp_path / "proxy.log")
    running.start()
    yield running
    running.kill()


@dataclass
class Load:
    """Calls through the proxy, each with an id of its own. `answered` are those that went well, and when."""

    url: str
    answered: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0

    async def one(self, client: httpx.AsyncClient) -> None:
        started = time.perf_counter()
        try:
            answer = await client.post(
                "/v1/chat/completions",
                json=CHAT,
                headers={"authorization": "Bearer sk-test", "x-trace-call": f"{id(self)}-{time.perf_counter_ns()}"},
            )
        except httpx.TransportError as error:
            self.failures.append(repr(error))
            return
        self.slowest = max(self.slowest, time.perf_counter() - started)
        if answer.status_code == httpx.codes.OK:
            self.answered[answer.request.headers["x-trace-call"]] = time.monotonic()
        else:
            self.failures.append(answer.text)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """About a hundred calls a second on four connections."""
        going = True

        async def caller(client: httpx.AsyncClient) -> None:
            while going:
                await self.one(client)
                await asyncio.sleep(0.03)

        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=20) as client:
            callers = [asyncio.create_task(caller(client)) for _ in range(4)]
            try:
                yield
            finally:
                going = False
                await asyncio.gather(*callers)


async def ready(proxy: Proxy) -> None:
    async with httpx.AsyncClient(base_url=proxy.url, trust_env=False) as client:

        async def answers() -> bool:
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(answers, within=60)


async def assert_recorded(kafka: RunningKafka, calls: Collection[str]) -> None:
    """Every call has a span in the log."""
    bus = open_bus(kafka.url)
    found: set[object] = set()
    try:
        consumer = await bus.consumer("tests", [SPANS])

        async def all_there() -> bool:
            batch = await consumer.poll(max_records=500, timeout=1)
            for record in batch.records:
                found.update(span.attributes.get("call") for span in spans_of(parse_traces(record.value)))
            return found >= set(calls)

        try:
            await eventually(all_there, within=60)
        except AssertionError:
            missing = [call for call in calls if call not in found]
            raise AssertionError(f"{len(missing)} of {len(calls)} calls have no span") from None
    finally:
        await bus.close()


async def test_an_outage_under_load(own_kafka: RunningKafka, proxy: Proxy) -> None:
    await ready(proxy)
    load = Load(proxy.url)
    async with load.running():

        async def warm() -> bool:
            return len(load.answered) > 100

        await eventually(warm, within=60)
        await asyncio.to_thread(own_kafka.stop)
        over = time.monotonic() + OUTAGE_SECONDS

        async def is_over() -> bool:
            return time.monotonic() > over

        before = len(load.answered)
        await eventually(is_over, within=OUTAGE_SECONDS + 5)
        during = len(load.answered) - before
        await asyncio.to_thread(own_kafka.start)
    assert load.failures == []
    # Calls that wait for the log would be fewer than two a second.
    assert load.slowest < 10
    assert during > 10 * OUTAGE_SECONDS
    await assert_recorded(own_kafka, load.answered)
    proxy.stop()


async def test_a_killed_proxy_loses_the_last_moment_only(own_kafka: RunningKafka, proxy: Proxy) -> None:
    """Even when the log went away so shortly before that nobody has noticed."""
    await ready(proxy)
    load = Load(proxy.url)
    async with load.running():

        async def warm() -> bool:
            return len(load.answered) > 100

        await eventually(warm, within=60)
        before = len(load.answered)
        own_kafka.kill()
        gone = time.monotonic()

        async def is_time() -> bool:
            return time.monotonic() > gone + SAFE_SECONDS + 0.5

        await eventually(is_time, within=30, every=0.01)
        killed = time.monotonic()
        assert load.failures == []
        proxy.kill()
    finished = [call for call, at in load.answered.items() if at < killed - SAFE_SECONDS]
    assert len(finished) > before
    await asyncio.to_thread(own_kafka.start)
    proxy.start()
    await ready(proxy)
    await assert_recorded(own_kafka, finished)


async def test_a_proxy_that_stops_during_an_outage_spools_what_it_holds(own_kafka: RunningKafka, proxy: Proxy) -> None:
    await ready(proxy)
    load = Load(proxy.url)
    await asyncio.to_thread(own_kafka.stop)
    async with httpx.AsyncClient(base_url=proxy.url, trust_env=False, timeout=20) as client:
        for _ in range(50):
            await load.one(client)
    await asyncio.to_thread(proxy.stop)
    assert load.failures == []
    await asyncio.to_thread(own_kafka.start)
    proxy.start()
    await assert_recorded(own_kafka, load.answered)
