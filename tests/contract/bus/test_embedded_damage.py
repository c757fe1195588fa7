"""An embedded log whose file the disk has damaged: it is replaced by one with all that is left, and nobody notices."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from llmflow_bus import Batch, Message, Record
from llmflow_bus.embedded import EmbeddedBus
from llmflow_bus.embedded import repair as repair_module
from llmflow_bus.embedded.log import EmbeddedLog
from llmflow_bus.embedded.place import FILE_NAME, SUCCESSOR_NAME
from llmflow_bus.embedded.repair import replace_damaged
from llmflow_bus.metrics import DAMAGED, LOST
from llmflow_core.errors import Retryable
from llmflow_testkit.bus_contract import read
from llmflow_testkit.polling import eventually

_HOUR = 3600.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
async def bus(folder: Path) -> AsyncIterator[EmbeddedBus]:
    bus = EmbeddedBus.from_url(f"embedded://{folder}")
    yield bus
    await bus.close()


def large(start: int, end: int) -> list[Message]:
    """Messages that begin with their numbers, four to a page."""
    return [Message(b"%08d" % n + bytes(900)) for n in range(start, end)]


def numbers(records: list[Record]) -> list[int]:
    return [int(record.value[:8]) for record in records]


def page_of(path: Path, what: str) -> int:
    """The number of the page, from zero, that holds a record, or begins a table."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        if not what.isdecimal():
            (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (what,)).fetchone()
            return int(root) - 1
    return path.read_bytes().index(b"%08d" % int(what) + bytes(900)) // int(size)


def damage(folder: Path, *what: str) -> None:
    """Overwrite pages, by the name of a table or the number of a message; `header` is the first, `end` all the last."""
    path = folder / FILE_NAME
    pages = [page_of(path, each) for each in what if each not in ("header", "end")]
    content = bytearray(path.read_bytes())
    if "end" in what:
        del content[-10 * 4096 :]
    for page in [*pages, *([0] if "header" in what else [])]:
        content[page * 4096 : (page + 1) * 4096] = b"\xff" * 4096
    path.write_bytes(content)


def overwrite(folder: Path, what: str, found: bytes, replaced: bytes) -> None:
    """Damage nothing but some bytes of the page where a table begins."""
    path = folder / FILE_NAME
    page = page_of(path, what)
    content = bytearray(path.read_bytes())
    at = content.rindex(found, page * 4096, (page + 1) * 4096)
    content[at : at + len(found)] = replaced
    path.write_bytes(content)


def cell_of(folder: Path, table: str, text: bytes) -> bytes:
    """What the page of a table has from a text's cell on, its header included, up to the text."""
    path = folder / FILE_NAME
    page = page_of(path, table)
    content = path.read_bytes()
    at = content.rindex(text, page * 4096, (page + 1) * 4096)
    return content[at - 6 : at + len(text)]


async def filled(bus: EmbeddedBus, count: int) -> None:
    producer = await bus.producer()
    await producer.publish("topic", large(0, count))


async def test_retention_goes_on_beside_a_damaged_page(bus: EmbeddedBus, folder: Path) -> None:
    await filled(bus, 400)
    await bus.close()
    damage(folder, "3", "200")
    producer, consumer = await bus.producer(), await bus.consumer("group", ["topic"])
    first = await consumer.poll(max_records=300, timeout=5)
    await consumer.commit(Batch(first.records[:200]))
    uncommitted = first.records[-1].offset
    before = DAMAGED._value.get()

    removed = await producer._worker.run(lambda log: log.retain(max_bytes=250_000, max_age_seconds=_HOUR))
    assert 100 < removed < 300
    assert (len(bus.damaged_files()), DAMAGED._value.get()) == (1, before + 1)

    await producer.publish("topic", large(400, 401))
    found: list[Record] = []

    async def all_read() -> bool:
        found.extend((await consumer.poll(max_records=500, timeout=0.1)).records)
        return bool(found) and found[-1].offset == 400

    await eventually(all_read, within=30)
    assert numbers(found) == list(range(uncommitted + 1, 401)), "nothing that was read comes again"
    assert await consumer.lag() < 400 - first.records[199].offset + 1
    await consumer.commit(Batch(found))
    assert await consumer.lag() == 0


async def test_writers_go_on_after_a_damaged_last_page(bus: EmbeddedBus, folder: Path) -> None:
    await filled(bus, 40)
    await bus.close()
    damage(folder, "39")
    producer, consumer = await bus.producer(), await bus.consumer("group", ["topic"])
    await producer.publish("topic", large(40, 42))
    records: list[Record] = []

    async def all_read() -> bool:
        records.extend((await consumer.poll(max_records=50, timeout=0.1)).records)
        return numbers(records)[-2:] == [40, 41]

    await eventually(all_read, within=30)
    assert [record.offset for record in records] == numbers(records), "offsets stay what they were"
    lost = 42 - len(records)
    assert 1 <= lost <= 4
    assert LOST.labels("group", "topic")._value.get() >= lost


async def test_offsets_that_nothing_but_commits_tell_do_not_come_again(
    bus: EmbeddedBus, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair_module, "_FREE_OFFSETS", 1)
    await filled(bus, 40)
    consumer = await bus.consumer("group", ["topic"])
    await consumer.commit(Batch(await read(consumer, 40)))
    log = EmbeddedLog(folder)
    assert log.retain(max_bytes=1 << 30, max_age_seconds=-1) == 40
    log.close()
    await bus.close()
    damage(folder, "partitions")
    await (await bus.producer()).publish("topic", large(40, 42))
    assert numbers(await read(await bus.consumer("group", ["topic"]), 2)) == [40, 41]


@pytest.mark.parametrize("what", ["header", "partitions", "commits", "sqlite_autoindex_partitions_1", "records", "end"])
async def test_no_group_skips_what_comes_after_the_damage(
    bus: EmbeddedBus, folder: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "llmflow_bus")
    for group in ("running", "stopped"):
        await bus.consumer(group, ["topic"], start_at="latest")
    await filled(bus, 100)
    await bus.close()
    damage(folder, what)
    running = await bus.consumer("running", ["topic"], start_at="latest")
    producer = await bus.producer()
    await producer.publish("topic", large(100, 110))

    for consumer in (running, await bus.consumer("stopped", ["topic"], start_at="latest")):
        found: list[int] = []

        async def all_read(consumer: object = consumer, found: list[int] = found) -> bool:
            found += numbers(list((await consumer.poll(max_records=500, timeout=0.1)).records))  # type: ignore[attr-defined]
            return found[-10:] == list(range(100, 110))

        await eventually(all_read, within=30)
        if what in ("partitions", "commits", "sqlite_autoindex_partitions_1"):
            assert found == list(range(110)), "nothing of the records is lost"
        if what == "end":
            assert found[:50] == list(range(50))


@pytest.mark.parametrize(
    "lost",
    ["partitions and their index", "a partition's row", "a commit's row", "texts", "the name of a table"],
)
async def test_a_group_that_has_read_before_skips_nothing_whatever_of_the_offsets_is_lost(
    bus: EmbeddedBus, folder: Path, lost: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "llmflow_bus")
    await filled(bus, 100)
    consumer = await bus.consumer("group", ["topic"])
    await consumer.commit(Batch(await read(consumer, 100)))
    await bus.close()
    damage(folder, "99")
    match lost:
        case "partitions and their index":
            damage(folder, "partitions", "sqlite_autoindex_partitions_1")
        case "a partition's row":
            cell = cell_of(folder, "partitions", b"topic")
            overwrite(folder, "partitions", cell, bytes(len(cell)))
        case "a commit's row":
            cell = cell_of(folder, "commits", b"group")
            overwrite(folder, "commits", cell, bytes(len(cell)))
        case "texts":
            overwrite(folder, "partitions", b"topic", b"\xff\xfe\xfd\xfc\xfb")
            overwrite(folder, "commits", b"group", b"\xff\xfe\xfd\xfc\xfb")
        case "the name of a table":
            content = (folder / FILE_NAME).read_bytes()
            (folder / FILE_NAME).write_bytes(content.replace(b"tablecommitscommits", b"tablecommitsxxxmits"))
    await (await bus.producer()).publish("topic", large(100, 110))
    consumer = await bus.consumer("group", ["topic"])
    found: list[int] = []

    async def all_read() -> bool:
        found.extend(numbers(list((await consumer.poll(max_records=500, timeout=0.1)).records)))
        return found[-10:] == list(range(100, 110))

    await eventually(all_read, within=30)


def varint(number: int) -> bytes:
    """An id as SQLite writes it."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


@pytest.mark.parametrize("replaced", [False, True], ids=["read", "replaced"])
async def test_a_row_that_seems_to_be_the_last_does_not_hide_those_behind_it(
    bus: EmbeddedBus, folder: Path, replaced: bool
) -> None:
    await filled(bus, 100)
    await bus.close()
    damage(folder, *(["99"] if replaced else []))
    overwrite(folder, "50", varint((1 << 40) + 50), varint((1 << 42) - 1))
    await (await bus.producer()).publish("topic", large(100, 101))
    consumer = await bus.consumer("group", ["topic"])
    found: list[int] = []

    async def all_read() -> bool:
        found.extend(numbers(list((await consumer.poll(max_records=500, timeout=0.1)).records)))
        return 100 in found

    await eventually(all_read, within=30)
    assert {*range(47), *range(54, 96)} <= set(found)
    assert len(bus.damaged_files()) == replaced


async def test_offsets_that_are_left_free_are_no_lag(bus: EmbeddedBus, folder: Path) -> None:
    await filled(bus, 40)
    consumer = await bus.consumer("group", ["topic"])
    await bus.close()
    damage(folder, "partitions")
    consumer = await bus.consumer("group", ["topic"])
    await consumer.commit(Batch(await read(consumer, 40)))
    assert await consumer.lag() == 0


async def test_what_is_acknowledged_while_a_log_is_replaced_is_in_the_new_one(bus: EmbeddedBus, folder: Path) -> None:
    await filled(bus, 2000)
    await bus.close()
    damage(folder, "5")
    acknowledged: list[int] = []
    stop, going = threading.Event(), threading.Event()

    def append() -> None:
        log = EmbeddedLog(folder)
        for n in range(2000, 100_000):
            try:
                log.append([("topic", message) for message in large(n, n + 1)])
            except Retryable:
                log.close()
                log = EmbeddedLog(folder)
                continue
            acknowledged.append(n)
            if len(acknowledged) == 20:
                going.set()
            if stop.is_set():
                break
        log.close()

    thread = threading.Thread(target=append)
    thread.start()
    assert going.wait(30)
    inode = (folder / FILE_NAME).stat().st_ino

    async def replaced() -> bool:
        with contextlib.suppress(Retryable):  # the other writes so much that it has the lock for long
            await asyncio.to_thread(replace_damaged, folder, inode)
        return (folder / FILE_NAME).stat().st_ino != inode

    await eventually(replaced, within=60)
    stop.set()
    thread.join(30)
    found = {int(record.value[:8]) async for record in bus.read("topic")}
    assert set(acknowledged) <= found
    assert len(bus.damaged_files()) == 1


@pytest.mark.parametrize("moved", [(), ("-wal",), ("-wal", "")])
async def test_a_replacement_that_was_broken_off_is_finished(
    bus: EmbeddedBus, folder: Path, moved: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(bus, 100)
    damage_from = (folder / FILE_NAME).stat().st_ino
    old = EmbeddedLog(folder)
    with monkeypatch.context() as broken:
        broken.setattr(repair_module, "put_in_place", lambda _: None)
        replace_damaged(folder, damage_from)
    assert (folder / SUCCESSOR_NAME).exists()
    for suffix in moved:
        (folder / f"{FILE_NAME}{suffix}").rename(folder / f"aside{suffix}")
    with pytest.raises(Retryable):
        old.append([("topic", message) for message in large(0, 1)])
    old.close()
    producer = await bus.producer()
    await producer.publish("topic", large(100, 101))
    consumer = await bus.consumer("group", ["topic"])
    assert numbers(await read(consumer, 101)) == list(range(101))


async def test_a_damaged_log_on_a_full_disk_waits_for_room(
    bus: EmbeddedBus, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(bus, 40)
    await bus.close()
    damage(folder, "39")
    producer = await bus.producer()
    with monkeypatch.context() as full:
        full.setattr(repair_module, "_RESERVE_BYTES", 1 << 60)
        with pytest.raises(Retryable, match=r"cannot be replaced: .* lacks room"):
            await producer.publish("topic", large(40, 41))
    assert not bus.damaged_files()
    await producer.publish("topic", large(40, 41))
    assert len(bus.damaged_files()) == 1


async def test_what_a_broken_off_replacement_has_written_does_not_take_the_room_of_the_next(
    bus: EmbeddedBus, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(bus, 40)
    await bus.close()
    damage(folder, "39")
    (folder / "log-draft.db").write_bytes(bytes(1 << 20))
    monkeypatch.setattr(
        "llmflow_bus.embedded.repair.shutil.disk_usage",
        lambda at: SimpleNamespace(free=0 if (at / "log-draft.db").exists() else 1 << 40),
    )
    await (await bus.producer()).publish("topic", large(40, 41))
    assert len(bus.damaged_files()) == 1
