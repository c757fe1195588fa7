"""Keeping a database below a size: the oldest days go first, of content before all else.

Room that deleted rows leave in an ordinary table is used again by new ones but stays in its file. So it is the room in
use that is held below the limit, estimated from some pages of each table; the files stop growing at about that size.
(The planner's statistics do not do: what VACUUM counts of a TOAST table drifts to half and to thrice as much.)
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from llmflow_store import retention_pieces, retention_sql
from llmflow_store.retention import RetentionReport
from llmflow_store.retention_sql import Times
from llmflow_store.statements import unix_us

logger = logging.getLogger(__name__)

#: The share of the limit at which days begin to go, so that the files stay below it.
_FULL = 0.9
_DAY = timedelta(days=1) // timedelta(microseconds=1)

#: Tables with files that are smaller, in bytes, count as full.
_SMALL = 1_000_000
#: Pages of a table that are looked at.
_PAGES = 500

# The size of a value that lies in the TOAST table is known without fetching it.
_TABLES = f"""
SELECT c.oid::regclass::text, pg_table_size(c.oid), pg_indexes_size(c.oid),
    pg_relation_size(c.oid) / current_setting('block_size')::int, (
        SELECT string_agg(format('coalesce(pg_column_size(%I), 0)', attname), ' + ') FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
    )
FROM pg_class AS c
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND pg_table_size(c.oid) >= {_SMALL}
"""  # noqa: S608
# 28 bytes are the header and place of a row.
_SAMPLED = "SELECT coalesce(sum(28 + {width}), 0)::bigint FROM {table} TABLESAMPLE SYSTEM ({percent})"
_OLDEST_CONTENT = "SELECT min(start_time) FROM span_content"
_OLDEST = """
SELECT least(
    (SELECT unix_ns_time(min(end_time_ns)) FROM traces), (SELECT min(time) FROM logs),
    (SELECT min(time) FROM metric_points)
)
"""
_OLDEST_ROLLUP = "SELECT min(bucket) FROM rollups_day"
#: What goes first, and how to find the time of its oldest rows.
_IN_ORDER: tuple[tuple[tuple[str, ...], str], ...] = (
    (("content",), _OLDEST_CONTENT),
    (("spans", "content", "logs", "metrics"), _OLDEST),
    (("rollups",), _OLDEST_ROLLUP),
)


async def used_bytes(connection: asyncpg.Connection[Any]) -> int:
    """About how much of the database's files is in use."""
    used = int(await connection.fetchval("SELECT pg_database_size(current_database())"))
    for table, size, indexes, pages, width in await connection.fetch(_TABLES):
        percent = min(100 * _PAGES / max(pages, 1), 100)
        sampled = await connection.fetchval(_SAMPLED.format(table=table, width=width, percent=percent))
        used -= int((size + indexes) * max(1 - sampled * 100 / percent / size, 0))
    return used


async def shrink(
    connection: asyncpg.Connection[Any], times: Times, max_bytes: int, now: datetime, report: RetentionReport
) -> None:
    """Remove the oldest days, whatever projects want, until the database is small enough or only today is left."""
    limit = int(max_bytes * _FULL)
    if await connection.fetchval("SELECT pg_database_size(current_database())") <= limit:
        return
    today = unix_us(now.replace(hour=0, minute=0, second=0, microsecond=0))
    for kinds, find_oldest in _IN_ORDER:
        until = 0
        while (used := await used_bytes(connection)) > limit:
            oldest = await connection.fetchval(find_oldest)
            if "spans" in kinds:
                # A chunk that was in use when its traces went still has to go.
                chunks = (await retention_pieces.chunks(connection)).get("spans", [])
                oldest = min((time for time in (oldest, *(chunk.start for chunk in chunks)) if time), default=None)
            # A chunk of several days goes when the last of them has its turn.
            until = today + 1 if oldest is None else max(until, oldest - oldest % _DAY) + _DAY
            if until > today:
                break
            logger.warning("the database is full (%d bytes in use): the oldest %s goes", used, " and ".join(kinds))
            before = dict(report.rows)
            complete = await retention_sql.remove(connection, _until(times, kinds, until), report)
            await _reclaim(connection, [table for table in report.rows if report.rows[table] != before.get(table)])
            if not complete:
                # What stays for the moment frees no room, and no younger day shall go in its place.
                return
        else:
            return
    logger.warning("%d bytes of the database are in use, over 90 %% of its limit, and only today is left", used)


def _until(times: Times, kinds: tuple[str, ...], until: int) -> Times:
    """Times by which nothing of these kinds is kept that is older than `until`."""
    raised = {kind: {project: max(time or 0, until) for project, time in times.by_kind[kind].items()} for kind in kinds}
    marks = dict.fromkeys(kinds, f"until {until}")
    return replace(times, by_kind={**times.by_kind, **raised}, marks={**times.marks, **marks})


async def _reclaim(connection: asyncpg.Connection[Any], tables: list[str]) -> None:
    """Let new rows have the room of deleted ones, and count again how many rows there are."""
    chunked = await retention_pieces.chunks(connection)
    for table in tables:
        if table not in chunked:
            await connection.execute(f"VACUUM (ANALYZE) {table}")
