"""Where spans wait on disk while the message log is away: one SQLite file that all workers of one machine share.

SQLite rather than segments of our own: it already has the checksummed, torn-tail-tolerant journal, and its locking lets
several processes write and one replay. A span is in the spool once its transaction is flushed (`synchronous=FULL`), so
it survives a killed process and a lost power supply. The folder must be on a local disk: SQLite's journal shares
memory between the processes, which network file systems do not offer.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from prometheus_client import Gauge

from llmflow_core.errors import Retryable

log = logging.getLogger(__name__)

SPOOL_BYTES = Gauge("llmflow_proxy_spool_bytes", "Size of the disk spool that this process shares with its siblings")

_T = TypeVar("_T")

_BUSY_SECONDS = 5.0
_VACUUM_PAGES = 2_000
#: So much of the disk is left free, for what is taken out of the spool goes by its journal too: on a full disk nothing
#: would ever leave it.
_RESERVE_BYTES = 16 << 20
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spans (id INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, span BLOB NOT NULL)
"""


class Spooled(NamedTuple):
    """One span in the spool; `id` grows in the order in which spans were put."""

    id: int
    project: str
    span: bytes


class Spool:
    """The spool in `folder`, of at most about `capacity` bytes. Its own thread does the blocking work.

    Every method raises Retryable when the disk refuses (full, read-only, damaged, locked for too long).
    """

    def __init__(self, folder: Path, *, capacity: int) -> None:
        self._folder = folder
        self._capacity = capacity
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llmflow-spool")
        self._connection: sqlite3.Connection | None = None
        self._replaying: int | None = None
        self._closed = False

    async def put(self, spans: Sequence[tuple[str, bytes]]) -> range | None:
        """Keep (project, span) pairs durably, all or none; their ids, or None when the spool, or its disk, is too full
        for them."""

        def put(connection: sqlite3.Connection) -> range | None:
            size = sum(len(span) for _, span in spans)
            if (
                _size(connection) + size > self._capacity
                or shutil.disk_usage(self._folder).free - size < _RESERVE_BYTES
            ):
                return None
            with _writing(connection):
                connection.executemany("INSERT INTO spans (project, span) VALUES (?, ?)", spans)
                last = connection.execute("SELECT last_insert_rowid()").fetchone()[0]
            return range(last + 1 - len(spans), last + 1)

        return await self._run(put)

    async def oldest(self, *, max_bytes: int) -> list[Spooled]:
        """The oldest spans, up to the one that reaches `max_bytes`; none when there is none, or when another process
        replays this spool. Whoever gets some replays it until it is empty or the process ends, however it ends."""

        def oldest(connection: sqlite3.Connection) -> list[Spooled]:
            found: list[Spooled] = []
            size = 0
            rows = connection.execute("SELECT id, project, span FROM spans ORDER BY id")
            for row in rows:
                if not self._may_replay():
                    break
                size += len(row[2])
                if found and size > max_bytes:
                    break
                found.append(Spooled(*row))
            rows.close()
            if not found:
                self._end_replay()
            return found

        return await self._run(oldest)

    async def remove(self, ids: Iterable[int]) -> None:
        """Forget the spans with these ids and give their space back to the file system."""

        def remove(connection: sqlite3.Connection) -> None:
            with _writing(connection):
                connection.executemany("DELETE FROM spans WHERE id = ?", ((number,) for number in ids))
            # `execute` would take a single step of it, which frees one page.
            connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")

        await self._run(remove)

    async def close(self) -> None:
        """Let go of the file. What it holds is replayed by a sibling or after the next start. Idempotent."""
        if self._closed:
            return
        self._closed = True

        def end() -> None:
            self._end_replay()
            self._disconnect()

        await asyncio.get_running_loop().run_in_executor(self._thread, end)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._call, work)

    def _call(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            if self._connection is None:
                self._connection = self._open()
            result = work(self._connection)
            SPOOL_BYTES.set(_size(self._connection))
            return result
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            raise Retryable(f"the spool in {self._folder} fails: {error}") from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        """What is no database any more is put aside, so that one bad file does not end spooling for good."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / "spool.db"
        # Two processes that both find no table must not race for the journal mode, nor for a damaged file.
        with (self._folder / "open.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                return _connect(path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                aside = path.with_name(f"spool-damaged-{time.time_ns()}.db")
                path.rename(aside)
                log.error("the spool was damaged (%s) and is now %s; a new one begins", error, aside)
                return _connect(path)

    def _may_replay(self) -> bool:
        if self._replaying is None:
            lock = os.open(self._folder / "replay.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(lock)
                if isinstance(error, BlockingIOError):
                    return False
                raise
            self._replaying = lock
        return True

    def _end_replay(self) -> None:
        if self._replaying is not None:
            os.close(self._replaying)
            self._replaying = None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _size(connection: sqlite3.Connection) -> int:
    """Bytes in use; pages that are free already count as free."""
    pages, free, page = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page)
