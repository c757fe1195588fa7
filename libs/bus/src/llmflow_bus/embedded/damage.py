"""Reads an SQLite file past the pages that the disk has damaged, and puts it aside."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

#: More than a page has rows: what lies between two damaged ones is found.
_NEAR_ROWS = 1000
_BESIDE = ("-wal", "-shm")
#: A disk that goes on damaging files must not be filled with them.
_KEPT = 3
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
#: What else a damaged schema or text leads to.
_DAMAGED_TEXT = ("no such table", "no such column", "has no column named", "Could not decode to UTF-8")
#: What may turn out to be damage: SQLite quotes names from the file, which Python then takes for UTF-8.
READ_ERRORS = (sqlite3.Error, UnicodeDecodeError)


def is_damage(error: BaseException | None) -> bool:
    """Whether SQLite says by `error` that the file is not as it was written."""
    if isinstance(error, UnicodeDecodeError):
        return True
    if not isinstance(error, sqlite3.Error):
        return False
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE or any(text in str(error) for text in _DAMAGED_TEXT)


def readable_rows(
    connection: sqlite3.Connection,
    query: str,
    first: int,
    end: int,
    note_loss: Callable[[int, int, Exception], None],
) -> Generator[tuple[Any, ...], None, None]:
    """The rows of a `query` by id from `first` up to `end`, without those on damaged pages: of which `note_loss` hears
    the first id, the one behind the last, and why.

    The query takes the two ids, gives rows that begin with theirs in this order, and ends so that a LIMIT can follow.
    """
    while True:
        try:
            for row in connection.execute(query, (first, end)):
                # A damaged page may give any id, and the way ahead must not lead back.
                if row[0] >= first:
                    first = row[0] + 1
                    yield row
            if _can_read(connection, query, first, end):
                return
            why: Exception = sqlite3.DatabaseError("a row is out of order")
        except READ_ERRORS as error:
            if not is_damage(error):
                raise
            why = error
            # Python's cursor looks a row ahead, and keeps the one before the damage to itself.
            if _can_read(connection, query, first, end) and (row := _next(connection, query, first, end)):
                first = max(first, row[0]) + 1
                yield row
                continue
        readable = _readable_after(connection, query, first, end)
        note_loss(first, readable, why)
        if not _can_read(connection, query, readable, end):
            return  # the page is the last one
        first = readable


def first_row(connection: sqlite3.Connection, query: str, first: int, end: int) -> tuple[Any, ...] | None:
    """The first of those rows that can be read."""
    if not _can_read(connection, query, first, end):
        first = _readable_after(connection, query, first, end)
        if not _can_read(connection, query, first, end):
            return None
    return _next(connection, query, first, end)


def _readable_after(connection: sqlite3.Connection, query: str, rowid: int, end: int) -> int:
    """Where can be read again after a row that cannot: looked for row by row, then in steps that grow, then shrink;
    `end` when nothing more can."""
    for near in range(rowid + 1, min(rowid + _NEAR_ROWS, end)):
        if _can_read(connection, query, near, end):
            return near
    damaged, readable, step = min(rowid + _NEAR_ROWS, end) - 1, end, 1
    while damaged + step < readable:
        if _can_read(connection, query, damaged + step, end):
            readable = damaged + step
        else:
            damaged, step = damaged + step, 2 * step
    while readable - damaged > 1:
        middle = (readable + damaged) // 2
        if _can_read(connection, query, middle, end):
            readable = middle
        else:
            damaged = middle
    return readable


def _can_read(connection: sqlite3.Connection, query: str, rowid: int, end: int) -> bool:
    """Whether there is no damage where the first row from an id on has to be looked for, and it is found if there is
    one: whoever looks from the start ends at a row that seems to lie behind all others."""
    try:
        if _next(connection, query, rowid, end):
            return True
        highest = connection.execute(f"{query} DESC LIMIT 1", (rowid, end)).fetchone()
        # What has come meanwhile is found now.
        return highest is None or highest[0] < rowid or _next(connection, query, rowid, end) is not None
    except READ_ERRORS as error:
        if not is_damage(error):
            raise
        return False


def _next(connection: sqlite3.Connection, query: str, rowid: int, end: int) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = connection.execute(f"{query} LIMIT 1", (rowid, end)).fetchone()
    return row


def put_aside(path: Path, name: str) -> None:
    """Give a file another name in its folder, and so what SQLite has beside it. Can be done again when broken off."""
    for suffix in (*_BESIDE, ""):
        part = path.with_name(f"{path.name}{suffix}")
        if part.exists():
            part.rename(path.with_name(f"{name}{suffix}"))


def keep_the_last(aside: Sequence[Path]) -> None:
    """Remove the oldest of the files that were put aside, which come first."""
    for old in aside[:-_KEPT]:
        for suffix in (*_BESIDE, ""):
            old.with_name(f"{old.name}{suffix}").unlink(missing_ok=True)
