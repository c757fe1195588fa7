"""The way from the recorder to the log: batches, outages, limits, the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from llmflow_bus import Message
from llmflow_bus.topics import PROJECT_HEADER, SPANS
from llmflow_core.errors import Permanent, Retryable
from llmflow_proxy.publisher import DROPPED, Publisher
from llmflow_testkit.polling import eventually


@dataclass
class ScriptedLog:
    """A bus and producer in one that takes messages, or fails as told."""

    taken: list[Message] = field(default_factory=list)
    failure: Callable[[], Exception] | None = None
    reachable: bool = True
    max_message_bytes: int = 1000
    closed: bool = False

    async def producer(self) -> ScriptedLog:
        if not self.reachable:
            raise Retryable("connection refused")
        return self

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        assert topic == SPANS
        if self.failure:
            raise self.failure()
        assert all(len(message.value) <= self.max_message_bytes for message in messages)
        self.taken += messages

    async def close(self) -> None:
        self.closed = True

    @property
    def values(self) -> list[bytes]:
        return [message.value for message in self.taken]


def dropped(reason: str) -> float:
    return float(DROPPED.labels(reason)._value.get())


@asynccontextmanager
async def publishing(log: ScriptedLog, *, capacity: int = 10_000, timeout: float = 5) -> AsyncIterator[Publisher]:
    publisher = Publisher(log, capacity=capacity, shrink=lambda span, size: span[:size] if size > 10 else None)  # type: ignore[arg-type]
    publisher.start()
    try:
        yield publisher
    finally:
        await publisher.close(timeout=timeout)


async def is_true(condition: Callable[[], object]) -> None:
    async def probe() -> object:
        return condition()

    await eventually(probe, within=10)


async def test_spans_of_a_project_travel_together() -> None:
    log = ScriptedLog()
    async with publishing(log) as publisher:
        for project, span in [("a", b"1"), ("b", b"2"), ("a", b"3")]:
            assert publisher.offer(project, span)
        await is_true(lambda: len(log.taken) == 2)
    assert [(message.headers[PROJECT_HEADER], message.value) for message in log.taken] == [("a", b"13"), ("b", b"2")]
    assert log.closed


async def test_batches_stay_below_what_the_log_takes() -> None:
    log = ScriptedLog(max_message_bytes=10)
    async with publishing(log) as publisher:
        for _ in range(7):
            publisher.offer("default", b"1234")
    assert log.values == [b"12341234", b"12341234", b"12341234", b"1234"]


@pytest.mark.parametrize("outage", ["unreachable", "refusing", "buggy"])
async def test_spans_wait_while_the_log_is_away(outage: str) -> None:
    log = ScriptedLog(reachable=outage != "unreachable")
    if outage != "unreachable":
        log.failure = lambda: Retryable("away") if outage == "refusing" else RuntimeError("a bug of the adapter")
    async with publishing(log) as publisher:
        publisher.offer("default", b"first")
        publisher.offer("default", b"second")
        await is_true(lambda: publisher._away)
        log.failure, log.reachable = None, True
        await is_true(lambda: log.taken)
    assert log.values == [b"firstsecond"]


async def test_a_full_buffer_drops_and_counts() -> None:
    log = ScriptedLog(reachable=False)
    before = dropped("buffer_full"), dropped("shutdown")
    async with publishing(log, capacity=10, timeout=0.01) as publisher:
        assert publisher.offer("default", b"12345678")
        assert not publisher.offer("default", b"123")
        assert publisher.offer("default", b"12")
    assert (dropped("buffer_full"), dropped("shutdown")) == (before[0] + 1, before[1] + 2)


async def test_a_span_too_large_for_the_log_is_made_smaller() -> None:
    log = ScriptedLog(max_message_bytes=20)
    async with publishing(log) as publisher:
        publisher.offer("default", b"x" * 50)
        publisher.offer("default", b"small")
    assert log.values == [b"x" * 20, b"small"]


async def test_a_span_that_cannot_be_made_smaller_is_dropped() -> None:
    log = ScriptedLog(max_message_bytes=10)
    before = dropped("too_large")
    async with publishing(log) as publisher:
        publisher.offer("default", b"x" * 50)
        publisher.offer("default", b"small")
    assert (log.values, dropped("too_large")) == ([b"small"], before + 1)


async def test_what_the_log_refuses_for_good_is_dropped() -> None:
    log = ScriptedLog(failure=lambda: Permanent("no"))
    before = dropped("refused")
    async with publishing(log) as publisher:
        publisher.offer("default", b"1")
    assert (log.taken, dropped("refused")) == ([], before + 1)


async def test_closing_publishes_what_waits() -> None:
    log = ScriptedLog()
    async with publishing(log) as publisher:
        publisher.offer("default", b"1")
    assert log.values == [b"1"]


async def test_nothing_is_lost_when_closing_interrupts_a_publish() -> None:
    log = ScriptedLog()
    started, release = asyncio.Event(), asyncio.Event()
    publish = log.publish

    async def slow(topic: str, messages: Sequence[Message]) -> None:
        started.set()
        await release.wait()
        await publish(topic, messages)

    log.publish = slow  # type: ignore[method-assign]
    async with publishing(log) as publisher:
        publisher.offer("default", b"1")
        await started.wait()
        release.set()
    assert log.values == [b"1"]
