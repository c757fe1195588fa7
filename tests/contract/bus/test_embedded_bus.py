"""What only the embedded log promises: several processes at once, retention, an event loop that is never held up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from llmflow_bus import Batch, Message, Record, open_bus
from llmflow_bus.embedded.damage import first_row
from llmflow_bus.embedded.log import EmbeddedLog
from llmflow_core.errors import Retryable
from llmflow_testkit.bus_contract import numbered, read, values
from llmflow_testkit.bus_process import bus_process
from llmflow_testkit.polling import eventually


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def url(folder: Path) -> str:
    return f"embedded://{folder}"


@pytest.fixture
async def log(folder: Path) -> AsyncIterator[EmbeddedLog]:
    log = EmbeddedLog(folder)
    log.create_topics(["topic"], 2)
    yield log
    log.close()


async def test_processes_publish_at_once_and_every_acknowledged_record_outlives_their_kill(url: str) -> None:
    bus = open_bus(url)
    await bus.create_topics(["topic"], partitions=2)
    names = ["red", "green", "blue"]
    acknowledged: set[str] = set()

    async def run(name: str) -> None:
        async with bus_process("publish", url, "topic", name) as process:
            assert process.stdout is not None
            for _ in range(200):
                acknowledged.add((await process.stdout.readline()).decode().strip())
            os.kill(process.pid, signal.SIGKILL)
            # What it printed before it died counts; a line that was cut off does not.
            rest = (await process.stdout.read()).decode()
            acknowledged.update(rest.rpartition("\n")[0].splitlines())

    await asyncio.gather(*(run(name) for name in names))
    assert len(acknowledged) >= 600

    consumer = await bus.consumer("group", ["topic"])
    records: list[Record] = []
    while batch := (await consumer.poll(max_records=1000, timeout=0)).records:
        records += batch
    found = [record.value.decode() for record in records]
    assert acknowledged <= set(found)
    assert len(found) == len(set(found))
    for partition in (0, 1):
        offsets = [record.offset for record in records if record.partition == partition]
        assert offsets == list(range(len(offsets)))
    await bus.close()


async def test_a_waiting_consumer_hears_of_another_process_within_a_moment(url: str) -> None:
    bus, other = open_bus(url), open_bus(url)
    consumer, producer = await bus.consumer("group", ["topic"]), await other.producer()
    delays = []
    for n in range(20):
        waiting = asyncio.create_task(consumer.poll(max_records=1, timeout=30))
        await producer.publish("topic", [Message(str(time.monotonic()).encode())])
        (record,) = (await waiting).records
        delays.append(time.monotonic() - float(record.value))
        assert record.offset == n
    # Measured on two busy cores: 28 ms in the middle, 51 ms at most.
    assert sorted(delays)[10] < 2
    await bus.close()
    await other.close()


async def test_the_event_loop_goes_on_while_the_log_works(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmflow_bus.embedded.log._BUSY_SECONDS", 30)
    bus = open_bus(url)
    producer, consumer = await bus.producer(), await bus.consumer("group", ["topic"])
    gaps = []

    async def tick() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    ticking = asyncio.create_task(tick())
    # Another writer holds the log for a while: whoever waits for it must not do so on the event loop.
    writer = sqlite3.connect(url.removeprefix("embedded://") + "/log.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    publishing = asyncio.create_task(producer.publish("topic", [Message(bytes(2**20))] * 8))
    await asyncio.wait([publishing], timeout=1)
    await eventually(lambda: asyncio.sleep(0, len(gaps) > 50), within=20)
    assert not publishing.done()
    writer.execute("ROLLBACK")
    writer.close()
    await publishing
    await consumer.commit(Batch(await read(consumer, 8)))
    ticking.cancel()
    assert max(gaps) < 10
    await bus.close()


async def test_a_log_that_stays_locked_is_retryable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmflow_bus.embedded.log._BUSY_SECONDS", 0.1)
    bus = open_bus(url)
    producer, consumer = await bus.producer(), await bus.consumer("group", ["topic"])
    await producer.publish("topic", numbered(1))
    batch = Batch(await read(consumer, 1))
    writer = sqlite3.connect(url.removeprefix("embedded://") + "/log.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(Retryable, match="locked"):
        await producer.publish("topic", numbered(1))
    with pytest.raises(Retryable, match="locked"):
        await consumer.commit(batch)
    writer.close()
    await producer.publish("topic", numbered(1))
    await consumer.commit(batch)
    await bus.close()


async def test_a_full_disk_is_retryable(folder: Path, log: EmbeddedLog) -> None:
    log._connection.execute("PRAGMA max_page_count = 300")
    with pytest.raises(Retryable, match="full"):
        log.append([("topic", Message(bytes(2**21)))])
    log._connection.execute("PRAGMA max_page_count = 100000")
    log.append([("topic", Message(b"fits"))])
    records = [record for p in log.partitions("topic") for record in log.read(p, 0, max_records=10, max_bytes=2**30)]
    assert [(record.offset, record.value) for record in records] == [(0, b"fits")]


async def test_a_log_that_could_not_be_written_to_is_opened_anew(url: str) -> None:
    bus = open_bus(url)
    producer, consumer = await bus.producer(), await bus.consumer("group", ["topic"])
    await producer.publish("topic", numbered(1))
    batch = Batch(await read(consumer, 1))
    clients: list[Any] = [producer, consumer]
    for client in clients:
        # As SQLite opens a file that nobody may write to at that moment, and keeps it.
        await client._worker.run(lambda log: log._connection.execute("PRAGMA query_only = ON"))
    await producer.publish("topic", numbered(1, start=1))
    await consumer.commit(batch)
    assert values(await read(consumer, 1)) == [1], "nothing that was read comes again"
    await bus.close()


async def test_a_log_that_was_replaced_is_opened_anew(url: str, folder: Path) -> None:
    bus = open_bus(url)
    producer, consumer = await bus.producer(), await bus.consumer("group", ["topic"])
    await producer.publish("topic", numbered(5))
    batch = Batch(await read(consumer, 5))
    folder.rename(folder.with_suffix(".old"))
    await open_bus(url).create_topics(["topic"])

    await consumer.commit(batch)
    await producer.publish("topic", numbered(2, start=10))
    assert values(await read(consumer, 2)) == [10, 11]
    await bus.close()


@pytest.mark.parametrize(
    "damage", ["headers = '{oops'", "headers = CAST(x'7bff7d' AS TEXT)", "headers = '[1]'", "value = 7"]
)
async def test_damaged_records_are_left_out(
    url: str, folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    bus = open_bus(url)
    producer = await bus.producer()
    await producer.publish("topic", [Message(b"%d" % n, headers={"name": "value"}) for n in range(4)])
    with contextlib.closing(sqlite3.connect(folder / "log.db", isolation_level=None)) as connection:
        connection.execute(f"UPDATE records SET {damage} WHERE id & 3 IN (1, 2)")
    consumer = await bus.consumer("group", ["topic"])
    assert values(await read(consumer, 2)) == [0, 3]
    assert "topic[0] 1 is damaged" in caplog.text
    await bus.close()


async def test_damaged_pages_are_read_past(url: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    bus = open_bus(url)
    producer = await bus.producer()
    await producer.publish("topic", [Message(b"%08d" % n + bytes(1000)) for n in range(400)])
    await bus.close()
    path = folder / "log.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    damaged = [content.index(b"%08d" % n + bytes(1000)) // size for n in (0, 1, 2, 3, 200)]
    for page in damaged:
        content[page * size : (page + 1) * size] = bytes(size)
    path.write_bytes(content)

    bus = open_bus(url)
    consumer = await bus.consumer("group", ["topic"])
    found = {int(record.value[:8]) for record in (await consumer.poll(max_records=400, timeout=10)).records}
    assert {*range(10, 190), *range(210, 400)} <= found
    assert not {0, 200} & found
    assert await consumer.lag() <= 400
    assert "lost on a damaged page" in caplog.text
    await (await bus.producer()).publish("topic", [Message(b"400")])
    assert values(await read(consumer, 1)) == [400]
    await bus.close()


@pytest.mark.parametrize("records", [1, 40])
def test_a_damaged_last_page_ends_what_is_read(
    folder: Path, log: EmbeddedLog, caplog: pytest.LogCaptureFixture, records: int
) -> None:
    log.append([("topic", Message(b"%08d" % n + bytes(3000), key=b"k")) for n in range(records)])
    log.close()
    path = folder / "log.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    page = content.index(b"%08d" % (records - 1) + bytes(1000)) // size
    content[page * size : (page + 1) * size] = b"\xff" * size
    path.write_bytes(content)

    damaged = EmbeddedLog(folder)
    damaged.join("group", damaged.partitions("topic"), "earliest")
    found = [
        record.offset
        for p in damaged.partitions("topic")
        for record in damaged.read(p, 0, max_records=99, max_bytes=1 << 20)
    ]
    damaged.close()
    assert found == list(range(len(found)))
    assert max(0, records - 3) <= len(found) < records
    assert "lost on a damaged page" in caplog.text


def test_a_record_that_comes_while_a_group_joins_is_not_behind_it(
    log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def head_before_more(connection: sqlite3.Connection, query: str, first: int, end: int) -> object:
        found = first_row(connection, query, first, end)
        log.append([("topic", message) for message in numbered(10)])
        return found

    monkeypatch.setattr("llmflow_bus.embedded.log.first_row", head_before_more)
    partitions = log.partitions("topic")
    log.join("group", partitions[:1], "earliest")
    assert log.end(partitions[0]) > 0
    assert log.committed("group", partitions[0]) == 0


def _retained(log: EmbeddedLog) -> list[int]:
    return sorted(
        int(record.value[:8])
        for p in log.partitions("topic")
        for record in log.read(p, 0, max_records=9999, max_bytes=2**30)
    )


async def test_retention_by_size_keeps_the_newest_and_gives_the_space_back(folder: Path, log: EmbeddedLog) -> None:
    for n in range(0, 2000, 100):
        log.append([("topic", Message(b"%08d" % m + bytes(10_000))) for m in range(n, n + 100)])
    removed = log.retain(max_bytes=4 * 2**20, max_age_seconds=3600)

    kept = _retained(log)
    assert len(kept) == 2000 - removed
    assert 300 <= len(kept) <= 420
    assert min(kept) >= 1000, "the oldest went"
    log._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (folder / "log.db").stat().st_size <= 4.2 * 2**20
    assert log.retain(max_bytes=4 * 2**20, max_age_seconds=3600) == 0


async def test_retention_by_age_never_reuses_an_offset(log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log.append([("topic", message) for message in numbered(700)])
    in_an_hour = time.time_ns() + 3600 * 10**9
    monkeypatch.setattr("time.time_ns", lambda: in_an_hour)
    log.append([("topic", message) for message in numbered(10, start=700)])
    assert log.retain(max_bytes=2**30, max_age_seconds=1800) == 700
    assert _retained(log) == list(range(700, 710))
    assert log.retain(max_bytes=2**30, max_age_seconds=-1) == 10
    log.append([("topic", message) for message in numbered(2, start=710)])
    offsets = {
        p.number: [r.offset for r in log.read(p, 0, max_records=9, max_bytes=99)] for p in log.partitions("topic")
    }
    assert offsets == {0: [355], 1: [355]}


async def test_a_group_that_retention_overtook_goes_on_at_the_oldest_record(
    url: str, log: EmbeddedLog, caplog: pytest.LogCaptureFixture
) -> None:
    bus = open_bus(url)
    producer, consumer = await bus.producer(), await bus.consumer("group", ["topic"])
    await producer.publish("topic", numbered(10, key=b"k"))
    await consumer.commit(Batch((await read(consumer, 10))[:4]))
    await consumer.close()
    log.retain(max_bytes=2**30, max_age_seconds=-1)
    await producer.publish("topic", numbered(3, start=10, key=b"k"))

    late = await bus.consumer("group", ["topic"])
    assert await late.lag() == 3
    with caplog.at_level(logging.WARNING):
        assert values(await read(late, 3)) == [10, 11, 12]
    assert [record.message for record in caplog.records] == [
        "group group lost 6 records of topic: retention removed them unread, or the disk damaged them"
    ]
    await bus.close()


async def test_the_producer_applies_the_retention(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmflow_bus.embedded.producer._RETENTION_SECONDS", 0.05)
    bus = open_bus(f"{url}?retention_hours=0.0001")
    producer = await bus.producer()
    await producer.publish("topic", numbered(3))

    async def gone() -> bool:
        consumer = await bus.consumer("group", ["topic"])
        lag = await consumer.lag()
        await consumer.close()
        return lag == 0

    await eventually(gone, within=30)
    await bus.close()
