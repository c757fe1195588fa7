"""Stored spans in the order of their starts, a page at a time, for sending them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg

from llmflow_core.spans import JSON, Span
from llmflow_store.destinations import Job, ReplayPage
from llmflow_store.export_sql import add_content
from llmflow_store.filter_sql import Arguments
from llmflow_store.rows import SPAN_COLUMNS, span_from
from llmflow_store.statements import unix_us

_PAGE = f"SELECT {', '.join(SPAN_COLUMNS)} FROM spans WHERE project = $1"  # noqa: S608 - the columns are constants
_ORDER = "start_time, start_time_nanos, span_id, trace_id"
_NEXT_PROJECT = "SELECT name FROM projects WHERE name > $1 ORDER BY name LIMIT 1"
_ABOUT = """
SELECT sum(span_count)::bigint FROM rollups_minute
WHERE ($1::text IS NULL OR project = $1)
    AND ($2::timestamptz IS NULL OR bucket >= date_trunc('minute', $2::timestamptz))
    AND ($3::timestamptz IS NULL OR bucket < $3)
"""


async def about(
    connection: asyncpg.Connection[Any], project: str | None, from_us: int | None, to_us: int | None
) -> int | None:
    """How many spans started in the range, which is right to whole minutes."""
    found: int | None = await connection.fetchval(_ABOUT, project, from_us, to_us)
    return found


async def replay_page(connection: asyncpg.Connection[Any], job: Job, limit: int) -> ReplayPage:
    """See `Destinations.replay_page`."""
    place = job.position or {}
    project: str | None = place.get("project") or job.project
    if project is None:
        project = await connection.fetchval(_NEXT_PROJECT, "")
    while project is not None:
        spans = await _spans(connection, job, project, place, limit)
        if spans:
            return ReplayPage(project=project, spans=spans, next=_after(project, spans[-1]))
        place = {}
        project = None if job.project else await connection.fetchval(_NEXT_PROJECT, project)
    return ReplayPage(project=job.project or "")


async def _spans(
    connection: asyncpg.Connection[Any], job: Job, project: str, place: Mapping[str, JSON], limit: int
) -> list[Span]:
    arguments = Arguments(project)
    conditions = []
    if job.from_time:
        conditions.append(f"start_time >= {arguments.add(unix_us(job.from_time), 'timestamptz')}")
    if job.to_time:
        conditions.append(f"start_time < {arguments.add(unix_us(job.to_time), 'timestamptz')}")
    if "start_time_ns" in place:
        microseconds, nanoseconds = divmod(int(place["start_time_ns"]), 1000)
        span_id, trace_id = bytes.fromhex(place["span_id"]), bytes.fromhex(place["trace_id"])
        after = ", ".join(map(arguments.add, (microseconds, nanoseconds, span_id, trace_id)))
        conditions.append(f"({_ORDER}) > ({after})")
    statement = f"{' AND '.join([_PAGE, *conditions])} ORDER BY {_ORDER} LIMIT {int(limit)}"
    spans = [span_from(row) for row in await connection.fetch(statement, *arguments.values)]
    if spans:
        await add_content(connection, spans, ("content",))
    return spans


def _after(project: str, span: Span) -> dict[str, JSON]:
    return {
        "project": project,
        "start_time_ns": span.start_time_ns,
        "span_id": span.span_id.hex(),
        "trace_id": span.trace_id.hex(),
    }
