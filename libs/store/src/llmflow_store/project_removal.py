"""How everything of a project is deleted: in small transactions, so that none is too long for any size, and what was
done stays done when one fails."""

from __future__ import annotations

from typing import Any

import asyncpg

from llmflow_store import retention_pieces, writes
from llmflow_store.search import LOCK_WORDS

#: Tables with rows of a project, in the order in which writers lock them.
PROJECT_TABLES = (
    "spans",
    "span_content",
    "search_queue",
    "content_words",
    "trace_terms",
    "traces",
    "scores",
    "trace_changes",
    "rollups_minute",
    "rollups_hour",
    "rollups_day",
    "rollups_value_hour",
    "rollups_value_day",
    "rollups_total_day",
    "rollups_total_week",
    "rollups_user_day",
    "rollups_user_week",
    "rollups_user_made",
    "usage_totals",
    "cost_totals",
    "logs",
    "metric_series",
    "metric_points",
    "alerts",
    "alert_events",
    "saved_views",
)

#: Rows of one transaction.
_ROWS = 10_000
_DELETE = "DELETE FROM {} WHERE project = $1"
_DELETE_SOME = """
DELETE FROM {relation} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {relation} WHERE project = $1 LIMIT {rows}))
"""


async def remove_most(connection: asyncpg.Connection[Any], project: str) -> int:
    """Delete the rows that the project has now, each some within a transaction of its own; return how many spans."""
    chunks = await retention_pieces.chunks(connection)
    spans = 0
    for table in PROJECT_TABLES:
        relations = [(table, False)]
        if table in chunks:
            relations = [(chunk.relation, chunk.compressed) for chunk in chunks[table]]
        for relation, compressed in relations:
            deleted = await _remove_all(connection, relation, project, compressed=compressed)
            spans += deleted if table == "spans" else 0
    return spans


async def remove_rest(connection: asyncpg.Connection[Any], project: str) -> int:
    """Delete what has come since, within the open transaction, and keep writers of the project waiting until it ends;
    return how many spans there were."""
    await _lock(connection, project)
    spans, *_ = [_number(await connection.execute(_DELETE.format(table), project)) for table in PROJECT_TABLES]
    return spans


async def _remove_all(connection: asyncpg.Connection[Any], relation: str, project: str, *, compressed: bool) -> int:
    # A compressed row has no place of its own.
    statement = _DELETE if compressed else _DELETE_SOME
    total = 0
    while True:
        try:
            async with connection.transaction():
                await _lock(connection, project)
                status = await connection.execute(statement.format(relation, relation=relation, rows=_ROWS), project)
        except asyncpg.UndefinedTableError:
            # Retention has dropped the chunk.
            return total
        total += _number(status)
        if compressed or _number(status) < _ROWS:
            return total


async def _lock(connection: asyncpg.Connection[Any], project: str) -> None:
    await connection.execute(writes.LOCK_PROJECT, project)
    await connection.execute(LOCK_WORDS)


def _number(status: str) -> int:
    return int(status.rpartition(" ")[2])
