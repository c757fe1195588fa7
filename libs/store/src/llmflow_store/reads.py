"""The read queries. Each names the time range it needs, so that TimescaleDB opens only the chunks that hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from llmflow_core.filters import And
from llmflow_core.spans import Span
from llmflow_store.filter_sql import Arguments
from llmflow_store.ordering import SPAN_VALUES, TRACE_VALUES, Ordering, Part, parts_of, positive
from llmflow_store.port import (
    OrderedBy,
    SpanCursor,
    SpanOutline,
    SpanPage,
    SpanQuery,
    Trace,
    TraceCursor,
    TraceOutline,
    TracePage,
    TraceQuery,
    TraceSummary,
)
from llmflow_store.rows import CONTENT_FIELDS, KEY_COLUMNS, SPAN_COLUMNS, span_from
from llmflow_store.search import Candidates
from llmflow_store.span_search import SPAN_KEY, SpanList, search_spans
from llmflow_store.trace_search import TRACE_KEY, TraceList, search_traces
from llmflow_store.values import label

_SUMMARY_COLUMNS = (
    "project",
    "trace_id",
    "name",
    "service",
    "has_root",
    "start_time_ns",
    "end_time_ns",
    "span_count",
    "error_count",
    "generation_count",
    "input_tokens",
    "output_tokens",
    "cost",
    "unpriced_count",
    "models",
    "user_id",
    "session_id",
    "tags",
    "environment",
)
SUMMARIES = f"""
SELECT {", ".join(_SUMMARY_COLUMNS)}, lead_start_time_ns, lead_span_id, generation_start_time_ns, generation_span_id
FROM traces AS t
"""  # noqa: S608

_SPANS_OF_TRACE = """
FROM spans WHERE project = $1 AND trace_id = $2 AND start_time BETWEEN $3 AND $4
ORDER BY start_time, start_time_nanos, span_id
"""
#: The fields of SpanOutline, in their order, the first as the two columns that hold it.
_OUTLINE_COLUMNS = ("start_time", "start_time_nanos", *SpanOutline._fields[1:])

_RANGE_OF_TRACE = """
SELECT start_time_ns, end_time_ns FROM traces WHERE project = $1 AND trace_id = $2
"""

_SPAN = f"""
SELECT {", ".join(f"s.{name}" for name in SPAN_COLUMNS)}, {", ".join(f"c.{name}" for name in CONTENT_FIELDS)}
FROM spans AS s
LEFT JOIN span_content AS c ON c.start_time BETWEEN $4 AND $5
    AND {" AND ".join(f"c.{name} = s.{name}" for name in KEY_COLUMNS)}
WHERE s.project = $1 AND s.trace_id = $2 AND s.span_id = $3 AND s.start_time BETWEEN $4 AND $5
ORDER BY s.start_time, s.start_time_nanos
LIMIT 1
"""  # noqa: S608

_PREVIEWS = f"""
SELECT c.trace_id, c.span_id, c.input_preview, c.output_preview
FROM unnest($2::bytea[], $3::bytea[], $4::timestamptz[], $5::smallint[])
    AS wanted (trace_id, span_id, start_time, start_time_nanos)
JOIN span_content AS c USING ({", ".join(KEY_COLUMNS[1:])})
WHERE c.project = $1 AND c.start_time BETWEEN $6 AND $7
"""  # noqa: S608

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def list_traces(connection: asyncpg.Connection[Any], query: TraceQuery) -> TracePage:
    """See `Store.list_traces`. Keyset pagination over the columns of the order and (start_time_ns, trace_id)."""
    rows: list[asyncpg.Record] = []
    after = (query.after.value, (query.after.start_time_ns, query.after.trace_id)) if query.after else None
    for part in parts_of(query, TRACE_VALUES, TRACE_KEY, after):
        if len(rows) <= query.limit:
            rows += await search_traces(connection, _trace_list(query, part, query.limit + 1 - len(rows)))
    traces = await summaries_of(connection, rows[: query.limit])
    more = len(rows) > len(traces) > 0
    return TracePage(traces=traces, next=_trace_cursor(query.order, traces[-1]) if more else None)


_TRACE_VALUES: Mapping[OrderedBy, Callable[[TraceSummary], int | Decimal | None]] = {
    "time": lambda _: None,
    "duration": lambda trace: trace.end_time_ns - trace.start_time_ns,
    "cost": lambda trace: trace.cost,
    "tokens": lambda trace: trace.input_tokens + trace.output_tokens,
}


def _trace_cursor(order: OrderedBy, trace: TraceSummary) -> TraceCursor:
    return TraceCursor(trace.start_time_ns, trace.trace_id, positive(_TRACE_VALUES[order](trace)))


async def get_trace(connection: asyncpg.Connection[Any], project: str, trace_id: bytes) -> Trace | None:
    """See `Store.get_trace`."""
    found = await _trace(connection, project, trace_id, SPAN_COLUMNS)
    return None if found is None else Trace(found[0], [span_from(row) for row in found[1]])


async def get_outline(connection: asyncpg.Connection[Any], project: str, trace_id: bytes) -> TraceOutline | None:
    """See `Store.get_outline`."""
    found = await _trace(connection, project, trace_id, _OUTLINE_COLUMNS)
    if found is None:
        return None
    return TraceOutline(found[0], [SpanOutline(time * 1000 + nanos, *rest) for time, nanos, *rest in found[1]])


async def _trace(
    connection: asyncpg.Connection[Any], project: str, trace_id: bytes, columns: Sequence[str]
) -> tuple[TraceSummary, Sequence[asyncpg.Record]] | None:
    project = label(project)
    row = await connection.fetchrow(f"{SUMMARIES} WHERE project = $1 AND trace_id = $2", project, trace_id)
    if row is None:
        return None
    summary = (await summaries_of(connection, [row]))[0]
    first, last = summary.start_time_ns // 1000, summary.end_time_ns // 1000
    selected = f"SELECT {', '.join(columns)} {_SPANS_OF_TRACE}"
    return summary, await connection.fetch(selected, project, trace_id, first, last)


async def get_span(connection: asyncpg.Connection[Any], project: str, trace_id: bytes, span_id: bytes) -> Span | None:
    """See `Store.get_span`; of several spans with that id the earliest."""
    project = label(project)
    trace = await connection.fetchrow(_RANGE_OF_TRACE, project, trace_id)
    if trace is None:
        return None
    first, last = trace["start_time_ns"] // 1000, trace["end_time_ns"] // 1000
    row = await connection.fetchrow(_SPAN, project, trace_id, span_id, first, last)
    return None if row is None else span_from(row)


async def list_spans(connection: asyncpg.Connection[Any], query: SpanQuery) -> SpanPage:
    """See `Store.list_spans`."""
    found = None
    if query.filter is not None:
        found = await Candidates(connection, label(query.project)).since(query.from_time, query.filter)
    rows: list[asyncpg.Record] = []
    cursor = query.after
    key = (*divmod(cursor.start_time_ns, 1000), cursor.span_id, cursor.trace_id) if cursor else ()
    for part in parts_of(query, SPAN_VALUES, SPAN_KEY, (cursor.value, key) if cursor else None):
        if len(rows) <= query.limit:
            rows += await _spans(connection, query, part, found, query.limit + 1 - len(rows))
    spans = [span_from(row) for row in rows[: query.limit]]
    await _add_previews(connection, spans)
    return SpanPage(spans, _span_cursor(query.order, spans[-1]) if len(rows) > len(spans) > 0 else None)


async def _spans(
    connection: asyncpg.Connection[Any], query: SpanQuery, part: Part, candidates: Sequence[bytes] | None, limit: int
) -> Sequence[asyncpg.Record]:
    asked = SpanList(
        project=label(query.project),
        part=part,
        from_us=_unix_us(query.from_time) if query.from_time else None,
        to_us=_unix_us(query.to_time) if query.to_time else None,
        parsed=query.filter or And(()),
        trace_ids=candidates,
    )
    return await search_spans(connection, asked, limit)


_SPAN_VALUES: Mapping[OrderedBy, Callable[[Span], int | Decimal | None]] = {
    "time": lambda _: None,
    "duration": lambda span: span.duration_ns,
    "cost": lambda span: span.cost,
    "tokens": lambda span: (span.input_tokens or 0) + (span.output_tokens or 0),
}


def _span_cursor(order: OrderedBy, span: Span) -> SpanCursor:
    return SpanCursor(span.start_time_ns, span.span_id, span.trace_id, positive(_SPAN_VALUES[order](span)))


async def _add_previews(connection: asyncpg.Connection[Any], spans: Sequence[Span]) -> None:
    if not spans:
        return
    keys = [(span.trace_id, span.span_id, *divmod(span.start_time_ns, 1000)) for span in spans]
    trace_ids, span_ids, start_times, nanos = zip(*keys, strict=True)
    rows = await connection.fetch(
        _PREVIEWS, spans[0].project, trace_ids, span_ids, start_times, nanos, min(start_times), max(start_times)
    )
    previews = {(row["trace_id"], row["span_id"]): row for row in rows}
    for span in spans:
        row = previews.get((span.trace_id, span.span_id))
        if row is not None:
            span.input_preview, span.output_preview = row["input_preview"], row["output_preview"]


def _trace_list(query: TraceQuery, part: Part, limit: int) -> TraceList:
    """What is asked for one part of a list."""
    conditions, arguments = ["project = $1", part.condition], Arguments(label(query.project))

    def add(condition: str, *values: Any) -> None:
        conditions.append(condition.format(*map(arguments.add, values)))

    before_ns = _unix_ns(query.to_time) if query.to_time else None
    if part.after is not None:
        conditions.append(part.ordering.after(part.after, arguments))
        if part.ordering == Ordering(TRACE_KEY):
            before_ns = part.after[0] + 1
    if query.from_time:
        add("start_time_ns >= {}", _unix_ns(query.from_time))
    if query.to_time:
        add("start_time_ns < {}", _unix_ns(query.to_time))
    if query.model is not None:
        add("models @> ARRAY[{}]", label(query.model))
    if query.service is not None:
        add("services @> ARRAY[{}]", label(query.service))
    if query.user_id is not None:
        add("user_id = {}", label(query.user_id))
    if query.session_id is not None:
        add("session_id = {}", label(query.session_id))
    if query.errors_only:
        add("error_count > 0")
    return TraceList(
        summaries=SUMMARIES,
        conditions=conditions,
        arguments=arguments,
        ordering=part.ordering,
        before_ns=before_ns,
        since_ns=_unix_ns(query.from_time) if query.from_time else 0,
        parsed=query.filter or And(()),
        limit=limit,
    )


def _unix_us(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _unix_ns(time: datetime) -> int:
    return _unix_us(time) * 1000


async def summaries_of(connection: asyncpg.Connection[Any], rows: Sequence[asyncpg.Record]) -> list[TraceSummary]:
    """Summaries of `rows`, each with the previews of its root span or, where that has none, its first generation."""
    previews = await _previews(connection, rows)
    summaries = []
    for row in rows:
        lead = previews.get((row["trace_id"], row["lead_span_id"]), _NO_PREVIEWS)
        generation = previews.get((row["trace_id"], row["generation_span_id"]), _NO_PREVIEWS)
        summaries.append(
            TraceSummary(
                **{name: row[name] for name in _SUMMARY_COLUMNS},
                input_preview=generation[0] if lead[0] is None else lead[0],
                output_preview=generation[1] if lead[1] is None else lead[1],
            )
        )
    return summaries


_NO_PREVIEWS = (None, None)
_Previews = dict[tuple[bytes, bytes], tuple[str | None, str | None]]


async def _previews(connection: asyncpg.Connection[Any], rows: Sequence[asyncpg.Record]) -> _Previews:
    """The previews that the lead and first generations of `rows`, all of one project, have, by trace and span id."""
    wanted = {
        (row["trace_id"], row[f"{which}_span_id"], *divmod(row[f"{which}_start_time_ns"], 1000))
        for row in rows
        for which in ("lead", "generation")
        if row[f"{which}_span_id"] is not None and (which == "generation" or row["has_root"])
    }
    if not wanted:
        return {}
    trace_ids, span_ids, start_times, nanos = zip(*wanted, strict=True)
    found = await connection.fetch(
        _PREVIEWS, rows[0]["project"], trace_ids, span_ids, start_times, nanos, min(start_times), max(start_times)
    )
    return {(row["trace_id"], row["span_id"]): (row["input_preview"], row["output_preview"]) for row in found}
