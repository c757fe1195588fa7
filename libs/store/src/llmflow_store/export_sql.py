"""Lists read to their end, with a cursor of the server's, a portion at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import asyncpg

from llmflow_core.spans import Span
from llmflow_store.exports import ExportQuery
from llmflow_store.filter_sql import Arguments, span_condition, trace_condition
from llmflow_store.port import TraceSummary
from llmflow_store.reads import SUMMARIES, summaries_of
from llmflow_store.rows import CONTENT_FIELDS, KEY_COLUMNS, SPAN_COLUMNS, span_from
from llmflow_store.search import Candidates
from llmflow_store.statements import unix_us
from llmflow_store.values import label

_PORTION = 500
#: Content is many times as large.
_PORTION_WITH_CONTENT = 50
_PREPARE = "SET LOCAL idle_in_transaction_session_timeout = '5min'"
_SPANS = f"SELECT {', '.join(f's.{name}' for name in SPAN_COLUMNS)} FROM spans AS s"  # noqa: S608
_KEYS = ", ".join(KEY_COLUMNS[1:])
_CONTENT = f"""
SELECT {_KEYS}, {{columns}}
FROM unnest($2::bytea[], $3::bytea[], $4::timestamptz[], $5::smallint[]) AS wanted ({_KEYS})
JOIN span_content AS c USING ({_KEYS})
WHERE c.project = $1 AND c.start_time BETWEEN $6 AND $7
"""  # noqa: S608

_Rows = AsyncGenerator[Sequence[asyncpg.Record], None]


async def export_traces(
    connection: asyncpg.Connection[Any], query: ExportQuery
) -> AsyncGenerator[Sequence[TraceSummary], None]:
    """See `Exports.export_traces`."""
    arguments = Arguments(label(query.project))
    conditions = ["t.project = $1"]
    if query.from_time:
        conditions.append(f"t.start_time_ns >= {arguments.add(unix_us(query.from_time) * 1000)}")
    if query.to_time:
        conditions.append(f"t.start_time_ns < {arguments.add(unix_us(query.to_time) * 1000)}")
    if query.filter is not None:
        conditions += [*await _found(connection, "t", query, arguments), trace_condition(query.filter, arguments)]
    statement = f"{SUMMARIES} WHERE {' AND '.join(conditions)} ORDER BY t.start_time_ns DESC, t.trace_id DESC"
    async with aclosing(_portions(connection, statement, arguments, _PORTION)) as portions:
        async for rows in portions:
            yield await summaries_of(connection, rows)


async def export_spans(
    connection: asyncpg.Connection[Any], query: ExportQuery, *, with_content: bool
) -> AsyncGenerator[Sequence[Span], None]:
    """See `Exports.export_spans`."""
    arguments = Arguments(label(query.project))
    conditions = ["s.project = $1"]
    if query.from_time:
        conditions.append(f"s.start_time >= {arguments.add(unix_us(query.from_time), 'timestamptz')}")
    if query.to_time:
        conditions.append(f"s.start_time < {arguments.add(unix_us(query.to_time), 'timestamptz')}")
    if query.filter is not None:
        conditions += [*await _found(connection, "s", query, arguments), span_condition(query.filter, arguments)]
    statement = (
        f"{_SPANS} WHERE {' AND '.join(conditions)} ORDER BY s.start_time DESC, s.start_time_nanos DESC, s.span_id DESC"
    )
    columns = CONTENT_FIELDS if with_content else tuple(name for name in CONTENT_FIELDS if name != "content")
    portion = _PORTION_WITH_CONTENT if with_content else _PORTION
    async with aclosing(_portions(connection, statement, arguments, portion)) as portions:
        async for rows in portions:
            spans = [span_from(row) for row in rows]
            await add_content(connection, spans, columns)
            yield spans


async def _portions(connection: asyncpg.Connection[Any], statement: str, arguments: Arguments, portion: int) -> _Rows:
    async with connection.transaction(readonly=True):
        await connection.execute(_PREPARE)
        cursor = await connection.cursor(statement, *arguments.values)
        while rows := await cursor.fetch(portion):
            yield rows


async def _found(
    connection: asyncpg.Connection[Any], alias: str, query: ExportQuery, arguments: Arguments
) -> list[str]:
    """The condition that an index gives for the filter, if one does."""
    assert query.filter is not None
    found = await Candidates(connection, label(query.project)).since(query.from_time, query.filter)
    return [] if found is None else [f"{alias}.trace_id = ANY({arguments.add(found, 'bytea[]')})"]


async def add_content(connection: asyncpg.Connection[Any], spans: Sequence[Span], columns: Sequence[str]) -> None:
    """Give `spans`, some of one project, these columns of their content."""
    keys = [(span.trace_id, span.span_id, *divmod(span.start_time_ns, 1000)) for span in spans]
    arrays = list(zip(*keys, strict=True))
    rows = await connection.fetch(
        _CONTENT.format(columns=", ".join(columns)), spans[0].project, *arrays, min(arrays[2]), max(arrays[2])
    )
    found = {tuple(row[name] for name in KEY_COLUMNS[1:]): row for row in rows}
    for key, span in zip(keys, spans, strict=True):
        if row := found.get(key):
            for name in columns:
                setattr(span, name, row[name])
