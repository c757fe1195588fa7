"""The embedded log's file: SQLite in WAL mode, shared by every producer and consumer of one machine.

Everything here blocks; producers and consumers call it from a thread of their own. A partition's records lie together:
a record's rowid is the partition's number in the upper bits and its offset in the lower 40. The next offset is stored,
so that an offset never comes back, not even when retention has removed every record.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import logging
import os
import random
import sqlite3
import time
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from llmflow_bus.port import Message, Record, StartAt
from llmflow_core.errors import Retryable

_log = logging.getLogger(__name__)

_OFFSET_BITS = 40
_BUSY_SECONDS = 5.0
_RETENTION_RECORDS = 500
_RETENTION_BYTES = 4 * 2**20
_VACUUM_PAGES = 2_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS partitions (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, number INTEGER NOT NULL, next_offset INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, number));
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY, timestamp_ms INTEGER NOT NULL, key BLOB, headers TEXT, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS commits (
    consumer_group TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, partition)) WITHOUT ROWID;
"""


_RECORDS = """
SELECT id, timestamp_ms, key, CAST(headers AS BLOB), value FROM records WHERE id >= ? AND id < ? ORDER BY id
"""
_HEAD = "SELECT id, timestamp_ms FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"


class LogReplaced(Retryable):
    """The log at the path is not the one that was opened: open it anew, offsets of the old one mean nothing."""


class Partition(NamedTuple):
    """One partition of a topic; `id` is its number in the file."""

    id: int
    topic: str
    number: int


class EmbeddedLog:
    """One connection to the log below `folder`, for one thread at a time.

    Its methods raise Retryable when the file is locked for too long, full, damaged or away, and LogReplaced, which is
    Retryable too, when another file has taken its place.
    """

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        self._path = folder / "log.db"
        self._partitions: dict[str, list[Partition]] = {}
        self._turn = itertools.count(random.randrange(1 << 16))  # noqa: S311 - only spreads the load
        try:
            if create:
                folder.mkdir(parents=True, exist_ok=True)
            with _retryable():
                self._connection = self._open(create)
            self._inode = self._path.stat().st_ino
        except OSError as error:
            raise Retryable(f"the embedded log cannot be opened: {error}") from error

    def _open(self, create: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            # Two processes that both find no tables must not race for the journal mode.
            with open(self._path.parent / "create.lock", "a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA journal_size_limit = 67108864")
                connection.execute("PRAGMA synchronous = FULL")
                connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._connection.close()

    def _check_present(self) -> None:
        """SQLite itself goes on reading and writing a file that was moved or deleted under it."""
        try:
            present = os.stat(self._path).st_ino == self._inode
        except OSError as error:
            raise Retryable(f"the embedded log is away: {error}") from error
        if not present:
            raise LogReplaced(f"another log has taken the place of {self._path}")

    def changes(self) -> int:
        """A number that differs from the last call's after any other connection, of any process, wrote something."""
        self._check_present()
        with _retryable():
            return self._pragma("data_version")

    def create_topics(self, topics: Iterable[str], partitions: int) -> None:
        """Make the topics that are missing, each with that many partitions."""
        with self._writing():
            for topic in topics:
                if self._read_partitions(topic):
                    continue
                self._connection.executemany(
                    "INSERT INTO partitions (topic, number) VALUES (?, ?)", [(topic, n) for n in range(partitions)]
                )

    def partitions(self, topic: str) -> list[Partition]:
        """The partitions of a topic in order, none for a topic that does not exist."""
        if topic not in self._partitions:
            with _retryable():
                found = self._read_partitions(topic)
            if not found:
                return []
            self._partitions[topic] = found
        return self._partitions[topic]

    def _read_partitions(self, topic: str) -> list[Partition]:
        rows = self._connection.execute(
            "SELECT id, topic, number FROM partitions WHERE topic = ? ORDER BY number", (topic,)
        )
        return [Partition(*row) for row in rows]

    def append(self, messages: Sequence[tuple[str, Message]]) -> None:
        """Append all messages, each to its (existing) topic, in one durable transaction."""
        placed: dict[Partition, list[Message]] = {}
        for topic, message in messages:
            placed.setdefault(self._place(topic, message.key), []).append(message)
        now = time.time_ns() // 1_000_000
        with self._writing():
            for partition, content in placed.items():
                (after,) = self._connection.execute(
                    "UPDATE partitions SET next_offset = next_offset + ? WHERE id = ? RETURNING next_offset",
                    (len(content), partition.id),
                ).fetchone()
                first = (partition.id << _OFFSET_BITS) + after - len(content)
                self._connection.executemany(
                    "INSERT INTO records (id, timestamp_ms, key, headers, value) VALUES (?, ?, ?, ?, ?)",
                    (
                        (first + n, now, message.key, _encode(message.headers), message.value)
                        for n, message in enumerate(content)
                    ),
                )

    def _place(self, topic: str, key: bytes | None) -> Partition:
        partitions = self.partitions(topic)
        return partitions[(next(self._turn) if key is None else zlib.crc32(key)) % len(partitions)]

    def read(self, partition: Partition, position: int, *, max_records: int, max_bytes: int) -> list[Record]:
        """The records from `position` on, up to the one that reaches either limit.

        One that the disk has damaged is left out and logged: whoever came upon it would never get past it.
        """
        first = partition.id << _OFFSET_BITS
        records: list[Record] = []
        size = 0
        with _retryable():
            rows = self._rows(partition, first + position)
            for rowid, timestamp_ms, key, headers, value in rows:
                offset = rowid - first
                try:
                    size += len(value)
                    record = Record(
                        partition.topic,
                        partition.number,
                        offset,
                        int(timestamp_ms),
                        key,
                        bytes(value),
                        _decode(headers),
                    )
                except (TypeError, ValueError) as error:
                    _log.error("%s[%d] %d is damaged: %s", partition.topic, partition.number, offset, error)
                    continue
                records.append(record)
                if size >= max_bytes or len(records) >= max_records:
                    break
            rows.close()
        return records

    def _rows(self, partition: Partition, rowid: int) -> Generator[tuple[Any, ...], None, None]:
        """A partition's rows from one on, without those on damaged pages."""
        end = (partition.id + 1) << _OFFSET_BITS
        while True:
            try:
                for row in self._connection.execute(_RECORDS, (rowid, end)):
                    rowid = row[0] + 1
                    yield row
                return
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                readable = self._readable_after(partition.id, rowid)
                offset = rowid - (partition.id << _OFFSET_BITS)
                _log.error(
                    "%s[%d] %d and up to %d after it are lost on a damaged page: %s",
                    *partition[1:],
                    offset,
                    readable - rowid - 1,
                    error,
                )
                if not self._can_read(readable):
                    return  # the page is the last one
                rowid = readable

    def _readable_after(self, partition_id: int, rowid: int) -> int:
        """Where a partition can be read again whose row cannot be, found in steps that grow, then shrink; its end when
        nothing more of it can."""
        first = partition_id << _OFFSET_BITS
        (next_offset,) = self._connection.execute(
            "SELECT next_offset FROM partitions WHERE id = ?", (partition_id,)
        ).fetchone()
        damaged, readable, step = rowid, first + int(next_offset), 1
        while damaged + step < readable:
            if self._can_read(damaged + step):
                readable = damaged + step
            else:
                damaged, step = damaged + step, 2 * step
        while readable - damaged > 1:
            middle = (readable + damaged) // 2
            if self._can_read(middle):
                readable = middle
            else:
                damaged = middle
        return readable

    def _can_read(self, rowid: int) -> bool:
        try:
            self._connection.execute(f"{_RECORDS} LIMIT 1", (rowid, (rowid | (1 << _OFFSET_BITS) - 1) + 1)).fetchall()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            return False
        return True

    def end(self, partition: Partition) -> int:
        """The offset that the next record of a partition will have."""
        with _retryable():
            return self._next(partition)

    def join(self, group: str, partitions: Iterable[Partition], start_at: StartAt) -> None:
        """Give `group` its starting offset in every partition where it has none."""
        # Read first: a transaction that has met a damaged page can write nothing.
        with _retryable():
            starts = [(p.id, self._oldest(p) if start_at == "earliest" else self._next(p)) for p in partitions]
        with self._writing():
            self._connection.executemany(
                "INSERT OR IGNORE INTO commits VALUES (?, ?, ?)", [(group, *start) for start in starts]
            )

    def committed(self, group: str, partition: Partition) -> int:
        """The offset at which a group that has joined goes on."""
        with _retryable():
            row = self._connection.execute(
                "SELECT next_offset FROM commits WHERE consumer_group = ? AND partition = ?", (group, partition.id)
            ).fetchone()
        return int(row[0])

    def commit(self, group: str, offsets: Mapping[Partition, int]) -> None:
        """Store the next offsets of a group durably; one that is behind the stored one changes nothing."""
        with self._writing():
            self._connection.executemany(
                "UPDATE commits SET next_offset = max(next_offset, ?) WHERE consumer_group = ? AND partition = ?",
                [(offset, group, partition.id) for partition, offset in offsets.items()],
            )

    def lag(self, group: str, partitions: Iterable[Partition]) -> int:
        """How many records the log holds beyond the group's offsets."""
        with _retryable():
            return sum(self._next(p) - max(self.committed(group, p), self._oldest(p)) for p in partitions)

    def _next(self, partition: Partition) -> int:
        row = self._connection.execute("SELECT next_offset FROM partitions WHERE id = ?", (partition.id,)).fetchone()
        return int(row[0])

    def _oldest(self, partition: Partition) -> int:
        # Asked for first: a record that comes in between is the oldest, and not one that is behind.
        end = self._next(partition)
        head = self._head(partition.id)
        return head[0] - (partition.id << _OFFSET_BITS) if head else end

    def _head(self, partition_id: int) -> tuple[int, int] | None:
        """Rowid and timestamp of a partition's oldest record that can be read."""
        bounds = partition_id << _OFFSET_BITS, (partition_id + 1) << _OFFSET_BITS
        row: tuple[int, int] | None
        try:
            row = self._connection.execute(_HEAD, bounds).fetchone()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            readable = self._readable_after(partition_id, bounds[0])
            if not self._can_read(readable):
                return None
            row = self._connection.execute(_HEAD, (readable, bounds[1])).fetchone()
        return row

    def retain(self, *, max_bytes: int, max_age_seconds: float) -> int:
        """Remove the oldest records while the log is larger or they are older than allowed; how many were removed.

        Works in short transactions, so that producers get their turn, and gives the space back to the file system.
        """
        removed = 0
        horizon = time.time_ns() // 1_000_000 - int(max_age_seconds * 1000)
        while gone := self._remove_oldest(max_bytes, horizon):
            removed += gone
        if removed:
            with _retryable():
                while self._pragma("freelist_count"):
                    self._connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return removed

    def _remove_oldest(self, max_bytes: int, horizon: int) -> int:
        """One step of retention: a few hundred records or MiB at most, of the partition whose head is the oldest."""
        with self._writing():
            ids = [row[0] for row in self._connection.execute("SELECT id FROM partitions")]
            heads = [head for head in map(self._head, ids) if head]
            if not heads:
                return 0
            first = min(heads, key=lambda head: head[1])[0]
            pages = self._pragma("page_count") - self._pragma("freelist_count")
            excess = pages * self._pragma("page_size") - max_bytes
            last, freed = first - 1, 0
            for rowid, timestamp_ms, size in self._connection.execute(
                "SELECT id, timestamp_ms, length(value) FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                (first, ((first >> _OFFSET_BITS) + 1) << _OFFSET_BITS, _RETENTION_RECORDS),
            ).fetchall():
                if freed >= _RETENTION_BYTES or (freed >= excess and timestamp_ms >= horizon):
                    break
                last, freed = rowid, freed + size
            return self._connection.execute("DELETE FROM records WHERE id BETWEEN ? AND ?", (first, last)).rowcount

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction that holds the write lock from its start; committed durably, or without any effect."""
        self._check_present()
        with _retryable():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


@contextmanager
def _retryable() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Retryable(f"the embedded log: {error}") from error


def _is_damage(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT


def _encode(headers: Mapping[str, str]) -> str | None:
    return json.dumps(dict(headers)) if headers else None


def _decode(headers: bytes | None) -> dict[str, str]:
    return {str(name): str(value) for name, value in dict(json.loads(headers)).items()} if headers else {}
