"""The spool's file: order, limits, several processes, damage."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from llmflow_bus.embedded import damage
from llmflow_core.errors import Retryable
from llmflow_proxy.spool import SPOOL_BYTES, Spool
from llmflow_testkit.polling import eventually

MIB = 1 << 20
#: Puts spans one by one until it is killed, and says so after each.
PUT_FOR_EVER = """
import asyncio, pathlib, sys
from llmflow_proxy.spool import Spool
async def main():
    spool = Spool(pathlib.Path(sys.argv[1]), capacity=1 << 30)
    number = 0
    while True:
        await spool.put([("default", b"%d" % number)])
        print(number, flush=True)
        number += 1
asyncio.run(main())
"""
#: Replays one batch of the spool, and waits to be killed.
REPLAY_AND_HANG = """
import asyncio, pathlib, sys
from llmflow_proxy.spool import Spool
async def main():
    spool = Spool(pathlib.Path(sys.argv[1]), capacity=1 << 30)
    print(len(await spool.oldest(max_bytes=1)), flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


#: Writes what it is given into a file.
WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"


@pytest.fixture
async def spools(tmp_path: Path) -> AsyncIterator[Callable[..., Spool]]:
    made: list[Spool] = []

    def make(capacity: int = 64 * MIB) -> Spool:
        made.append(Spool(tmp_path / "spool", capacity=capacity))
        return made[-1]

    yield make
    for spool in made:
        await spool.close()


async def everything(spool: Spool) -> list[tuple[str, bytes]]:
    """Take out all that the spool gives."""
    found: list[tuple[str, bytes]] = []
    while batch := await spool.oldest(max_bytes=100):
        found += [(project, span) for _, project, span in batch]
        await spool.remove(span.id for span in batch)
    return found


async def test_gives_back_what_was_put_in_order(spools: Callable[..., Spool]) -> None:
    spool = spools()
    assert await spool.oldest(max_bytes=100) == []
    spans = [(f"p{number % 3}", b"x" * number) for number in range(50)]
    assert await spool.put(spans[:20])
    assert await spool.put(spans[20:])
    assert await everything(spool) == spans


async def test_a_batch_has_at_most_that_many_bytes_but_one_span_at_least(spools: Callable[..., Spool]) -> None:
    spool = spools()
    await spool.put([("default", size * b"x") for size in (500, 40, 60, 1)])
    sizes = []
    while batch := await spool.oldest(max_bytes=100):
        sizes.append([len(span) for _, _, span in batch])
        await spool.remove(span.id for span in batch)
    assert sizes == [[500], [40, 60], [1]]


async def test_what_was_not_removed_comes_again(spools: Callable[..., Spool]) -> None:
    first, second = spools(), spools()
    await first.put([("default", b"1"), ("default", b"2")])
    assert len(await first.oldest(max_bytes=100)) == 2
    await first.close()
    assert await everything(second) == [("default", b"1"), ("default", b"2")]


async def test_only_one_replays_at_a_time_and_all_may_put(spools: Callable[..., Spool]) -> None:
    mine, neighbour = spools(), spools()
    await neighbour.put([("default", b"1")])
    (first,) = await mine.oldest(max_bytes=100)
    assert await neighbour.oldest(max_bytes=100) == []
    await neighbour.put([("default", b"2")])
    await mine.remove([first.id])
    assert await everything(mine) == [("default", b"2")]
    await neighbour.put([("default", b"3")])
    assert await everything(neighbour) == [("default", b"3")]


async def test_a_full_spool_takes_no_more_until_there_is_room(spools: Callable[..., Spool]) -> None:
    spool = spools(capacity=MIB)
    count = 0
    while await spool.put([("default", bytes(100_000))]):
        count += 1
    assert 8 <= count <= 10
    assert SPOOL_BYTES._value.get() <= MIB
    assert len(await everything(spool)) == count
    assert SPOOL_BYTES._value.get() < 50_000
    assert await spool.put([("default", bytes(100_000))])


async def test_a_disk_is_not_filled_to_its_end(spools: Callable[..., Spool], monkeypatch: pytest.MonkeyPatch) -> None:
    free = 17 * MIB
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    spool = spools()
    assert await spool.put([("default", bytes(MIB // 2))])
    assert await spool.put([("default", bytes(2 * MIB))]) is None
    free = 15 * MIB
    assert await spool.put([("default", b"1")]) is None
    assert len(await everything(spool)) == 1


async def test_space_goes_back_to_the_file_system(spools: Callable[..., Spool], tmp_path: Path) -> None:
    spool = spools()
    for _ in range(20):
        await spool.put([("default", bytes(MIB))])
    await everything(spool)
    await spool.close()
    assert sum(file.stat().st_size for file in (tmp_path / "spool").iterdir()) < MIB


async def test_what_a_killed_process_has_put_is_there(spools: Callable[..., Spool], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PUT_FOR_EVER, str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        promised = [process.stdout.readline() for _ in range(30)]
        process.kill()
        promised += process.stdout.readlines()
    found = [int(span) for _, span in await everything(spools())]
    assert found == list(range(len(found)))
    assert len(found) >= len(promised)


async def test_a_killed_replayer_is_taken_over_from(spools: Callable[..., Spool], tmp_path: Path) -> None:
    spool = spools()
    await spool.put([("default", b"1"), ("default", b"2")])
    with subprocess.Popen(
        [sys.executable, "-c", REPLAY_AND_HANG, str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        assert await spool.oldest(max_bytes=100) == []
        process.kill()
    assert len(await everything(spool)) == 2


async def test_a_torn_journal_costs_only_what_was_torn(spools: Callable[..., Spool], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PUT_FOR_EVER, str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.kill()
    journal = tmp_path / "spool" / "spool.db-wal"
    with journal.open("r+b") as file:
        file.truncate(journal.stat().st_size - 1000)
    found = [int(span) for _, span in await everything(spools())]
    assert found == list(range(len(found)))
    assert len(found) >= 19


async def test_a_damaged_file_is_put_aside(spools: Callable[..., Spool], tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / "spool.db").write_bytes(b"no database at all" * 1000)
    spool = spools()
    with pytest.raises(Retryable, match="not a database"):
        await spool.put([("default", b"1")])
    assert await spool.put([("default", b"1")])
    assert await everything(spool) == [("default", b"1")]
    assert len(list(folder.glob("spool-damaged-*.db"))) == 1


@pytest.mark.parametrize("place", ["middle", "end"])
async def test_what_can_be_read_of_a_damaged_file_goes_on_in_a_new_one(
    spools: Callable[..., Spool], tmp_path: Path, place: str
) -> None:
    first, sibling = spools(), spools()
    ids = await first.put([("default", b"%08d" % n + bytes(900)) for n in range(100)])
    await sibling.put([("default", b"%08d" % 100)])
    await first.close()
    path = tmp_path / "spool" / "spool.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    page = content.index(b"%08d" % 50 + bytes(900)) // 4096
    if place == "end":
        del content[page * 4096 :]
    else:
        content[page * 4096 : (page + 1) * 4096] = b"\xff" * 4096
    # As another process's bytes: an open and close here would take the sibling's locks.
    subprocess.run([sys.executable, "-c", WRITE, str(path)], input=bytes(content), check=True)

    spool = spools()
    with pytest.raises(Retryable, match="malformed"):
        await spool.oldest(max_bytes=1 << 20)
    with pytest.raises(Retryable, match=r"another file|malformed"):
        await sibling.put([("default", b"%08d" % 101)])
    added = await sibling.put([("default", b"%08d" % 101)])
    assert ids
    assert added
    assert added[0] > ids[-1] + 1
    numbers = [int(span[:8]) for _, span in await everything(spool)]
    assert numbers[-1] == 101
    assert {*range(46), *([*range(54, 101)] if place == "middle" else [])} <= set(numbers)
    assert await sibling.oldest(max_bytes=1) == []


def overwrite(path: Path, found: bytes, replaced: bytes) -> None:
    """Damage a file in every place where it has some bytes, as another process."""
    content = path.read_bytes()
    assert found in content
    subprocess.run([sys.executable, "-c", WRITE, str(path)], input=content.replace(found, replaced), check=True)


async def test_a_span_whose_row_is_damaged_is_all_that_is_lost(spools: Callable[..., Spool], tmp_path: Path) -> None:
    spool = spools()
    await spool.put([(f"project-{n}", b"%08d" % n + bytes(900)) for n in range(100)])
    await spool.close()
    path = tmp_path / "spool" / "spool.db"
    # 8 bytes of a row's header, which say what is in it.
    at = path.read_bytes().index(b"project-5%08d" % 5) - 8
    overwrite(path, path.read_bytes()[at : at + 25], bytes(8) + b"project-5%08d" % 5)
    overwrite(path, b"project-60%08d" % 60, b"project\xff60%08d" % 60)
    page = path.read_bytes().index(b"%08d" % 20 + bytes(900)) // 4096 * 4096
    overwrite(path, path.read_bytes()[page : page + 4096], bytes(4096))

    spool = spools()
    found: list[int] = []

    async def replayed() -> bool:
        with contextlib.suppress(Retryable):
            while (batch := await spool.oldest(max_bytes=100)) and len(found) < 200:
                found.extend(int(span.span[:8]) for span in batch)
                await spool.remove(span.id for span in batch)
            return True
        return False

    await eventually(replayed, within=30)
    assert {*range(4), *range(8, 16), *range(24, 60), *range(61, 100)} <= set(found)
    assert len(found) < 110, "nothing is replayed again and again"


@pytest.mark.parametrize("step", ["put_aside", "keep_the_last"])
async def test_a_replacement_that_was_broken_off_is_finished(
    spools: Callable[..., Spool], tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    spool, sibling = spools(), spools()
    await spool.put([("default", b"%08d" % n + bytes(900)) for n in range(100)])
    await spool.close()
    await sibling.put([("default", b"%08d" % 100)])
    path = tmp_path / "spool" / "spool.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    overwrite(path, b"%08d" % 50 + bytes(900), b"\xff" * 908)
    page = path.read_bytes().index(b"%08d" % 20 + bytes(900)) // 4096 * 4096
    overwrite(path, path.read_bytes()[page : page + 4096], b"\xff" * 4096)

    spool = spools()
    with monkeypatch.context() as broken:
        broken.setattr(damage, step, die)
        with pytest.raises(Killed):
            await spool.oldest(max_bytes=1 << 20)
    await spool.close()
    with pytest.raises(Retryable, match="another file"):
        await sibling.put([("default", b"%08d" % 101)])
    await sibling.put([("default", b"%08d" % 101)])
    numbers = [int(span[:8]) for _, span in await everything(sibling) if span[:8].isdigit()]
    assert {*range(16), *range(24, 49), *range(51, 102)} <= set(numbers)
    assert len(list(path.parent.glob("spool-damaged-*.db"))) == 1


async def test_a_file_that_was_removed_takes_no_more_spans(spools: Callable[..., Spool], tmp_path: Path) -> None:
    spool = spools()
    await spool.put([("default", b"1")])
    for path in (tmp_path / "spool").glob("spool.db*"):
        path.unlink()
    with pytest.raises(Retryable):
        await spool.put([("default", b"2")])
    assert await spool.put([("default", b"2")])
    assert await everything(spools()) == [("default", b"2")]


async def test_a_folder_that_cannot_be_is_an_outage_until_it_can(spools: Callable[..., Spool], tmp_path: Path) -> None:
    in_the_way = tmp_path / "spool"
    in_the_way.write_text("a file")
    spool = spools()
    with pytest.raises(Retryable, match="spool"):
        await spool.put([("default", b"1")])
    in_the_way.unlink()
    assert await spool.put([("default", b"1")])
