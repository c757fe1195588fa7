"""The writer's loop, over a real embedded log and a store that fails as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from llmflow_bus import Bus, Message, Record, open_bus, topics
from llmflow_core.errors import Permanent, Retryable
from llmflow_core.logs import LogRecord
from llmflow_core.metrics import MetricPoint
from llmflow_core.otlp import any_value
from llmflow_core.pricing import Prices
from llmflow_core.spans import Span, SpanKey
from llmflow_store import Store, WriteResult
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually
from llmflow_testkit.recorded_coding_tools import recorded_metrics
from llmflow_writer import loop
from llmflow_writer.loop import WriterLoop
from llmflow_writer.metrics import MISSING_TOPICS
from llmflow_writer.records import GROUP
from llmflow_writer.settings import WriterSettings
from llmflow_writer.signals import SIGNALS


class FailingStore:
    """Keeps spans in memory, and bodies of logs and names of metrics. `failures` are raised first, one a call; spans
    named `poison` are refused for good, and so are such logs."""

    def __init__(self, failures: Sequence[Exception] = ()) -> None:
        self.failures = list(failures)
        self.calls: list[int] = []
        self.stored: dict[SpanKey, Span] = {}
        self.log_bodies: list[object] = []
        self.metric_names: list[str] = []
        self.before_write: Callable[[], Awaitable[None]] | None = None

    async def write_spans(self, spans: Sequence[Span]) -> WriteResult:
        self.calls.append(len(spans))
        if self.before_write:
            await self.before_write()
        if self.failures:
            raise self.failures.pop(0)
        if any(span.name == "poison" for span in spans):
            raise Permanent("poison")
        fresh = {span.key: span for span in spans if span.key not in self.stored}
        self.stored |= fresh
        return WriteResult(inserted=len(fresh), duplicates=len(spans) - len(fresh))

    async def write_logs(self, logs: Sequence[LogRecord]) -> WriteResult:
        if self.failures:
            raise self.failures.pop(0)
        if any(log.body == "poison" for log in logs):
            raise Permanent("poison")
        self.log_bodies += [log.body for log in logs]
        return WriteResult(inserted=len(logs), duplicates=0)

    async def write_metrics(self, points: Sequence[MetricPoint]) -> WriteResult:
        self.metric_names += [point.series.name for point in points]
        return WriteResult(inserted=len(points), duplicates=0)

    @property
    def span_numbers(self) -> list[int]:
        """The stored spans' ids, ascending."""
        return sorted(int.from_bytes(key.span_id) for key in self.stored)


@pytest_asyncio.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    bus = open_bus(f"embedded://{tmp_path}/log")
    await bus.create_topics(topics.ALL, partitions=1)
    yield bus
    await bus.close()


async def publish(bus: Bus, *values: bytes, project: str = "default", topic: str = topics.SPANS) -> None:
    producer = await bus.producer()
    headers = {topics.PROJECT_HEADER: project}
    await producer.publish(topic, [Message(value, headers=headers) for value in values])
    await producer.close()


def request(*numbers: int, name: str = "chat") -> bytes:
    return otlp_request(numbers, name=name).SerializeToString()


def logs(*bodies: str) -> bytes:
    """A request of one log record a body."""
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for body in bodies:
        records.add(time_unix_nano=1, body=any_value(body))
    return request.SerializeToString()


@asynccontextmanager
async def writing(bus: Bus, store: FailingStore, *, batch: int = 100) -> AsyncIterator[asyncio.Event]:
    """A loop that runs while the block does; the block may set the event earlier."""
    settings = WriterSettings(writer_batch_spans=batch, writer_retry_min=0.001, writer_retry_max=0.01)
    stop = asyncio.Event()
    task = asyncio.create_task(WriterLoop(bus, cast(Store, store), Prices(), settings).run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def until_stored(store: FailingStore, *numbers: int) -> None:
    async def all_there() -> bool:
        return store.span_numbers == sorted(numbers)

    await eventually(all_there, within=30)


async def dead_letters(bus: Bus, count: int) -> list[Record]:
    consumer = await bus.consumer("test", [topics.DEAD_LETTER])
    found: list[Record] = []

    async def enough() -> bool:
        found.extend((await consumer.poll(max_records=100, timeout=0.05)).records)
        return len(found) >= count

    await eventually(enough, within=30)
    await consumer.close()
    return found


async def uncommitted(bus: Bus) -> int:
    """How many records a next writer would get."""
    consumer = await bus.consumer(GROUP, list(SIGNALS))
    lag = await consumer.lag()
    await consumer.close()
    return lag


async def test_records_are_stored_and_committed(bus: Bus) -> None:
    store = FailingStore()
    await publish(bus, request(1, 2), request(3), project="shop")
    async with writing(bus, store):
        await until_stored(store, 1, 2, 3)
    assert {key.project for key in store.stored} == {"shop"}
    assert await uncommitted(bus) == 0


async def test_a_lone_span_does_not_wait_for_company(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_POLL_SECONDS", 100.0)
    store = FailingStore()
    await publish(bus, request(1))
    async with writing(bus, store) as stop:
        await until_stored(store, 1)
        await publish(bus, request(2))
        await until_stored(store, 1, 2)
        stop.set()
        await publish(bus, request(3))  # ends the wait for more


async def test_a_backlog_is_written_in_portions_of_the_size_that_is_set(bus: Bus) -> None:
    store = FailingStore()
    await publish(bus, *(request(number, number + 1) for number in range(1, 121, 2)))
    async with writing(bus, store, batch=10):
        await until_stored(store, *range(1, 121))
    assert sum(store.calls) == 120  # none came twice
    assert max(store.calls) == 10


async def test_a_record_with_more_spans_than_a_portion_is_written_whole(bus: Bus) -> None:
    store = FailingStore()
    await publish(bus, request(1), request(*range(2, 9)), request(9))
    async with writing(bus, store, batch=5):
        await until_stored(store, *range(1, 10))
    assert 7 in store.calls


async def test_while_the_store_is_away_nothing_is_committed_and_nothing_lost(bus: Bus) -> None:
    store = FailingStore([Retryable("away"), Retryable("away", retry_after=0.01), Retryable("away")])
    await publish(bus, request(1), request(2))
    async with writing(bus, store):
        await until_stored(store, 1, 2)
    assert len(store.calls) == 4
    assert await uncommitted(bus) == 0


async def test_a_stop_while_the_store_is_away_leaves_the_records_for_the_next(bus: Bus) -> None:
    store = FailingStore([Retryable("away", retry_after=3600)])
    await publish(bus, request(1))
    async with writing(bus, store):
        await eventually(lambda: called(store, 1), within=30)
    assert await uncommitted(bus) == 1
    async with writing(bus, store):
        await until_stored(store, 1)


async def called(store: FailingStore, times: int) -> bool:
    return len(store.calls) >= times


async def test_only_the_record_at_fault_goes_to_the_dead_letters(bus: Bus) -> None:
    store = FailingStore()
    poison = otlp_request([4, 5, 6])
    poison.resource_spans[0].scope_spans[0].spans[1].name = "poison"
    await publish(bus, request(1, 2, 3), poison.SerializeToString(), request(7, 8), project="shop")
    async with writing(bus, store):
        await until_stored(store, 1, 2, 3, 4, 6, 7, 8)
        (letter,) = await dead_letters(bus, 1)
    assert letter.value == poison.SerializeToString()
    assert letter.headers == {
        topics.PROJECT_HEADER: "shop",
        "llmflow-dead-letter-source": "llmflow-writer",
        "llmflow-dead-letter-reason": f"span {5:016x} of trace 5b8efff798038103d269b633813fc60c: poison",
        "llmflow-dead-letter-topic": "otlp_spans",
        "llmflow-dead-letter-partition": "0",
        "llmflow-dead-letter-offset": "1",
    }
    assert await uncommitted(bus) == 0


async def test_what_cannot_be_prepared_is_left_to_the_store_to_judge(bus: Bus) -> None:
    store = FailingStore()
    late = otlp_request([1, 2])
    late.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano = 2**63
    await publish(bus, late.SerializeToString(), request(3))
    async with writing(bus, store):
        await until_stored(store, 1, 2, 3)
    assert await uncommitted(bus) == 0


@pytest.mark.parametrize("value", [b"", b"\xff garbage"], ids=["empty", "garbage"])
async def test_a_record_that_cannot_be_read_does_not_hold_up_the_next(bus: Bus, value: bytes) -> None:
    store = FailingStore()
    await publish(bus, value, request(1))
    async with writing(bus, store):
        await until_stored(store, 1)
        if value:
            (letter,) = await dead_letters(bus, 1)
            assert letter.value == value
    assert await uncommitted(bus) == 0


async def test_a_stop_finishes_the_batch_in_hand(bus: Bus) -> None:
    store = FailingStore()
    await publish(bus, request(1), request(2))
    writes, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        writes.set()
        await go_on.wait()

    store.before_write = hold
    async with writing(bus, store, batch=1) as stop:
        await asyncio.wait_for(writes.wait(), 30)
        stop.set()
        go_on.set()
    assert store.span_numbers == [1]
    assert await uncommitted(bus) == 1


async def test_logs_and_metrics_are_stored_and_committed_beside_spans(bus: Bus) -> None:
    store = FailingStore()
    await publish(bus, logs("one", "two"), logs("three"), topic=topics.LOGS)
    await publish(bus, recorded_metrics("claude_code").SerializeToString(), topic=topics.METRICS)
    await publish(bus, request(1))
    async with writing(bus, store):
        await until_stored(store, 1)

        async def all_there() -> bool:
            return len(store.log_bodies) == 3 and "claude_code.cost.usage" in store.metric_names

        await eventually(all_there, within=30)
    assert store.log_bodies == ["one", "two", "three"]
    assert await uncommitted(bus) == 0


async def test_logs_wait_for_the_store_and_lose_only_the_one_at_fault(bus: Bus) -> None:
    store = FailingStore([Retryable("away"), Retryable("away")])
    await publish(bus, logs("one", "poison", "two"), b"\xff garbage", logs("three"), topic=topics.LOGS)
    async with writing(bus, store):

        async def all_there() -> bool:
            return store.log_bodies == ["one", "two", "three"]

        await eventually(all_there, within=30)
        letters = await dead_letters(bus, 2)
    reasons = {letter.headers["llmflow-dead-letter-reason"] for letter in letters}
    assert reasons == {"log record at 1: poison", "body: not a protobuf ExportLogsServiceRequest"}
    assert {letter.headers["llmflow-dead-letter-topic"] for letter in letters} == {"otlp_logs"}
    assert await uncommitted(bus) == 0


async def test_the_topics_that_are_there_are_read_although_others_cannot_be_made(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    missing = [topics.LOGS, topics.DEAD_LETTER]

    async def refuse(names: Sequence[str], *, partitions: int | None = None) -> None:
        if missing:
            raise Retryable("this user may not make topics")

    async def look(names: Sequence[str]) -> list[str]:
        return list(missing)

    monkeypatch.setattr(bus, "create_topics", refuse)
    monkeypatch.setattr(bus, "missing_topics", look)
    monkeypatch.setattr(loop, "_TOPICS_SECONDS", 0.0)
    await publish(bus, request(1))
    store = FailingStore()
    stop = asyncio.Event()
    writer = WriterLoop(bus, cast(Store, store), Prices(), WriterSettings())
    running = asyncio.create_task(writer.run(stop))
    await until_stored(store, 1)
    assert writer.missing_topics == missing
    assert MISSING_TOPICS.labels(topics.LOGS)._value.get() == 1
    assert "without topics otlp_logs, llmflow_dead_letter, which cannot be made: this user may not" in caplog.text
    missing.clear()
    await eventually(lambda: asyncio.sleep(0, not writer.missing_topics), within=30)
    assert MISSING_TOPICS.labels(topics.LOGS)._value.get() == 0
    stop.set()
    await asyncio.wait_for(running, 30)


async def test_topics_are_made_again_after_a_failure(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    create, made = bus.create_topics, list[Sequence[str]]()

    async def noting(names: Sequence[str], *, partitions: int | None = None) -> None:
        made.append(names)
        await create(names, partitions=partitions)

    monkeypatch.setattr(bus, "create_topics", noting)
    await publish(bus, request(1))
    store = FailingStore([Retryable("a topic was deleted")])
    async with writing(bus, store):
        await until_stored(store, 1)
    assert made == [topics.ALL, topics.ALL]
