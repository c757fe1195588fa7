"""Which spans a filter finds, in the order of a list, whether many have what it asks for or hardly any.

The first spans of the list are looked at one by one, which is enough where one of a hundred matches. If it is not,
matches are few, and an index says where: the rest costs as much as there is to be found, not as there is to look at.
Where no index does, more are looked at in the order of the list, and then the rest in the order in which it is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import asyncpg

from llmflow_core.filters import And, Condition, Filter, Not, Operator, Or, Text
from llmflow_store.filter_sql import Arguments, span_condition
from llmflow_store.ordering import SPAN_VALUES, Part
from llmflow_store.rows import SPAN_COLUMNS
from llmflow_store.span_hours import HourlyDurations, Hours
from llmflow_store.span_values import index_tells, read_by_pages

#: What tells spans apart in a list, beginning with the time.
SPAN_KEY = ("s.start_time", "s.start_time_nanos", "s.span_id", "s.trace_id")
#: How many spans are looked at one by one first, and how many where that seems to be enough, or no index says which.
_FIRST, _MORE = 20_000, 200_000
#: Of more matches than this, the first are found sooner in the order of the list, unless that is the order of time.
_MANY = 5000
#: How many times more spans are looked for where the hours at the ends of a range have too few of theirs within it.
_FURTHER = 4
_LISTED = ", ".join(f"s.{name}" for name in SPAN_COLUMNS)
_TAGGED = f"SELECT trace_id FROM traces WHERE project = $1 AND tags @> ARRAY[$2::text] LIMIT {_MANY + 1}"  # noqa: S608


class SpanList(NamedTuple):
    """What is asked for: one part of a list, from and before times in Unix microseconds, and the traces that the spans
    are of, where these are known."""

    project: str
    """As it is stored."""
    part: Part
    from_us: int | None
    to_us: int | None
    parsed: Filter
    trace_ids: Sequence[bytes] | None

    @property
    def by_time(self) -> bool:
        """Whether that is the order."""
        return self.part.ordering.columns == SPAN_KEY

    @property
    def by_duration(self) -> bool:
        """Whether that is the order."""
        return self.part.ordering.columns[0] == SPAN_VALUES["duration"]


async def search_spans(connection: asyncpg.Connection[Any], asked: SpanList, limit: int) -> Sequence[asyncpg.Record]:
    """The first `limit` rows."""
    if asked.trace_ids is not None or asked.parsed == And(()) or not _of_columns(asked.parsed):
        return await _rows(connection, asked, limit)
    tells = index_tells(asked.parsed) or _tag(asked.parsed) is not None
    rows: list[asyncpg.Record] = []
    after = None
    for size in (_FIRST, _MORE):
        if size == _MORE and tells and len(rows) * _MORE < limit * _FIRST:
            break
        edge = await _edge(connection, asked, size)
        rows += await _rows(connection, asked, limit - len(rows), until=edge, after=after)
        if edge is None or len(rows) == limit:
            return rows
        if asked.by_duration and size == _FIRST:
            found = await _of_hours(connection, asked, limit - len(rows), edge)
            if found is not None:
                return [*rows, *found]
        after = edge
    return [*rows, *await _rest(connection, asked, limit - len(rows), after)]


async def _of_hours(
    connection: asyncpg.Connection[Any], asked: SpanList, limit: int, edge: int
) -> Sequence[asyncpg.Record] | None:
    """What comes after the edge, from the hours that have it; None where these are not known."""
    known = await HourlyDurations.read(connection, asked.project, asked.parsed, (asked.from_us, asked.to_us))
    if known is None:
        return None
    for wanted in (limit, _FURTHER * limit):
        hours = known.hours(wanted, beyond_ns=edge, ascending=asked.part.ordering.ascending)
        if hours is None:
            break
        rows = await _rows(connection, asked, limit, after=edge, hours=hours)
        if len(rows) == limit and hours.have_all(rows[-1]["duration_ns"]):
            return rows
    return None


async def _rest(
    connection: asyncpg.Connection[Any], asked: SpanList, limit: int, edge: Any
) -> Sequence[asyncpg.Record]:
    """What comes after the edge."""
    tag = _tag(asked.parsed)
    if tag is not None:
        tagged = await connection.fetch(_TAGGED, asked.project, tag)
        if len(tagged) <= _MANY:
            few = asked._replace(trace_ids=[trace_id for (trace_id,) in tagged])
            return await _rows(connection, few, limit, after=edge)
    if index_tells(asked.parsed):
        async with read_by_pages(connection):
            if asked.by_time:
                return await _rows(connection, asked, limit, after=edge)
            if await _are_few(connection, asked):
                return await _rows(connection, asked, limit, after=edge, sorted_last=True)
    elif tag is None:
        async with read_by_pages(connection, by_index=False):
            return await _rows(connection, asked, limit, after=edge)
    return await _rows(connection, asked, limit, after=edge)


def _of_columns(parsed: Filter) -> bool:
    """Whether a span's own row tells if it fulfils the filter."""
    match parsed:
        case And(items=items) | Or(items=items):
            return all(map(_of_columns, items))
        case Not(item=item):
            return _of_columns(item)
        case Condition(field=field):
            return field != "score"
        case Text():
            return False


def _tag(parsed: Filter) -> str | None:
    """A tag that all spans have that fulfil the filter."""
    for item in parsed.items if isinstance(parsed, And) else (parsed,):
        if isinstance(item, Condition) and item.field == "tag" and item.operator is Operator.EQ:
            return str(item.value)
    return None


async def _edge(connection: asyncpg.Connection[Any], asked: SpanList, size: int) -> Any:
    """What the list is in the order of, of the last of the first spans; None where there are no more than these."""
    arguments = Arguments(asked.project)
    column = asked.part.ordering.columns[0]
    # By time, all spans are looked at, also those that are no part of it.
    conditions = [*_of_times(asked, arguments), "true" if asked.by_time else asked.part.condition]
    if asked.part.after is not None:
        word = ">=" if asked.part.ordering.ascending else "<="
        conditions.append(f"{column} {word} {arguments.add(asked.part.after[0])}")
    direction = "ASC" if asked.part.ordering.ascending else "DESC"
    return await connection.fetchval(
        f"SELECT {column} FROM spans AS s WHERE {' AND '.join(conditions)}"  # noqa: S608
        f" ORDER BY {column} {direction} OFFSET {int(size)} LIMIT 1",
        *arguments.values,
    )


async def _are_few(connection: asyncpg.Connection[Any], asked: SpanList) -> bool:
    arguments = Arguments(asked.project)
    conditions = [*_of_times(asked, arguments), span_condition(asked.parsed, arguments)]
    found = await connection.fetchval(
        f"SELECT count(*) FROM (SELECT FROM spans AS s WHERE {' AND '.join(conditions)} LIMIT {_MANY + 1}) AS f",  # noqa: S608
        *arguments.values,
    )
    return bool(found <= _MANY)


async def _rows(
    connection: asyncpg.Connection[Any],
    asked: SpanList,
    limit: int,
    *,
    until: Any = None,
    after: Any = None,
    sorted_last: bool = False,
    hours: Hours | None = None,
) -> Sequence[asyncpg.Record]:
    """The first rows up to the edge or after it, if one is given, and of these hours. With `sorted_last` all that the
    filter finds are read before any question of order, so that no index of that is of use."""
    arguments = Arguments(asked.project)
    found = [*_of_times(asked, arguments), span_condition(asked.parsed, arguments)]
    if asked.trace_ids is not None:
        found.append(f"s.trace_id = ANY({arguments.add(asked.trace_ids, 'bytea[]')})")
    ordered = _of_order(asked, arguments, until, after)
    if hours is not None:
        found += ["s.start_time >= h.since", "s.start_time < h.since + interval '1 hour'"]
        found.append(f"s.duration_ns {'<=' if hours.ascending else '>='} {arguments.add(hours.around_ns)}")
    if hours is not None or sorted_last:
        rows = f"(SELECT * FROM spans AS s WHERE {' AND '.join(found)} OFFSET 0) AS s WHERE {' AND '.join(ordered)}"  # noqa: S608
        if hours is not None:
            rows = f"unnest({arguments.add(hours.begins, 'timestamptz[]')}) AS h (since), LATERAL {rows}"
    else:
        rows = f"spans AS s WHERE {' AND '.join([*found, *ordered])}"
    return await connection.fetch(
        f"SELECT {_LISTED} FROM {rows} {asked.part.ordering.clause} LIMIT {int(limit)}",  # noqa: S608
        *arguments.values,
    )


def _of_times(asked: SpanList, arguments: Arguments) -> list[str]:
    conditions = ["s.project = $1"]
    if asked.from_us is not None:
        conditions.append(f"s.start_time >= {arguments.add(asked.from_us, 'timestamptz')}")
    if asked.to_us is not None:
        conditions.append(f"s.start_time < {arguments.add(asked.to_us, 'timestamptz')}")
    return conditions


def _of_order(asked: SpanList, arguments: Arguments, until: Any, after: Any) -> list[str]:
    """The conditions of the part, its position and the edges."""
    conditions, ordering = [asked.part.condition], asked.part.ordering
    before, beyond = ("<=", ">") if ordering.ascending else (">=", "<")
    for word, edge in ((before, until), (beyond, after)):
        if edge is not None:
            conditions.append(f"{ordering.columns[0]} {word} {arguments.add(edge)}")
    if asked.part.after is not None:
        conditions.append(ordering.after(asked.part.after, arguments))
        if asked.by_time:
            # Says which chunks can be left out.
            bound = arguments.add(asked.part.after[0], "timestamptz")
            conditions.append(f"s.start_time {'>=' if ordering.ascending else '<='} {bound}")
    return conditions
