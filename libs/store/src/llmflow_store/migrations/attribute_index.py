"""Brings the traces that were stored before 0004 into the index of attributes, whose numbers SQL cannot make."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import orjson

from llmflow_core.spans import Span
from llmflow_store.terms import terms_of

_SPANS = """
SELECT project, trace_id, (extract(epoch FROM start_time) * 1000000)::bigint AS start_us,
    attributes::text, resource_attributes::text
FROM spans ORDER BY project, trace_id
"""
_ADD = "INSERT INTO trace_terms VALUES ($1, $2, timestamptz 'epoch' + $3 * interval '1 microsecond', $4)"
_TRACES = 500


async def index_attributes(connection: asyncpg.Connection[Any]) -> None:
    """Add a row for every trace that has spans, within the open transaction."""
    rows: list[tuple[Any, ...]] = []
    async for spans in _traces(connection):
        first = min(span.start_time_ns for span in spans)
        rows.append((spans[0].project, spans[0].trace_id, first // 1000, sorted(terms_of(spans))))
        if len(rows) == _TRACES:
            await connection.executemany(_ADD, rows)
            rows.clear()
    await connection.executemany(_ADD, rows)


async def _traces(connection: asyncpg.Connection[Any]) -> AsyncIterator[list[Span]]:
    """What the index needs of the spans, trace by trace."""
    spans: list[Span] = []
    async for row in connection.cursor(_SPANS, prefetch=1000):
        span = Span(
            project=row["project"],
            trace_id=row["trace_id"],
            span_id=b"",
            name="",
            start_time_ns=row["start_us"] * 1000,
            duration_ns=0,
            attributes=orjson.loads(row["attributes"]),
            resource_attributes=orjson.loads(row["resource_attributes"]),
        )
        if spans and (span.project, span.trace_id) != (spans[0].project, spans[0].trace_id):
            yield spans
            spans = []
        spans.append(span)
    if spans:
        yield spans
