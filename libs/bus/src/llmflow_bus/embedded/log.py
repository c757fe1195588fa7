"""The embedded log's file: SQLite in WAL mode, shared by every producer and consumer of one machine.

Everything here blocks; producers and consumers call it from a thread of their own. A partition's records lie together:
a record's rowid is the partition's number in the upper bits and its offset in the lower 40. The next offset is stored,
so that an offset never comes back, not even when retention has removed every record.
"""

from __future__ import annotations

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

from llmflow_bus.embedded.damage import READ_ERRORS, first_row, is_damage, readable_rows
from llmflow_bus.embedded.place import FILE_NAME, has_successor, locked, put_in_place
from llmflow_bus.port import Message, Record, StartAt
from llmflow_core.errors import Retryable

_log = logging.getLogger(__name__)

OFFSET_BITS = 40
_BUSY_SECONDS = 5.0
_RETENTION_RECORDS = 500
_RETENTION_BYTES = 4 * 2**20
_VACUUM_PAGES = 2_000
RECORDS = """
SELECT id, timestamp_ms, key, CAST(headers AS BLOB), value FROM records WHERE id >= ? AND id < ? ORDER BY id
"""
_HEAD = "SELECT id, timestamp_ms FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"

SCHEMA = """
CREATE TABLE IF NOT EXISTS partitions (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, number INTEGER NOT NULL, next_offset INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, number));
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY, timestamp_ms INTEGER NOT NULL, key BLOB, headers TEXT, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS commits (
    consumer_group TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, partition)) WITHOUT ROWID;
"""


class LogReplaced(Retryable):
    """The log at the path is not the one that was opened, or not as it was: open it anew."""


class LogDamaged(Retryable):
    """The file, of that inode number, is not as it was written and cannot be worked with: have it replaced."""

    inode = 0


class Partition(NamedTuple):
    """One partition of a topic; `id` is its number in the file."""

    id: int
    topic: str
    number: int


class EmbeddedLog:
    """One connection to the log below `folder`, for one thread at a time.

    Its methods raise Retryable when the file is locked for too long, full or away, and two kinds of it: LogReplaced
    when another file has taken its place, LogDamaged when it is damaged where they have to work; reading goes past it.
    """

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        self._path = folder / FILE_NAME
        self._partitions: dict[str, list[Partition]] = {}
        self._turn = itertools.count(random.randrange(1 << 16))  # noqa: S311 - only spreads the load
        try:
            if create:
                folder.mkdir(parents=True, exist_ok=True)
            # Two processes that both find no tables must not race for the journal mode, nor for a log's successor.
            with locked(folder):
                put_in_place(folder)
                try:
                    with _retryable():
                        self._connection = self._open(create)
                except LogDamaged as error:
                    error.inode = self._path.stat().st_ino
                    raise
                self.inode = self._path.stat().st_ino
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
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(SCHEMA)
            (identity,) = connection.execute("PRAGMA user_version").fetchone()
            if not identity:
                connection.execute(f"PRAGMA user_version = {random.randrange(1, 1 << 31)}")  # noqa: S311 - tells logs apart
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def identity(self) -> int:
        """The same for a log and for what took its place because it was damaged: offsets mean the same in both."""
        with _retryable():
            return self._pragma("user_version")

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._connection.close()

    def _check_present(self) -> None:
        """SQLite itself goes on reading and writing a file that was moved or deleted under it."""
        try:
            present = os.stat(self._path).st_ino == self.inode
        except OSError as error:
            raise Retryable(f"the embedded log is away: {error}") from error
        if not present or has_successor(self._path.parent):
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
                after = self._one(
                    "UPDATE partitions SET next_offset = next_offset + ? WHERE id = ? RETURNING next_offset",
                    (len(content), partition.id),
                )
                first = (partition.id << OFFSET_BITS) + after - len(content)
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
        first = partition.id << OFFSET_BITS
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
        first = partition.id << OFFSET_BITS

        def note_loss(lost: int, readable: int, error: Exception) -> None:
            after = min(readable, first + self._next(partition)) - lost - 1
            _log.error(
                "%s[%d] %d and up to %d after it are lost on a damaged page: %s",
                *partition[1:],
                lost - first,
                after,
                error,
            )

        return readable_rows(self._connection, RECORDS, rowid, first + (1 << OFFSET_BITS), note_loss)

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
            return self._one(
                "SELECT next_offset FROM commits WHERE consumer_group = ? AND partition = ?", (group, partition.id)
            )

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
            return sum(self._next(p) - self._oldest(p, self.committed(group, p)) for p in partitions)

    def _next(self, partition: Partition) -> int:
        return self._one("SELECT next_offset FROM partitions WHERE id = ?", (partition.id,))

    def _one(self, statement: str, parameters: Sequence[str | int]) -> int:
        """The number in a row that is always there. Raises LogDamaged without it."""
        row = self._connection.execute(statement, parameters).fetchone()
        if row is None or not isinstance(row[0], int):
            raise LogDamaged("the embedded log: an offset in it is gone")
        return row[0]

    def _oldest(self, partition: Partition, offset: int = 0) -> int:
        """The offset of the oldest record from one on, or of the next that comes."""
        # Asked for first: a record that comes in between is the oldest, and not one that is behind.
        end = self._next(partition)
        first = partition.id << OFFSET_BITS
        head = first_row(self._connection, RECORDS, first + offset, first + (1 << OFFSET_BITS))
        return head[0] - first if head else end

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
            bounds = [(number << OFFSET_BITS, (number + 1) << OFFSET_BITS) for number in ids]
            heads = [head for each in bounds if (head := self._connection.execute(_HEAD, each).fetchone())]
            if not heads:
                return 0
            first = min(heads, key=lambda head: head[1])[0]
            pages = self._pragma("page_count") - self._pragma("freelist_count")
            excess = pages * self._pragma("page_size") - max_bytes
            last, freed = first - 1, 0
            for rowid, timestamp_ms, size in self._connection.execute(
                "SELECT id, timestamp_ms, length(value) FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                (first, ((first >> OFFSET_BITS) + 1) << OFFSET_BITS, _RETENTION_RECORDS),
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
                # Whoever replaces a log holds its write lock until another has its place.
                self._check_present()
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
    except READ_ERRORS as error:
        # A file that was opened while nobody might write to it stays as it is for this connection.
        stale = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
        kind = LogDamaged if is_damage(error) else LogReplaced if stale else Retryable
        raise kind(f"the embedded log: {error}") from error


def _encode(headers: Mapping[str, str]) -> str | None:
    return json.dumps(dict(headers)) if headers else None


def _decode(headers: bytes | None) -> dict[str, str]:
    return {str(name): str(value) for name, value in dict(json.loads(headers)).items()} if headers else {}
