"""Makes a new file of a damaged log, of all in it that can still be read, with the offsets and commits it had."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from llmflow_bus.embedded.damage import READ_ERRORS, first_row, is_damage, readable_rows
from llmflow_bus.embedded.leases import GROUP, TOPIC
from llmflow_bus.embedded.log import OFFSET_BITS, RECORDS, SCHEMA, Partition
from llmflow_bus.embedded.place import FILE_NAME, SUCCESSOR_NAME, locked, put_in_place, sync_folder
from llmflow_core.errors import Retryable

_log = logging.getLogger(__name__)

_BUSY_SECONDS = 5.0
_RESERVE_BYTES = 16 << 20
#: Offsets left free where it is not known how far they went: more than may have been used since the last known one.
_FREE_OFFSETS = 1 << 20
_MOST_OFFSETS = (1 << OFFSET_BITS) - _FREE_OFFSETS
_MOST_PARTITIONS = 1 << (63 - OFFSET_BITS)


def replace_damaged(folder: Path, inode: int) -> None:
    """Put the log aside whose file has that inode number, and a new one in its place; nothing if that has happened.

    Other processes may go on using the log: none can write until it is replaced, and then each is told so. What
    cannot be read is logged. Raises Retryable when the disk has no room or the log is in use for too long.
    """
    path = folder / FILE_NAME
    try:
        with locked(folder):
            put_in_place(folder)
            if path.stat().st_ino != inode:
                return
            # What was broken off must not take the room of what is tried now.
            _draft(folder).unlink(missing_ok=True)
            if shutil.disk_usage(folder).free < path.stat().st_size + _RESERVE_BYTES:
                raise OSError(f"its folder {folder} lacks room for another of {path.stat().st_size} bytes")
            with closing(_connect(path)) as damaged:
                _keep_others_from_writing(damaged)
                _make_successor(damaged, folder)
                put_in_place(folder)
    except (OSError, *READ_ERRORS) as error:
        raise Retryable(f"the embedded log is damaged and cannot be replaced: {error}") from error


def _draft(folder: Path) -> Path:
    return folder / "log-draft.db"


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)


def _keep_others_from_writing(damaged: sqlite3.Connection) -> None:
    damaged.text_factory = lambda text: text.decode(errors="replace")
    try:
        # With this SQLite reads files that have lost their end, too.
        damaged.execute("PRAGMA writable_schema = ON")
        damaged.execute("BEGIN IMMEDIATE")
    except READ_ERRORS as error:
        if not is_damage(error):
            raise  # locked for too long, say


def _make_successor(damaged: sqlite3.Connection, folder: Path) -> None:
    draft = _draft(folder)
    with closing(_connect(draft)) as new:
        # Nobody has use for a draft that was not finished.
        for pragma in ("auto_vacuum = INCREMENTAL", "journal_mode = OFF", "synchronous = OFF"):
            new.execute(f"PRAGMA {pragma}")
        new.executescript(SCHEMA)
        new.execute("BEGIN")
        _copy(damaged, new, folder / "locks")
        new.execute("COMMIT")
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.rename(folder / SUCCESSOR_NAME)
    sync_folder(folder)


def _copy(damaged: sqlite3.Connection, new: sqlite3.Connection, locks: Path) -> None:
    partitions, partitions_whole = _partitions(damaged)
    commits, commits_whole = _commits(damaged)
    # A partition that is lost may begin anew with another's number, and then a commit of that says nothing of it.
    known = {partition.id for partition in partitions}
    commits = [commit for commit in commits if commit[1] in known]
    if partitions_whole:
        new.execute(f"PRAGMA user_version = {damaged.execute('PRAGMA user_version').fetchone()[0]}")
    for partition, next_offset in partitions.items():
        first = partition.id << OFFSET_BITS
        new.executemany(
            "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?)",
            readable_rows(damaged, RECORDS, first, first + (1 << OFFSET_BITS), _Losses(partition, next_offset).note),
        )
        committed = max((offset for _, number, offset in commits if number == partition.id), default=0)
        least = max(committed, _behind_records(new, partition))
        behind = least + _FREE_OFFSETS if next_offset is None else max(next_offset, least)
        new.execute("INSERT INTO partitions VALUES (?, ?, ?, ?)", (*partition, behind))
    new.executemany("INSERT OR IGNORE INTO commits VALUES (?, ?, ?)", commits)
    if not commits_whole or not partitions_whole:
        _log.error("not all offsets of the embedded log can be read; groups without one read all that is there")
        for group in _known_groups(locks):
            _begin_at_oldest(new, group)


def _partitions(damaged: sqlite3.Connection) -> tuple[dict[Partition, int | None], bool]:
    """The partitions and their next offsets, None where those cannot be read, and whether all is as it was.

    Those that the table does not tell are told by its index.
    """
    rows, whole = _rows(damaged, "SELECT id, topic, number, next_offset FROM partitions ORDER BY id")
    indexed, _ = _rows(damaged, "SELECT id, topic, number FROM partitions ORDER BY topic, number")
    found: dict[Partition, int | None] = {}
    seen: set[int | tuple[str, int]] = set()
    for row in (*rows, *((*row, None) for row in indexed)):
        number, topic, place, next_offset = row
        is_partition = isinstance(topic, str) and isinstance(place, int) and 0 < number < _MOST_PARTITIONS
        if is_partition and seen.isdisjoint((number, (topic, place))):
            seen |= {number, (topic, place)}
            is_offset = isinstance(next_offset, int) and 0 <= next_offset < _MOST_OFFSETS
            found[Partition(number, topic, place)] = next_offset if is_offset else None
    whole = whole and bool(found) and len(found) == len(rows) and None not in found.values()
    if not whole:
        _log.error("not all partitions of the embedded log can be read; %d are left", len(found))
    return found, whole


def _commits(damaged: sqlite3.Connection) -> tuple[list[tuple[str, int, int]], bool]:
    """The commits that can be read, and whether these are all."""
    rows, whole = _rows(damaged, "SELECT consumer_group, partition, next_offset FROM commits")
    found = [
        (group, partition, offset)
        for group, partition, offset in rows
        if isinstance(group, str) and isinstance(offset, int) and 0 <= offset < _MOST_OFFSETS
    ]
    return found, whole and len(found) == len(rows)


def _rows(damaged: sqlite3.Connection, query: str) -> tuple[list[tuple[Any, ...]], bool]:
    """The rows up to the first that cannot be read, and whether these are all."""
    found: list[tuple[Any, ...]] = []
    try:
        found.extend(damaged.execute(query))
    except READ_ERRORS as error:
        if not is_damage(error):
            raise
        return found, False
    return found, True


def _behind_records(new: sqlite3.Connection, partition: Partition) -> int:
    """The offset behind the last record of a partition."""
    first = partition.id << OFFSET_BITS
    (last,) = new.execute(
        "SELECT max(id) FROM records WHERE id >= ? AND id < ?", (first, first + (1 << OFFSET_BITS))
    ).fetchone()
    return 0 if last is None else int(last) + 1 - first


class _Losses(NamedTuple):
    """Logs what is lost of a partition."""

    partition: Partition
    next_offset: int | None

    def note(self, lost: int, readable: int, error: Exception) -> None:
        first = self.partition.id << OFFSET_BITS
        end = readable if self.next_offset is None else min(readable, first + self.next_offset)
        _log.error(
            "%s[%d] from %d on, %d records at most are lost: %s", *self.partition[1:], lost - first, end - lost, error
        )


class _Known(NamedTuple):
    """What the lock files of a group tell: that it has read these partitions of a topic."""

    group: str
    topic: str
    numbers: list[int]


def _known_groups(locks: Path) -> Iterator[_Known]:
    for folder in locks.glob(f"{GROUP}*/{TOPIC}*"):
        numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
        group, topic = folder.parent.name.removeprefix(GROUP), folder.name.removeprefix(TOPIC)
        yield _Known(unquote(group), unquote(topic), numbers)


def _begin_at_oldest(new: sqlite3.Connection, known: _Known) -> None:
    """Commit the oldest offset of each partition for a group without a commit, so that it does not begin at the end."""
    for number in known.numbers:
        new.execute("INSERT OR IGNORE INTO partitions (topic, number) VALUES (?, ?)", (known.topic, number))
        partition, next_offset = new.execute(
            "SELECT id, next_offset FROM partitions WHERE topic = ? AND number = ?", (known.topic, number)
        ).fetchone()
        first = partition << OFFSET_BITS
        head = first_row(new, RECORDS, first, first + (1 << OFFSET_BITS))
        oldest = head[0] - first if head else next_offset
        new.execute("INSERT OR IGNORE INTO commits VALUES (?, ?, ?)", (known.group, partition, oldest))
