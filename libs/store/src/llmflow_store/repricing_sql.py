"""How stored spans get the costs that today's prices give, and everything that sums costs up with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg

from llmflow_core.pricing import Prices
from llmflow_core.spans import Span
from llmflow_store.filter_sql import Arguments
from llmflow_store.fresh import Fresh, fresh_spans
from llmflow_store.live_sql import note_changes
from llmflow_store.port import SpanCursor
from llmflow_store.prices import RepricedPortion
from llmflow_store.rollups import Addition, additions_of, sketch_text
from llmflow_store.rows import KEY_COLUMNS, SPAN_COLUMNS, span_columns, span_from
from llmflow_store.statements import stage, unix_us
from llmflow_store.values import label

#: Two at once would both correct the sums.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('llmflow repricing', 0))"
_PORTION = f"""
SELECT {", ".join(SPAN_COLUMNS)} FROM spans
WHERE project = $1 AND start_time >= {{low}} AND start_time < {{high}} AND {{after}}
ORDER BY start_time, start_time_nanos, span_id, trace_id LIMIT {{limit}}
"""  # noqa: S608
_CHANGED = ("cost", "input_cost", "output_cost", "price_source")
_KEYS = KEY_COLUMNS[1:]
_UPDATE_SPANS = f"""
UPDATE spans AS s SET {", ".join(f"{name} = u.{name}" for name in _CHANGED)}
FROM unnest($2::bytea[], $3::bytea[], $4::timestamptz[], $5::smallint[], $6::numeric[], $7::numeric[], $8::numeric[],
    $9::text[]) AS u ({", ".join((*_KEYS, *_CHANGED))})
WHERE s.project = $1 AND s.start_time BETWEEN $10 AND $11 AND {" AND ".join(f"s.{name} = u.{name}" for name in _KEYS)}
"""  # noqa: S608
_UPDATE_TRACES = """
UPDATE traces AS t SET cost = coalesce(t.cost, 0) + d.cost, unpriced_count = t.unpriced_count + d.unpriced
FROM (
    SELECT trace_id, sum(cost) AS cost, sum(unpriced) AS unpriced
    FROM unnest($2::bytea[], $3::numeric[], $4::bigint[]) AS c (trace_id, cost, unpriced) GROUP BY trace_id
) AS d
WHERE t.project = $1 AND t.trace_id = d.trace_id
"""
# In the order in which writers lock them: so they wait for each other, but never in a circle.
_LOCK_TRACES = "SELECT FROM traces WHERE project = $1 AND trace_id = ANY($2::bytea[]) ORDER BY trace_id FOR UPDATE"
_LOCK_ROWS = """
SELECT FROM {table} AS r JOIN pg_temp.staged_{table} AS d ON {same} AND r.bucket BETWEEN $1 AND $2
ORDER BY d.ctid FOR UPDATE OF r
"""
_ATTRIBUTES = """
SELECT DISTINCT substr(dimension, 6) FROM rollups_value_day WHERE project = $1 AND starts_with(dimension, 'attr.')
"""


async def reprice(
    connection: asyncpg.Connection[Any],
    prices: Prices,
    project: str,
    from_time: datetime,
    to_time: datetime,
    after: SpanCursor | None,
    limit: int,
) -> RepricedPortion:
    """See `OwnPrices.reprice`; within the open transaction."""
    await connection.execute(_LOCK)
    project = label(project)
    arguments = Arguments(project)
    place = "true"
    if after:
        position = (*divmod(after.start_time_ns, 1000), after.span_id, after.trace_id)
        place = f"(start_time, start_time_nanos, span_id, trace_id) > ({', '.join(map(arguments.add, position))})"
    statement = _PORTION.format(
        low=arguments.add(unix_us(from_time)), high=arguments.add(unix_us(to_time)), after=place, limit=int(limit)
    )
    spans = [span_from(row) for row in await connection.fetch(statement, *arguments.values)]
    changed = [(span, new) for span in spans if (new := _repriced(prices, span)) is not None]
    if changed:
        before, now = ([pair[n] for pair in changed] for n in (0, 1))
        await _correct(connection, project, before, now)
        await note_changes(connection, now)
    last = spans[-1] if len(spans) == limit else None
    following = SpanCursor(last.start_time_ns, last.span_id, last.trace_id) if last else None
    return RepricedPortion(examined=len(spans), changed=len(changed), next=following)


def _repriced(prices: Prices, span: Span) -> Span | None:
    """The span with the cost that it would have today; None when that is the one it has.

    A cost that came with the span stays, and so does one whose price is not known any more.
    """
    if span.cost is not None and span.price_source is None:
        return None
    new = replace(span, cost=None, input_cost=None, output_cost=None, price_source=None)
    prices.price(new)
    same = all(getattr(new, name) == getattr(span, name) for name in _CHANGED)
    return None if new.cost is None or same else new


async def _correct(
    connection: asyncpg.Connection[Any], project: str, before: Sequence[Span], now: Sequence[Span]
) -> None:
    old, new = fresh_spans(span_columns(before)), fresh_spans(span_columns(now))
    keys = [(span.trace_id, span.span_id, *divmod(span.start_time_ns, 1000)) for span in now]
    values = [tuple(getattr(span, name) for name in _CHANGED) for span in now]
    columns = [*map(list, zip(*keys, strict=True)), *map(list, zip(*values, strict=True))]
    times = [key[2] for key in keys]
    traces = [(b.trace_id, (b.cost or 0) - (a.cost or 0), _step(a, b)) for a, b in zip(old, new, strict=True)]
    # Before their spans: so does retention, which passes over traces that are locked.
    await connection.execute(_LOCK_TRACES, project, [span.trace_id for span in now])
    await connection.execute(_UPDATE_SPANS, project, *columns, min(times), max(times))
    await connection.execute(_UPDATE_TRACES, project, *map(list, zip(*traces, strict=True)))
    attributes = [row[0] for row in await connection.fetch(_ATTRIBUTES, project)]
    was, becomes = (additions_of(rows, spans, attributes) for rows, spans in ((old, before), (new, now)))
    for earlier, later in zip(was, becomes, strict=True):
        await _add_difference(connection, earlier, later)


def _step(old: Fresh, new: Fresh) -> int:
    return int(new.unpriced) - int(old.unpriced)


async def _add_difference(connection: asyncpg.Connection[Any], earlier: Addition, later: Addition) -> None:
    """Correct the rows that there still are: what a span's costs are changes nothing about the rows it is in."""
    table, key, summed = later.table, later.key, later.summed
    width, end = len(key), len(key) + len(summed)
    nothing = [sketch_text({})] * len(later.sketches)
    rows = [
        (*new[:width], *(b - a for a, b in zip(old[width:end], new[width:end], strict=True)), *nothing)
        for old, new in zip(earlier.rows, later.rows, strict=True)
    ]
    if not rows:
        return
    bucket = list(key).index("bucket")
    times = [row[bucket] for row in rows]
    await stage(connection, table, (*key, *summed, *later.sketches), rows, as_text=later.sketches)
    same = " AND ".join(f"r.{name} = d.{name}" for name in key)
    await connection.execute(_LOCK_ROWS.format(table=table, same=same), min(times), max(times))
    await connection.execute(
        f"UPDATE {table} AS r SET {', '.join(f'{name} = r.{name} + d.{name}' for name in summed)}"  # noqa: S608
        f" FROM pg_temp.staged_{table} AS d WHERE {same} AND r.bucket BETWEEN $1 AND $2",
        min(times),
        max(times),
    )
