"""Keeping a database below a size: the oldest days go first, of content before all else.

Room that deleted rows leave in an ordinary table is used again by new ones but stays in its file. So it is the room in
use that is held below the limit, estimated from the planner's statistics; the files stop growing at about that size.
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

# A piece of a large value takes 2 KB of its TOAST table; 28 bytes are the header and place of a row.
_USED = """
SELECT pg_database_size(current_database()) - coalesce(sum(
    greatest(heap - heap_used, 0) + greatest(toast - toast_used, 0)
    + indexes * greatest(1 - heap_used / nullif(heap, 0), 0)
), 0)::bigint
FROM (
    SELECT pg_relation_size(c.oid) AS heap, coalesce(pg_relation_size(t.oid), 0) AS toast,
        pg_indexes_size(c.oid) AS indexes,
        greatest(c.reltuples, pg_stat_get_live_tuples(c.oid)) * (
            SELECT 28 + sum(avg_width * (1 - null_frac)) FROM pg_stats AS s
            WHERE s.schemaname = current_schema() AND s.tablename = c.relname
        ) AS heap_used,
        coalesce(greatest(t.reltuples, pg_stat_get_live_tuples(t.oid)), 0) * 2048 AS toast_used
    FROM pg_class AS c LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
) AS tables
"""
_OLDEST_CONTENT = "SELECT min(start_time) FROM span_content"
_OLDEST = """
SELECT least(
    (SELECT unix_ns_time(min(end_time_ns)) FROM traces), (SELECT min(time) FROM logs),
    (SELECT min(time) FROM metric_points)
)
"""
#: What goes first, and how to find the time of its oldest rows.
_IN_ORDER: tuple[tuple[tuple[str, ...], str], ...] = (
    (("content",), _OLDEST_CONTENT),
    (("spans", "content", "logs", "metrics"), _OLDEST),
)


async def used_bytes(connection: asyncpg.Connection[Any]) -> int:
    """About how much of the database's files is in use."""
    return int(await connection.fetchval(_USED))


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
            # A chunk of several days goes when the last of them has its turn.
            until = today + 1 if oldest is None else max(until, oldest - oldest % _DAY) + _DAY
            if until > today:
                break
            logger.warning("the database is full (%d bytes in use): the oldest %s goes", used, " and ".join(kinds))
            before = dict(report.rows)
            await retention_sql.remove(connection, _until(times, kinds, until), report)
            await _reclaim(connection, [table for table in report.rows if report.rows[table] != before.get(table)])
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
