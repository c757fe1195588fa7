"""The way from the recorder to the log: batches, outages, limits, the end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import Counter

from llmflow_bus import Message
from llmflow_bus.topics import PROJECT_HEADER, SPANS
from llmflow_core.errors import Permanent, Retryable
from llmflow_proxy import publisher as publisher_module
from llmflow_proxy.publisher import DROPPED, PUBLISHED, REPLAYED, SPOOLED, Publisher
from llmflow_proxy.spool import Spool
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
async def publishing(
    log: ScriptedLog, *, capacity: int = 10_000, timeout: float = 60, spool: Spool | None = None
) -> AsyncIterator[Publisher]:
    publisher = Publisher(
        log,  # type: ignore[arg-type]
        capacity=capacity,
        shrink=lambda span, size: span[:size] if size > 10 else None,
        spool=spool,
    )
    publisher.start()
    try:
        yield publisher
    finally:
        await publisher.close(timeout=timeout)


async def is_true(condition: Callable[[], object]) -> None:
    async def probe() -> object:
        return condition()

    await eventually(probe, within=30)


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
    assert log.values == [b"first", b"second"]


async def test_why_the_log_takes_nothing_is_told_once_it_is_known(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publisher_module, "_PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(publisher_module, "_RETRY_SECONDS", (0.001, 0.001))
    log = SlowLog()
    async with publishing(log) as publisher:
        publisher.offer("default", b"span")
        await is_true(lambda: log.tries >= 5)
        assert re.fullmatch(r"try \d+: no topic otlp_spans to be seen", publisher.trouble)
        log.taking = True
        await is_true(lambda: log.taken)
        await is_true(lambda: not publisher.trouble)
    told = [record.getMessage().partition(": ")[2] for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["it does not answer", "try 1: no topic otlp_spans to be seen"]


class SlowLog(ScriptedLog):
    """One that says after a while that its topic is missing."""

    tries = 0
    taking = False

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        self.tries += 1
        if not self.taking:
            await asyncio.sleep(0.05)
            raise Retryable(f"try {self.tries}: no topic {topic} to be seen")
        await super().publish(topic, messages)


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


async def test_of_a_batch_that_the_log_refuses_only_the_span_at_fault_is_dropped() -> None:
    class SmallerLog(ScriptedLog):
        async def publish(self, topic: str, messages: Sequence[Message]) -> None:
            if any(len(message.value) > 12 for message in messages):
                raise Permanent("larger than the topic takes")
            await super().publish(topic, messages)

    log = SmallerLog()
    before = dropped("refused")
    async with publishing(log) as publisher:
        for span in (b"1111", b"2222", b"3" * 20, b"4444", b"5555"):
            publisher.offer("default", span)
    assert b"".join(log.values) == b"1111222244445555"
    assert dropped("refused") == before + 1


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


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", capacity=64 << 20)


def count(metric: Counter) -> float:
    return float(metric._value.get())


async def test_an_outage_moves_spans_to_the_spool_and_back(spool: Spool) -> None:
    log = ScriptedLog(reachable=False)
    before = count(SPOOLED), count(REPLAYED), dropped("buffer_full")
    async with publishing(log, capacity=200, spool=spool) as publisher:
        for number in range(40):
            assert publisher.offer("default", b"%010d" % number)
            await is_true(lambda: publisher._bytes <= 100)
        await is_true(lambda: not publisher._waiting)
        assert count(SPOOLED) == before[0] + 40
        log.reachable = True
        await is_true(lambda: count(REPLAYED) == before[1] + 40)
    assert b"".join(log.values) == b"".join(b"%010d" % number for number in range(40))
    assert dropped("buffer_full") == before[2]


async def test_a_log_that_does_not_answer_counts_as_away(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "_PATIENCE_SECONDS", 0.05)
    log = ScriptedLog()
    answer = asyncio.Event()
    publish = log.publish

    async def slow(topic: str, messages: Sequence[Message]) -> None:
        await answer.wait()
        await publish(topic, messages)

    log.publish = slow  # type: ignore[method-assign]
    before = count(SPOOLED)
    async with publishing(log, spool=spool) as publisher:
        publisher.offer("default", b"1")
        await is_true(lambda: count(SPOOLED) == before + 1)
        assert not publisher._waiting
        answer.set()
        await is_true(lambda: log.values)
        publisher.offer("default", b"2")
        await is_true(lambda: b"2" in b"".join(log.values))
    assert set(b"".join(log.values)) == set(b"12")


async def test_what_the_log_has_not_taken_soon_is_in_the_spool_until_it_has(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "_PATIENCE_SECONDS", 60.0)
    log = ScriptedLog()
    answer = asyncio.Event()
    publish = log.publish

    async def slow(topic: str, messages: Sequence[Message]) -> None:
        await answer.wait()
        await publish(topic, messages)

    log.publish = slow  # type: ignore[method-assign]
    reader = Spool(tmp_path / "spool", capacity=1 << 20)
    before = count(SPOOLED), count(REPLAYED), count(PUBLISHED)
    async with publishing(log, spool=spool) as publisher:
        publisher.offer("default", b"on its way")
        await is_true(lambda: count(SPOOLED) == before[0] + 1)
        publisher.offer("default", b"behind it")
        await is_true(lambda: count(SPOOLED) == before[0] + 2)
        assert not publisher._away
        assert [span.span for span in await reader.oldest(max_bytes=100)] == [b"on its way", b"behind it"]
        await reader.close()
        answer.set()
        await is_true(lambda: count(REPLAYED) == before[1] + 2)
        assert await spool.oldest(max_bytes=100) == []
    assert log.values == [b"on its way", b"behind it"]
    assert count(PUBLISHED) == before[2] + 2


async def test_closing_without_a_log_leaves_everything_in_the_spool(spool: Spool, tmp_path: Path) -> None:
    before = dropped("shutdown")
    async with publishing(ScriptedLog(reachable=False), spool=spool) as publisher:
        publisher.offer("default", b"1")
        await is_true(lambda: publisher._away)
        publisher.offer("other", b"2")
    assert dropped("shutdown") == before
    log = ScriptedLog()
    async with publishing(log, spool=Spool(tmp_path / "spool", capacity=1 << 20)):
        await is_true(lambda: len(log.taken) == 2)
    assert [(message.headers[PROJECT_HEADER], message.value) for message in log.taken] == [
        ("default", b"1"),
        ("other", b"2"),
    ]


async def test_a_full_spool_leaves_spans_in_memory_until_that_is_full(tmp_path: Path) -> None:
    log = ScriptedLog(reachable=False)
    before = dropped("buffer_full")
    async with publishing(log, capacity=30, timeout=60, spool=Spool(tmp_path, capacity=1)) as publisher:
        for span in (b"1" * 10, b"2" * 10, b"3" * 10):
            assert publisher.offer("default", span)
        assert not publisher.offer("default", b"4")
        await is_true(lambda: publisher._spool_fails)
        log.reachable = True
        # Closing waits for the log: only it can take what the spool cannot.
    assert b"".join(log.values) == b"1" * 10 + b"2" * 10 + b"3" * 10
    assert dropped("buffer_full") == before + 1


async def test_a_disk_that_lets_go_of_nothing_has_nothing_published_again(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "_LOOK_SECONDS", 0.01)
    log = ScriptedLog(reachable=False)
    remove, refused, removed = spool.remove, 0, asyncio.Event()

    async def refuse_at_first(ids: Iterable[int]) -> None:
        nonlocal refused
        if refused < 3:
            refused += 1
            raise Retryable("the disk is full")
        await remove(ids)
        removed.set()

    monkeypatch.setattr(spool, "remove", refuse_at_first)
    before = count(SPOOLED)
    async with publishing(log, spool=spool) as publisher:
        for number in range(20):
            assert publisher.offer("default", b"%010d" % number)
        await is_true(lambda: count(SPOOLED) == before + 20)
        log.reachable = True
        await asyncio.wait_for(removed.wait(), 60)
        await is_true(lambda: len(b"".join(log.values)) >= 200)
    assert b"".join(log.values) == b"".join(b"%010d" % number for number in range(20))


async def test_a_disk_that_fails_holds_up_nothing(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    log = ScriptedLog()
    async with publishing(log, spool=Spool(tmp_path / "spool", capacity=1 << 20)) as publisher:
        publisher.offer("default", b"1")
        await is_true(lambda: log.values)
