"""How retention is applied: whole chunks where every project is past them, small deletes for the rest.

Traces are removed first, those with spans outside the chunks to be dropped together with their spans; then the chunks;
then, once for each new day, rows that are past their time in tables that stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from llmflow_store import retention_pieces
from llmflow_store.retention import KINDS, RetentionDays, RetentionOverride, RetentionReport, cutoff
from llmflow_store.retention_pieces import Chunk, Cutoffs, Pace, Piece, earliest
from llmflow_store.search import LOCK_WORDS
from llmflow_store.statements import unix_us

#: Tables that hold rows of traces, by the column that says when; they go with the trace.
_SPAN_TABLES = {"spans": "start_time", "trace_terms": "start_time"}
_CONTENT_TABLES = {"span_content": "start_time", "content_words": "start_time"}
#: Tables that are removed by time alone.
_TIMED_TABLES = {
    "content": _CONTENT_TABLES,
    "rollups": {
        "rollups_minute": "bucket",
        "rollups_hour": "bucket",
        "rollups_day": "bucket",
        "rollups_value_hour": "bucket",
        "rollups_value_day": "bucket",
        "rollups_user_day": "bucket",
        "rollups_user_week": "bucket",
        "rollups_user_made": "bucket",
        "rollups_total_day": "bucket",
        "rollups_total_week": "bucket",
    },
    "logs": {"logs": "time"},
    "metrics": {"metric_points": "time", "metric_series": "last_time"},
}
_HOUR = 3_600_000_000
_WEEK_BUT_A_DAY = 6 * 24 * _HOUR
#: How much older a row's time may be than the day it tells of last, in microseconds: a week's sums have the time of the
#: week's first day, and that of a series is right to the hour.
_OLDER = {
    "rollups_total_week": _WEEK_BUT_A_DAY,
    "rollups_user_week": _WEEK_BUT_A_DAY,
    "rollups_user_made": _WEEK_BUT_A_DAY,
    "metric_series": _HOUR,
}
#: Every table with data of projects that retention deals with, and those that need none: they have few rows, only grow
#: or are emptied by others.
TIMED_TABLES = frozenset(
    {"traces", "scores", *_SPAN_TABLES, *(table for tables in _TIMED_TABLES.values() for table in tables)}
)
UNTIMED_TABLES = frozenset(
    {
        "alert_events",
        "alerts",
        "api_keys",
        "audit_log",
        "cost_totals",
        "destination_jobs",
        "project_retention",
        "saved_views",
        "search_queue",
        "trace_changes",
        "usage_totals",
    }
)

#: Traces and spans that are removed in one transaction; a trace with more spans goes alone.
_TRACES = 500
_SPANS = 5000

_LOCK_PROJECT = "SELECT pg_try_advisory_xact_lock_shared(hashtextextended($1, 0))"
_DELETE_TRACES = f"""
WITH past AS (
    SELECT project, trace_id, start_time_ns, span_count FROM traces
    WHERE project = $1 AND start_time_ns < $2 AND end_time_ns < $2
    ORDER BY start_time_ns, trace_id LIMIT {_TRACES} FOR UPDATE SKIP LOCKED
), counted AS (
    SELECT *, sum(span_count) OVER (ORDER BY start_time_ns, trace_id) - span_count AS spans_before FROM past
)
DELETE FROM traces AS t USING counted AS c
WHERE t.project = c.project AND t.trace_id = c.trace_id AND c.spans_before < {_SPANS}
RETURNING t.trace_id, t.start_time_ns, t.end_time_ns
"""  # noqa: S608
_DELETE_SCORES = "DELETE FROM scores WHERE project = $1 AND trace_id = ANY ($2::bytea[])"
_DELETE_ROWS = "DELETE FROM {} WHERE project = $1 AND trace_id = ANY ($2::bytea[]) AND start_time BETWEEN $3 AND $4"
_DELETE_LOOSE_SCORES = """
DELETE FROM scores WHERE ctid = ANY (ARRAY(
    SELECT s.ctid FROM scores AS s
    WHERE s.project = $1 AND s.time < $2
        AND NOT EXISTS (SELECT FROM traces AS t WHERE t.project = s.project AND t.trace_id = s.trace_id)
    LIMIT 1000 FOR UPDATE SKIP LOCKED
))
"""
# Of the traces that stay, the earliest start.
_FIRST_KEPT = """
SELECT min(kept.start_time_ns) FROM unnest($1::text[], $2::bigint[]) AS o (project, since)
CROSS JOIN LATERAL (
    SELECT start_time_ns FROM traces AS t
    WHERE t.project = o.project AND t.start_time_ns < o.since AND t.end_time_ns >= o.since
    ORDER BY t.start_time_ns LIMIT 1
) AS kept
"""
_HAS_TRACES_BEFORE = """
SELECT EXISTS (
    SELECT FROM projects AS p WHERE EXISTS (SELECT FROM traces AS t WHERE t.project = p.name AND t.start_time_ns < $1)
)
"""
_COUNT_TRACES = """
SELECT count(*), coalesce(sum(span_count), 0)::bigint FROM traces
WHERE project = $1 AND start_time_ns < $2 AND end_time_ns < $2
"""

_OVERRIDES = f"""
SELECT p.name, {", ".join(f"r.{kind}" for kind in KINDS)}
FROM projects AS p LEFT JOIN project_retention AS r ON r.project = p.name
"""  # noqa: S608 - the kinds are constants
_STATUS = "SELECT swept FROM retention_status"
_SAVE_SWEPT = "UPDATE retention_status SET swept = swept || jsonb_build_object($1::text, $2::text)"
_SAVE_STATUS = """
INSERT INTO retention_status (applied_at, defaults) VALUES (now(), $1)
ON CONFLICT (one) DO UPDATE SET applied_at = excluded.applied_at, defaults = excluded.defaults
"""


@dataclass(frozen=True, slots=True)
class Times:
    """Since when each project keeps what, and the days that say so. `marks` change when rows that were kept before
    are past their time."""

    by_kind: Mapping[str, Cutoffs]
    marks: Mapping[str, str]


async def read_times(connection: asyncpg.Connection[Any], defaults: RetentionDays, now: datetime) -> Times:
    """The times that hold for every project now."""
    days: dict[str, RetentionDays] = {}
    special = {"": defaults.with_override(RetentionOverride())}
    for name, *wanted in await connection.fetch(_OVERRIDES):
        override = RetentionOverride(**dict(zip(KINDS, wanted, strict=True)))
        days[name] = defaults.with_override(override)
        if override != RetentionOverride():
            special[name] = days[name]
    by_kind = {kind: _times(kind, days, now) for kind in KINDS}
    marks = {kind: str(sorted(_times(kind, special, now).items())) for kind in KINDS}
    return Times(by_kind, marks)


async def save_status(connection: asyncpg.Connection[Any], defaults: RetentionDays) -> None:
    """Note that retention is being applied with these days."""
    await connection.execute(_SAVE_STATUS, orjson.dumps({kind: getattr(defaults, kind) for kind in KINDS}))


async def remove_audit(
    connection: asyncpg.Connection[Any], days: int, now: datetime, report: RetentionReport, *, dry_run: bool
) -> None:
    """Remove the lines of the audit log that are past their time, or only count them."""
    since = cutoff(days, now)
    if since is not None:
        what = "SELECT FROM" if dry_run else "DELETE FROM"
        status = await connection.execute(f"{what} audit_log WHERE at < $1", unix_us(since))
        report.add_rows("audit_log", _number(status))


async def remove(connection: asyncpg.Connection[Any], times: Times, report: RetentionReport) -> bool:
    """Remove everything that is past its time, and count it in the report; return whether no chunk had to stay because
    somebody uses it."""
    chunks = await retention_pieces.chunks(connection)
    since = {
        project: None if time is None else _aligned(time, chunks.get("spans", []))
        for project, time in times.by_kind["spans"].items()
    }
    bound = _aligned(await _first_kept(connection, since), chunks.get("spans", [])) if chunks else 0
    for project, time in since.items():
        if time is not None:
            await _remove_traces(connection, project, time, bound, report)
    complete = True
    for table, column in _SPAN_TABLES.items():
        for piece in _pieces(table, column, chunks):
            if piece.end is not None and piece.end <= bound:
                complete &= await _drop(connection, piece, report, unless=_HAS_TRACES_BEFORE)
    swept: Mapping[str, str] = await connection.fetchval(_STATUS) or {}
    for kind, tables in _TIMED_TABLES.items():
        cutoffs = times.by_kind[kind]
        if kind == "content":
            cutoffs = _apart_from_spans(cutoffs, times.by_kind["spans"], bound)
        for table, column in tables.items():
            kept = _earlier(cutoffs, _OLDER.get(table, 0))
            pieces = _pieces(table, column, chunks)
            complete &= await _remove_rows(connection, pieces, kept, swept, times.marks[kind], report)
    return complete


async def preview(connection: asyncpg.Connection[Any], times: Times, report: RetentionReport) -> None:
    """Count what is past its time."""
    for project, time in times.by_kind["spans"].items():
        if time is not None:
            [(traces, spans)] = await connection.fetch(_COUNT_TRACES, project, time * 1000)
            report.add_rows("traces", traces)
            report.add_rows("spans", spans)
    for kind, tables in _TIMED_TABLES.items():
        for table, column in tables.items():
            kept = _earlier(times.by_kind[kind], _OLDER.get(table, 0))
            report.add_rows(table, await retention_pieces.count(connection, table, column, kept))


async def _first_kept(connection: asyncpg.Connection[Any], since: Cutoffs) -> int:
    """The time before which no trace that stays has spans; 0 when a project keeps all."""
    first = earliest(since)
    if first is None:
        return 0
    times = [time * 1000 for time in since.values() if time is not None]
    kept = await connection.fetchval(_FIRST_KEPT, list(since), times)
    return first if kept is None else min(first, kept // 1000)


async def _remove_traces(
    connection: asyncpg.Connection[Any], project: str, since: int, bound: int, report: RetentionReport
) -> None:
    """Remove the traces of a project that ended before `since`; spans before `bound` go with their chunks."""
    removed = 1
    while removed:
        with Pace() as pace:
            async with connection.transaction():
                # A project that is being deleted needs no help.
                if not await connection.fetchval(_LOCK_PROJECT, project):
                    return
                await connection.execute(LOCK_WORDS)
                removed = await _remove_some_traces(connection, project, since, bound, report)
        await pace.rest()
    deleted = 1
    while deleted:
        deleted = _number(await connection.execute(_DELETE_LOOSE_SCORES, project, since))
        report.add_rows("scores", deleted)


async def _remove_some_traces(
    connection: asyncpg.Connection[Any], project: str, since: int, bound: int, report: RetentionReport
) -> int:
    traces = await connection.fetch(_DELETE_TRACES, project, since * 1000)
    report.add_rows("traces", len(traces))
    ids = [trace["trace_id"] for trace in traces]
    report.add_rows("scores", _number(await connection.execute(_DELETE_SCORES, project, ids)))
    outside = [trace for trace in traces if trace["end_time_ns"] >= bound * 1000]
    if outside:
        ids = [trace["trace_id"] for trace in outside]
        first = min(trace["start_time_ns"] for trace in outside) // 1000
        last = max(trace["end_time_ns"] for trace in outside) // 1000
        for table in (*_SPAN_TABLES, *_CONTENT_TABLES):
            status = await connection.execute(_DELETE_ROWS.format(table), project, ids, first, last)
            report.add_rows(table, _number(status))
    return len(traces)


async def _remove_rows(
    connection: asyncpg.Connection[Any],
    pieces: list[Piece],
    cutoffs: Cutoffs,
    swept: Mapping[str, str],
    mark: str,
    report: RetentionReport,
) -> bool:
    """Drop the pieces that no project keeps anything of; go through those in which some project is past its time, if
    that has not been done for these times. Return whether none had to stay because somebody uses it."""
    if not pieces:
        return True
    table, first, complete = pieces[0].table, earliest(cutoffs), True
    for piece in pieces:
        if piece.end is not None and first is not None and piece.end <= first:
            complete &= await _drop(connection, piece, report)
        elif swept.get(table) != mark:
            past = {
                project: time
                for project, time in cutoffs.items()
                if time is not None and (piece.end is None or piece.end <= time)
            }
            report.add_rows(table, await retention_pieces.sweep(connection, piece, past))
    if swept.get(table) != mark:
        await connection.execute(_SAVE_SWEPT, table, mark)
    return complete


async def _drop(
    connection: asyncpg.Connection[Any], piece: Piece, report: RetentionReport, *, unless: str | None = None
) -> bool:
    dropped = await retention_pieces.drop(connection, piece, unless=unless)
    if dropped:
        report.add_chunk(piece.table)
    return dropped


def _apart_from_spans(content: Cutoffs, spans: Cutoffs, bound: int) -> Cutoffs:
    """Since when content is kept of itself: where its time is that of its spans, it goes with them."""
    return {project: bound or None if time == spans[project] else time for project, time in content.items()}


def _earlier(cutoffs: Cutoffs, by: int) -> Cutoffs:
    return {project: None if time is None else time - by for project, time in cutoffs.items()}


def _pieces(table: str, column: str, chunks: Mapping[str, list[Chunk]]) -> list[Piece]:
    if table in chunks:
        return [Piece(table, c.relation, column, c.start, c.end, c.compressed) for c in chunks[table]]
    return [Piece(table, table, column)]


def _aligned(time: int, chunks: list[Chunk]) -> int:
    """A time that is within a chunk becomes that chunk's start: chunks go as a whole."""
    return next((chunk.start for chunk in chunks if chunk.start < time < chunk.end), time)


def _times(kind: str, days: Mapping[str, RetentionDays], now: datetime) -> Cutoffs:
    times = {project: cutoff(getattr(own, kind), now) for project, own in days.items()}
    return {project: None if time is None else max(unix_us(time), 0) for project, time in times.items()}


def _number(status: str) -> int:
    return int(status.rpartition(" ")[2])
