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
_SPANS = "SELECT id, project, span FROM spans WHERE id >= ? AND id < ? ORDER BY id"
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
        self._path = folder / "spool.db"
        #: What is about to take the place of a damaged file: whole, from the moment that it has this name.
        self._successor = folder / "spool-successor.db"
        self._inode = 0
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
            with self._writing(connection):
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
                if not _is_whole(row):
                    raise _damaged(f"span {row[0]}")
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

        leaving = list(ids)

        def remove(connection: sqlite3.Connection) -> None:
            with self._writing(connection):
                gone = connection.executemany("DELETE FROM spans WHERE id = ?", [(number,) for number in leaving])
            # What is there to be read and cannot be found to be removed would be replayed for ever.
            if gone.rowcount < len(leaving):
                (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                if found != "ok":
                    raise _damaged(found)
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
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            self._disconnect()
            self._replace_if_damaged(error)
            raise Retryable(f"the spool in {self._folder} fails: {error}") from error

    @contextlib.contextmanager
    def _writing(self, connection: sqlite3.Connection) -> Iterator[None]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # What is written to a file that was put aside, or removed, nobody would find.
            if self._path.stat().st_ino != self._inode or self._successor.exists():
                raise OSError("another file has taken its place")
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked():
            if self._successor.exists():
                self._put_successor_in_place()
            self._inode = self._path.stat().st_ino if self._path.exists() else 0
            connection = _connect(self._path)
            self._inode = self._path.stat().st_ino
            return connection

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Two processes that both find no table must not race for the journal mode, nor for a damaged file."""
        with (self._folder / "open.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _replace_if_damaged(self, error: Exception) -> None:
        """Put a damaged file aside, so that it does not end spooling for good, and what can be read of it into a new
        one, under the same ids."""
        from llmflow_bus.embedded.damage import READ_ERRORS, is_damage  # only then are they needed

        if not is_damage(error):
            return
        try:
            with self._locked():
                if self._successor.exists() or self._path.stat().st_ino != self._inode:
                    return  # another process was faster
                draft = self._folder / "spool-draft.db"
                # What was broken off must not take the room of what is tried now.
                draft.unlink(missing_ok=True)
                if shutil.disk_usage(self._folder).free < self._path.stat().st_size + _RESERVE_BYTES:
                    raise OSError("the disk lacks room for another")
                with contextlib.closing(_connect(draft)) as new, contextlib.closing(_connect_bare(self._path)) as old:
                    kept = _copy_readable(old, new)
                    new.close()  # before it gets its name, for its journal has to be gone by then
                    draft.rename(self._successor)
                    log.error("the spool is damaged (%s); %d spans go on in a new one", error, kept)
                    self._put_successor_in_place()
        except (OSError, *READ_ERRORS) as failure:
            log.error("the spool is damaged (%s), and cannot be replaced: %s", error, failure)

    def _put_successor_in_place(self) -> None:
        """Put the damaged file aside, and its successor where it was; is done again when it was broken off."""
        from llmflow_bus.embedded.damage import keep_the_last, put_aside

        aside = f"spool-damaged-{self._successor.stat().st_mtime_ns}.db"
        put_aside(self._path, aside)
        self._successor.rename(self._path)
        log.error("the damaged spool is now %s", aside)
        keep_the_last(sorted(self._folder.glob("spool-damaged-*.db")))

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
    connection = _connect_bare(path)
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


def _connect_bare(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _copy_readable(old: sqlite3.Connection, new: sqlite3.Connection) -> int:
    """Copy the spans that can be read, and let no id come again; how many. The old file keeps its write lock."""
    from llmflow_bus.embedded.damage import READ_ERRORS, is_damage, readable_rows

    def note_loss(first: int, end: int, error: Exception) -> None:
        log.error("spans of the spool from number %d on are lost: %s", first, error)

    new.execute("BEGIN IMMEDIATE")
    try:
        old.text_factory = lambda text: text.decode(errors="replace")
        # With this SQLite reads files that have lost their end, too.
        old.execute("PRAGMA writable_schema = ON")
        old.execute("BEGIN IMMEDIATE")
        rows = readable_rows(old, _SPANS, 0, 1 << 62, note_loss)
        new.executemany("INSERT INTO spans VALUES (?, ?, ?)", (row for row in rows if _is_whole(row)))
    except READ_ERRORS as error:
        if not is_damage(error):
            raise
    # In an order that no count of spans can reach.
    new.execute("INSERT INTO spans VALUES (?, '', x'')", (time.time_ns() // 1000,))
    new.execute("DELETE FROM spans WHERE project = '' AND span = x''")
    (count,) = new.execute("SELECT count(*) FROM spans").fetchone()
    new.execute("COMMIT")
    return int(count)


def _is_whole(row: Sequence[object]) -> bool:
    return isinstance(row[1], str) and isinstance(row[2], bytes)


def _damaged(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(f"damaged: {what}")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _size(connection: sqlite3.Connection) -> int:
    """Bytes in use; pages that are free already count as free."""
    pages, free, page = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page)
