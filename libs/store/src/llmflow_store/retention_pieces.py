"""What retention works on piece by piece: a table's chunks, or the whole of an ordinary table."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import asyncpg

logger = logging.getLogger(__name__)

#: How long the removal of a chunk may wait for those who use it; whoever comes after it waits as long.
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '1s'"
#: Pages that one delete looks at: 2 MB of a table.
_PAGES = 256

_CHUNKS = """
SELECT h.hypertable_name::text, CASE WHEN c.chunk_name IS NOT NULL THEN format('%I.%I', chunk_schema, chunk_name) END,
    range_start, range_end, is_compressed
FROM timescaledb_information.hypertables AS h
LEFT JOIN timescaledb_information.chunks AS c USING (hypertable_schema, hypertable_name)
WHERE hypertable_schema = current_schema() ORDER BY range_start
"""
_DROP_CHUNK = "SELECT drop_chunks($1::text::regclass, newer_than => $2::timestamptz, older_than => $3::timestamptz)"
_PAGE_COUNT = "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::int"
# Rows that a writer has locked are left for the next time, so that neither waits for the other in a circle.
_DELETE = """
DELETE FROM {relation} WHERE ctid = ANY (ARRAY(
    SELECT t.ctid FROM {relation} AS t
    JOIN unnest($1::text[], $2::timestamptz[]) AS kept (project, since) USING (project)
    WHERE t.ctid >= $3 AND t.ctid < $4 AND t.{column} < kept.since
    FOR UPDATE OF t SKIP LOCKED
))
"""

# A compressed row has no place of its own.
_DELETE_COMPRESSED = """
DELETE FROM {relation} AS t USING unnest($1::text[], $2::timestamptz[]) AS kept (project, since)
WHERE t.project = kept.project AND t.{column} < kept.since
"""

#: The earliest time, in microseconds since the Unix epoch, of which each project keeps rows; None keeps all.
Cutoffs = Mapping[str, int | None]


class Chunk(NamedTuple):
    """A hypertable's rows of start ≤ time < end, in microseconds since the Unix epoch."""

    relation: str
    start: int
    end: int
    compressed: bool


class Piece(NamedTuple):
    """Rows of `table` that lie in one `relation`, by the time in `column`: those of a chunk, or all of an ordinary
    table, which has no start and end."""

    table: str
    relation: str
    column: str
    start: int | None = None
    end: int | None = None
    compressed: bool = False


async def chunks(connection: asyncpg.Connection[Any]) -> dict[str, list[Chunk]]:
    """The chunks of every hypertable, oldest first, which may be none yet; nothing on plain PostgreSQL.

    Only a chunk or an ordinary table is a place for a `ctid`: of a hypertable it names a row in each of the chunks.
    """
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"):
        return {}
    found: dict[str, list[Chunk]] = {}
    for table, relation, *rest in await connection.fetch(_CHUNKS):
        known = found.setdefault(table, [])
        if relation is not None:
            known.append(Chunk(relation, *rest))
    return found


def earliest(cutoffs: Cutoffs) -> int | None:
    """The time before which no project keeps anything; None when one keeps everything, or there is none."""
    times = [time for time in cutoffs.values() if time is not None]
    return min(times) if times and len(times) == len(cutoffs) else None


async def drop(connection: asyncpg.Connection[Any], piece: Piece, *, unless: str | None = None) -> bool:
    """Remove a chunk with all that is in it, unless it is in use for longer than a moment; return whether it is gone.

    It also stays when the statement `unless`, given the chunk's end in nanoseconds, says true once nobody can write to
    the chunk any more.
    """
    try:
        async with connection.transaction():
            await connection.execute(_LOCK_TIMEOUT)
            await connection.execute(f"LOCK TABLE {piece.relation} IN ACCESS EXCLUSIVE MODE")
            if unless and piece.end and await connection.fetchval(unless, piece.end * 1000):
                return False
            await connection.execute(_DROP_CHUNK, piece.table, piece.start, piece.end)
    except asyncpg.LockNotAvailableError:
        logger.info("%s is past its time but in use; it goes the next time", piece.relation)
        return False
    return True


async def sweep(connection: asyncpg.Connection[Any], piece: Piece, cutoffs: Cutoffs) -> int:
    """Delete the rows of a piece that are past their project's time, a few pages at a time; return how many."""
    kept = [(project, since) for project, since in cutoffs.items() if since is not None]
    if not kept:
        return 0
    projects, times = zip(*kept, strict=True)
    if piece.compressed:
        statement = _DELETE_COMPRESSED.format(relation=piece.relation, column=piece.column)
        return int((await connection.execute(statement, projects, times)).rpartition(" ")[2])
    statement = _DELETE.format(relation=piece.relation, column=piece.column)
    pages, deleted = await connection.fetchval(_PAGE_COUNT, piece.relation), 0
    for first in range(0, pages, _PAGES):
        with Pace() as pace:
            status = await connection.execute(statement, projects, times, (first, 0), (first + _PAGES, 0))
        deleted += int(status.rpartition(" ")[2])
        await pace.rest()
    return deleted


async def count(connection: asyncpg.Connection[Any], table: str, column: str, cutoffs: Cutoffs) -> int:
    """How many rows of a table are past their project's time."""
    kept = [(project, since) for project, since in cutoffs.items() if since is not None]
    if not kept:
        return 0
    statement = f"""
        SELECT count(*) FROM {table} AS t
        JOIN unnest($1::text[], $2::timestamptz[]) AS kept (project, since) USING (project)
        WHERE t.{column} < kept.since
    """  # noqa: S608 - the names are constants
    return int(await connection.fetchval(statement, *zip(*kept, strict=True)))


class Pace:
    """Keeps the database free half of the time: measures a step, then rests for as long as that took."""

    def __enter__(self) -> Pace:
        self._started = time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        self._took = time.perf_counter() - self._started

    async def rest(self) -> None:
        """Wait."""
        await asyncio.sleep(self._took)
