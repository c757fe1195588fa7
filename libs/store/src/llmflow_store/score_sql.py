"""How scores are stored and read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from itertools import chain
from typing import Any

import asyncpg

from llmflow_core.errors import Permanent
from llmflow_core.filters import Filter
from llmflow_core.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from llmflow_core.spans import Score, Span
from llmflow_store import values
from llmflow_store.filter_sql import Arguments, span_condition
from llmflow_store.scores import ScoreCursor, ScorePage, ScoreQuery, ScoreType, StoredScore
from llmflow_store.statements import Conditions, lock_projects, unix_us

_COLUMNS = (
    "project",
    "id",
    "trace_id",
    "span_id",
    "session_id",
    "name",
    "value",
    "label",
    "data_type",
    "comment",
    "source",
    "author",
    "time",
)
_LIST = ", ".join(_COLUMNS)
_INSERT = f"INSERT INTO scores ({_LIST}) VALUES ({', '.join(f'${n + 1}' for n in range(len(_COLUMNS)))})"  # noqa: S608
_ADD = f"{_INSERT} ON CONFLICT DO NOTHING"
_SAVE = f"""{_INSERT} ON CONFLICT (project, id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])}
"""
_ID_BYTES = 1024


async def add_scores_of(connection: asyncpg.Connection[Any], spans: Iterable[Span]) -> None:
    """Store the scores that came with spans that were just inserted, within the open transaction."""
    judged = [span for span in spans if span.scores]
    scores = sorted(chain.from_iterable(map(scores_of, judged)), key=lambda score: (score.project, score.id))
    if scores:
        await connection.executemany(_ADD, [_row(score) for score in scores])


async def save_score(connection: asyncpg.Connection[Any], score: StoredScore) -> None:
    """See `Scores.save_score`."""
    row = _row(score)
    async with connection.transaction():
        await lock_projects(connection, [score.project])
        await connection.execute(_SAVE, *row)


async def list_scores(connection: asyncpg.Connection[Any], query: ScoreQuery) -> ScorePage:
    """See `Scores.list_scores`. Keyset pagination over (time, id), both descending."""
    where = Conditions(query.project)
    if query.after:
        where.add("(time, id) < ({}, {})", query.after.time_ns // 1000, values.text(query.after.id))
    where.add_range("time", query.from_time, query.to_time)
    for name in ("session_id", "name", "source", "data_type"):
        where.add_equal(name, getattr(query, name))
    if query.trace_id is not None:
        where.add("trace_id = {}", query.trace_id)
    if query.span_id is not None:
        where.add("span_id = {}", query.span_id)
    rows = await connection.fetch(
        f"SELECT {_LIST} FROM scores WHERE {where} ORDER BY time DESC, id DESC LIMIT {int(query.limit) + 1}",  # noqa: S608
        *where.arguments,
    )
    scores = [_score(row) for row in rows[: query.limit]]
    following = ScoreCursor(scores[-1].time_ns, scores[-1].id) if len(rows) > len(scores) > 0 else None
    return ScorePage(scores=scores, next=following)


async def average_score(
    connection: asyncpg.Connection[Any],
    project: str,
    name: str,
    from_time: datetime,
    to_time: datetime,
    filter_by: Filter | None,
) -> tuple[float | None, int]:
    """See `Scores.average_score`."""
    arguments = Arguments(values.label(project))
    where = (
        f"c.project = $1 AND c.name = {arguments.add(values.label(name), 'text')} AND c.value IS NOT NULL"
        f" AND c.time >= {arguments.add(unix_us(from_time), 'timestamptz')}"
        f" AND c.time < {arguments.add(unix_us(to_time), 'timestamptz')}"
    )
    if filter_by is not None:
        where += (
            " AND EXISTS (SELECT FROM spans AS s WHERE s.project = c.project AND s.trace_id = c.trace_id"
            f" AND (c.span_id IS NULL OR s.span_id = c.span_id) AND {span_condition(filter_by, arguments)})"
        )
    row = await connection.fetchrow(
        f"SELECT avg(c.value), count(*) FROM scores AS c WHERE {where}",  # noqa: S608
        *arguments.values,
    )
    return (row[0], row[1]) if row else (None, 0)


async def delete_score(connection: asyncpg.Connection[Any], project: str, score_id: str) -> bool:
    """See `Scores.delete_score`."""
    status = await connection.execute(
        "DELETE FROM scores WHERE project = $1 AND id = $2", values.label(project), values.text(score_id)
    )
    return str(status) != "DELETE 0"


def scores_of(span: Span) -> list[StoredScore]:
    """The scores that came with a span, as they are stored: with ids that are the same whenever it comes again.

    A score that says neither a value nor a label is none.
    """
    place = b"%s/%s/%d" % (span.trace_id, span.span_id, span.start_time_ns)
    return [
        StoredScore(
            project=span.project,
            id=hashlib.blake2b(b"%s/%d" % (place, number), digest_size=16).hexdigest(),
            trace_id=span.trace_id,
            span_id=span.span_id,
            session_id=span.session_id,
            name=score.name,
            value=values.finite(score.value),
            label=score.label,
            data_type=_type_of(score),
            comment=score.comment,
            source=score.source,
            time_ns=span.end_time_ns if score.time_ns is None else score.time_ns,
        )
        for number, score in enumerate(span.scores)
        if values.finite(score.value) is not None or score.label is not None
    ]


def _type_of(score: Score) -> ScoreType:
    if values.finite(score.value) is None:
        return ScoreType.CATEGORICAL
    if score.value in (0, 1) and str(score.label).lower() in ("true", "false"):
        return ScoreType.BOOLEAN
    return ScoreType.NUMERIC


def _row(score: StoredScore) -> tuple[Any, ...]:
    """The values of _COLUMNS. Raises Permanent for a score that no row can hold."""
    values.check_project(score.project)
    if not score.id or len(score.id.encode(errors="replace")) > _ID_BYTES:
        raise Permanent(f"id must be 1 to {_ID_BYTES} bytes of text")
    for value, size in ((score.trace_id, TRACE_ID_BYTES), (score.span_id, SPAN_ID_BYTES)):
        if value is not None and len(value) != size:
            raise Permanent(f"trace_id and span_id must be {TRACE_ID_BYTES} and {SPAN_ID_BYTES} bytes, or None")
    return (
        score.project,
        values.text(score.id),
        score.trace_id,
        score.span_id,
        values.label_or_none(score.session_id),
        values.label(score.name),
        values.finite(score.value),
        values.text_or_none(score.label),
        values.label(score.data_type),
        values.text_or_none(score.comment),
        values.label(score.source),
        values.text_or_none(score.author),
        min(max(score.time_ns, 0), values.BIGINT_MAX) // 1000,
    )


def _score(row: asyncpg.Record) -> StoredScore:
    fields = {name: row[name] for name in _COLUMNS if name != "time"}
    return StoredScore(**fields, time_ns=row["time"] * 1000)
