"""Which traces a filter finds that has to look into their spans: in the order of the list, a few at a time.

One statement for all of it would leave it to the planner's guess whether millions of spans are read. Here the traces to
look into come from the indexes of attributes and words, in windows of time that grow where the list is newest first. If
these name too many, they come from the list itself, in batches that grow, and the spans of each batch are bounded in
time by what the summaries say. If hardly any of the first matches, the index of spans' values is asked for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from llmflow_core.filters import And, Filter
from llmflow_store.filter_sql import Arguments, needs_spans, trace_condition
from llmflow_store.ordering import Ordering
from llmflow_store.search import Candidates

#: What is searched by index, back from where the list begins; at last all.
_WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=7))
#: How many traces are looked into at a time; at last all that are left.
_BATCHES = (100, 1000, 10_000)
#: What tells traces apart, beginning with the time.
TRACE_KEY = ("t.start_time_ns", "t.trace_id")
_NEWEST_FIRST = Ordering(TRACE_KEY)
_NEWEST = "SELECT max(start_time_ns) FROM traces WHERE project = $1"


class TraceList(NamedTuple):
    """What is asked: the statement that selects summaries FROM traces AS t, without WHERE; the conditions beside the
    filter and their arguments, of which the first is the project; Unix nanoseconds that all traces start before, and
    at or after, where these are given."""

    summaries: str
    conditions: Sequence[str]
    arguments: Arguments
    ordering: Ordering
    before_ns: int | None
    since_ns: int
    parsed: Filter
    limit: int

    @property
    def project(self) -> str:
        """As it is stored."""
        return str(self.arguments.values[0])


class _Key(NamedTuple):
    trace_id: bytes
    start_time_ns: int
    end_time_ns: int
    position: Sequence[Any]
    """In the list's order."""


async def search_traces(connection: asyncpg.Connection[Any], asked: TraceList) -> Sequence[asyncpg.Record]:
    """The first `limit` rows."""
    if not needs_spans(asked.parsed):
        return await _summaries(connection, asked, asked.parsed)
    rows = await _by_index(connection, asked, Candidates(connection, asked.project))
    return await _walk(connection, asked) if rows is None else rows


async def _by_index(
    connection: asyncpg.Connection[Any], asked: TraceList, candidates: Candidates, after: _Key | None = None
) -> Sequence[asyncpg.Record] | None:
    """The first `limit` rows after a key; None where no index names them, or too many."""
    newest_first = asked.ordering == _NEWEST_FIRST
    if after is not None and newest_first:
        before_ns = after.start_time_ns + 1
    else:
        before_ns = asked.before_ns or await connection.fetchval(_NEWEST, asked.project)
    if before_ns is None:
        return []
    for window in (*(_WINDOWS if newest_first else ()), None):
        since_ns = asked.since_ns if window is None else max(asked.since_ns, before_ns - window // _MICROSECOND * 1000)
        found = await candidates.since(_time(since_ns), asked.parsed)
        if found is None:
            return None
        is_last = since_ns == asked.since_ns
        if len(found) < asked.limit and not is_last:
            continue
        keys = await _keys(connection, asked, found=found, since_ns=since_ns, after=after)
        rows = await _among(connection, asked, keys)
        if len(rows) == asked.limit or is_last:
            return rows
    raise AssertionError("the last window returns")


async def _walk(connection: asyncpg.Connection[Any], asked: TraceList) -> Sequence[asyncpg.Record]:
    rows: list[asyncpg.Record] = []
    after: _Key | None = None
    for size in _BATCHES:
        left = asked._replace(limit=asked.limit - len(rows))
        if size == _BATCHES[-1]:
            # So few have matched that it is worth to ask where the others are.
            rare = await _by_index(connection, left, Candidates(connection, asked.project, by_value=True), after)
            if rare is not None:
                return [*rows, *rare]
        keys = await _keys(connection, asked, after=after, limit=size)
        rows += await _matching(connection, asked, keys, left.limit)
        if len(rows) == asked.limit or len(keys) < size:
            return rows
        after = keys[-1]
    assert after is not None
    return [*rows, *await _summaries(connection, asked, asked.parsed, after=after, limit=asked.limit - len(rows))]


async def _among(connection: asyncpg.Connection[Any], asked: TraceList, keys: Sequence[_Key]) -> list[asyncpg.Record]:
    """The first of `keys`, which are in order, that match."""
    rows: list[asyncpg.Record] = []
    begin = 0
    for size in (*_BATCHES, len(keys)):
        rows += await _matching(connection, asked, keys[begin : begin + size], asked.limit - len(rows))
        begin += size
        if len(rows) == asked.limit or begin >= len(keys):
            break
    return rows


async def _matching(
    connection: asyncpg.Connection[Any], asked: TraceList, keys: Sequence[_Key], limit: int
) -> Sequence[asyncpg.Record]:
    if not keys:
        return []
    arguments = Arguments(asked.project, [key.trace_id for key in keys])
    within = min(key.start_time_ns for key in keys), max(key.end_time_ns for key in keys)
    condition = trace_condition(asked.parsed, arguments, within_us=(within[0] // 1000, within[1] // 1000))
    return await connection.fetch(
        f"{asked.summaries} WHERE t.project = $1 AND t.trace_id = ANY($2::bytea[]) AND {condition}"
        f" {asked.ordering.clause} LIMIT {int(limit)}",
        *arguments.values,
    )


async def _keys(
    connection: asyncpg.Connection[Any],
    asked: TraceList,
    *,
    found: Sequence[bytes] | None = None,
    since_ns: int | None = None,
    after: _Key | None = None,
    limit: int | None = None,
) -> list[_Key]:
    """The traces that fulfil all but what needs spans: of those `found`, if that is given, from a time, after a key."""
    arguments = Arguments(*asked.arguments.values)
    conditions = [*asked.conditions, trace_condition(_of_summaries(asked.parsed), arguments)]
    if found is not None:
        conditions.append(f"trace_id = ANY({arguments.add(found, 'bytea[]')})")
    if since_ns is not None:
        conditions.append(f"start_time_ns >= {arguments.add(since_ns)}")
    if after is not None:
        conditions.append(asked.ordering.after(after.position, arguments))
    ending = f" LIMIT {int(limit)}" if limit is not None else ""
    rows = await connection.fetch(
        f"SELECT trace_id, start_time_ns, end_time_ns, {', '.join(asked.ordering.columns)} FROM traces AS t"  # noqa: S608
        f" WHERE {' AND '.join(conditions)} {asked.ordering.clause}{ending}",
        *arguments.values,
    )
    return [_Key(row[0], row[1], row[2], row[3:]) for row in rows]


async def _summaries(
    connection: asyncpg.Connection[Any],
    asked: TraceList,
    parsed: Filter,
    *,
    after: _Key | None = None,
    limit: int | None = None,
) -> Sequence[asyncpg.Record]:
    arguments = Arguments(*asked.arguments.values)
    conditions = [*asked.conditions, trace_condition(parsed, arguments)]
    if after is not None:
        conditions.append(asked.ordering.after(after.position, arguments))
    return await connection.fetch(
        f"{asked.summaries} WHERE {' AND '.join(conditions)} {asked.ordering.clause} LIMIT {int(limit or asked.limit)}",
        *arguments.values,
    )


def _of_summaries(parsed: Filter) -> Filter:
    """What of the filter every trace must fulfil that its summary can tell."""
    items = parsed.items if isinstance(parsed, And) else (parsed,)
    return And(tuple(item for item in items if not needs_spans(item)))


_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _time(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
