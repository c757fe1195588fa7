"""Analytics over the cheapest table that can answer: rollups where the question is about their dimensions, else spans.

A long range is read as whole days where the day's rollup fits, with hours and minutes at its ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg

from llmflow_core.filters import And, Filter
from llmflow_store import sketch
from llmflow_store.analytics import (
    DISTRIBUTIONS,
    QUANTILES,
    AnalyticsQuery,
    AnalyticsResult,
    Group,
    Metric,
    Number,
    Point,
)
from llmflow_store.filter_sql import FIELD_COLUMNS, Arguments, rollup_condition, span_condition
from llmflow_store.rollup_rows import Range, all_rows, model_rows, rollup_rows, user_rows
from llmflow_store.rollups import USER_DIMENSION
from llmflow_store.values import label

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_US = {"week": 604_800_000_000, "day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000}
#: The dimensions that `rollups_* AS r` has, as expressions; null where a span has no value.
ROLLUP_COLUMNS = {
    "model": "nullif(r.model, '')",
    "provider": "nullif(r.provider, '')",
    "service": "nullif(r.service, '')",
    "type": "r.observation_type",
    "status": "r.status",
    "environment": "nullif(r.environment, '')",
}
_VALUE_DIMENSIONS = {"type": "r.observation_type", "status": "r.status"}
#: Sums over rows that have the rollups' columns.
_SUMS = {
    Metric.SPANS: "sum(span_count)",
    Metric.REQUESTS: "sum(span_count) FILTER (WHERE observation_type IN ('generation', 'embedding'))",
    Metric.ERRORS: "sum(span_count) FILTER (WHERE status = 'error')",
    Metric.ERROR_RATE: "sum(span_count) FILTER (WHERE status = 'error')",
    Metric.TOKENS: "sum(input_tokens + output_tokens)",
    Metric.UNPRICED: "sum(unpriced_count)",
    **{
        metric: f"sum({metric})"
        for metric in (
            Metric.INPUT_TOKENS,
            Metric.OUTPUT_TOKENS,
            Metric.CACHE_READ_TOKENS,
            Metric.CACHE_WRITE_TOKENS,
            Metric.REASONING_TOKENS,
            Metric.COST,
            Metric.INPUT_COST,
            Metric.OUTPUT_COST,
        )
    },
}
_SUMS_OF_TOTALS = {
    **_SUMS,
    Metric.REQUESTS: "sum(request_count)",
    Metric.ERRORS: "sum(error_count)",
    Metric.ERROR_RATE: "sum(error_count)",
}
_MEASURED = {Metric.LATENCY: "duration_ns", Metric.TTFT: "time_to_first_token_ns"}
#: Of a distribution, the groups of most spans are measured, and the largest values among them returned.
_MEASURED_GROUPS = 200


class _Source(NamedTuple):
    """Rows with the rollups' columns, as a FROM item named r, and the groups' expressions over it; `sums` are those of
    the metrics."""

    rows: str
    groups: Sequence[str]
    arguments: Arguments
    from_us: int
    to_us: int
    rollups: bool
    sums: Mapping[Metric, str]


async def analyse(connection: asyncpg.Connection[Any], query: AnalyticsQuery) -> AnalyticsResult:
    """See `Store.analyse`."""
    query.check()
    source = _source(query)
    if query.group_by == ("model",) and source.rollups:
        total, groups = await _all_groups(connection, query, source)
    else:
        total = await _total(connection, query, source)
        groups = await _groups(connection, query, source) if source.groups else []
    return AnalyticsResult(source.from_us, source.to_us, total, groups, "rollups" if source.rollups else "spans")


class _Measured(NamedTuple):
    """What one group has (in one interval): how many spans, and a sum or a distribution."""

    span_count: int
    amount: Number | None = None
    buckets: dict[int, int] | None = None


#: By (group key, beginning of the interval or None).
_Found = dict[tuple[tuple[str, ...], int | None], _Measured]


async def _all_groups(
    connection: asyncpg.Connection[Any], query: AnalyticsQuery, source: _Source
) -> tuple[Group, list[Group]]:
    """The total and the groups, from one reading of the rows: where groups are few and each row is in one or none."""
    measure = _distributions if query.metric in DISTRIBUTIONS else _sums
    found = await measure(connection, query, source, None, interval=query.interval is not None)
    times: defaultdict[int | None, list[_Measured]] = defaultdict(list)
    for (_, time), measured in found.items():
        times[time].append(measured)
    groups = [_of_course(query, key, course, source) for key, course in _courses(found).items() if None not in key]
    total = _of_course(query, (), {time: _merged(parts) for time, parts in times.items()}, source)
    return total, sorted(groups, key=_by_value)[: query.limit]


def _of_course(
    query: AnalyticsQuery, key: tuple[str, ...], course: Mapping[int | None, _Measured], source: _Source
) -> Group:
    """A group from what it has in each interval, or in all, which None stands for."""
    group = _group(query, {(key, None): _merged(course.values())}, key, source)
    timed = {time: measured for time, measured in course.items() if time is not None}
    return replace(group, points=_points(query, timed, source))


async def _groups(connection: asyncpg.Connection[Any], query: AnalyticsQuery, source: _Source) -> list[Group]:
    """The groups of the largest values, largest first."""
    distribution = query.metric in DISTRIBUTIONS
    measure = _distributions if distribution else _sums
    found = await _largest(connection, query, source)
    if distribution and (query.interval is None or len(found) > query.limit):
        found = await measure(connection, query, source, [key for key, _ in found], interval=False)
    keys = [key for key, _ in found]
    if not distribution or query.interval is None or len(found) > query.limit:
        ranked = sorted((_group(query, found, key, source) for key in keys), key=_by_value)[: query.limit]
        keys = [group.key for group in ranked]
    if query.interval is None or not keys:
        return ranked if keys else []
    courses = _courses(await measure(connection, query, source, keys, interval=True))
    return sorted((_of_course(query, key, courses.get(key, {}), source) for key in keys), key=_by_value)


async def _largest(connection: asyncpg.Connection[Any], query: AnalyticsQuery, source: _Source) -> _Found:
    """The groups to choose from: those of the largest sums, or of a distribution, not measured yet, of most spans."""
    distribution = query.metric in DISTRIBUTIONS
    amount = "NULL" if distribution else source.sums[query.metric]
    order = "sum(span_count)" if distribution else _value_sql(query, source)
    rows = await connection.fetch(
        f"SELECT {', '.join(source.groups)}, sum(span_count)::bigint, {amount}"  # noqa: S608
        f" FROM {source.rows} WHERE {_present(source.groups)}"
        f" GROUP BY {_places(source.groups)} ORDER BY {order} DESC NULLS LAST, {_places(source.groups)}"
        f" LIMIT {_MEASURED_GROUPS if distribution else int(query.limit)}",
        *source.arguments.values,
    )
    return {(tuple(key), None): _Measured(spans, amount) for *key, spans, amount in rows}


async def _sums(
    connection: asyncpg.Connection[Any],
    query: AnalyticsQuery,
    source: _Source,
    keys: Sequence[tuple[str, ...]] | None,
    *,
    interval: bool,
) -> _Found:
    columns, where, arguments = _grouped(query, source, keys, interval=interval)
    rows = await connection.fetch(
        f"SELECT {', '.join([*columns, 'coalesce(sum(span_count), 0)::bigint', source.sums[query.metric]])}"  # noqa: S608
        f" FROM {source.rows} WHERE {where}{_group_by(columns)}",
        *arguments.values,
    )
    found: _Found = {}
    for *key, spans, amount in rows:
        time = key.pop() if interval else None
        found[tuple(key), time] = _Measured(spans, amount)
    return found


async def _distributions(
    connection: asyncpg.Connection[Any],
    query: AnalyticsQuery,
    source: _Source,
    keys: Sequence[tuple[str, ...]] | None,
    *,
    interval: bool,
) -> _Found:
    columns, where, arguments = _grouped(query, source, keys, interval=interval)
    measured = _MEASURED[query.metric]
    if source.rollups:
        bucket, count = f"unnest((r.{measured}).buckets)", f"unnest((r.{measured}).counts)"
    else:
        bucket, count = f"sketch_bucket(r.{measured})", "1"
        where = f"{where} AND r.{measured} IS NOT NULL"
    names = [f"c{number}" for number in range(len(columns))]
    selected = ", ".join([*(f"{column} AS {name}" for column, name in zip(columns, names, strict=True)), ""])
    listed = ", ".join([*names, ""])
    rows = await connection.fetch(
        f"SELECT {listed}array_agg(b), array_agg(n) FROM ("  # noqa: S608
        f" SELECT {listed}b, sum(n)::bigint AS n FROM ("
        f" SELECT {selected}{bucket} AS b, {count} AS n FROM {source.rows} WHERE {where}"
        f") AS u GROUP BY {listed}b) AS s{_group_by(columns)}",
        *arguments.values,
    )
    found: _Found = {}
    for *key, buckets, counts in rows:
        time = key.pop() if interval else None
        if buckets is not None:
            found[tuple(key), time] = _Measured(sum(counts), None, dict(zip(buckets, counts, strict=True)))
    return found


def _grouped(
    query: AnalyticsQuery, source: _Source, keys: Sequence[tuple[str, ...]] | None, *, interval: bool
) -> tuple[list[str], str, Arguments]:
    """The columns that group (the keys', if there are any, then the interval), the condition, and its arguments. None
    stands for every key and for none."""
    arguments = Arguments(*source.arguments.values)
    columns = [] if keys is not None and not keys else list(source.groups)
    where = "true"
    if keys:
        members = ", ".join(arguments.add(list(member), "text[]") for member in zip(*keys, strict=True))
        where = f"({', '.join(columns)}) IN (SELECT * FROM unnest({members}))"  # noqa: S608
    if interval and query.interval is not None:
        columns.append(f"date_bin({arguments.add(query.interval, 'interval')}, r.bucket, 'epoch')")
    return columns, where, arguments


async def _total(connection: asyncpg.Connection[Any], query: AnalyticsQuery, grouped: _Source) -> Group:
    """All spans of the range that is counted by group, those that are in no group too."""
    from_time, to_time = (_EPOCH + timedelta(microseconds=time) for time in (grouped.from_us, grouped.to_us))
    source = _source(replace(query, group_by=(), from_time=from_time, to_time=to_time)) if query.group_by else grouped
    measure = _distributions if query.metric in DISTRIBUTIONS else _sums
    found = await measure(connection, query, source, [], interval=query.interval is not None)
    if query.interval is None:
        return _group(query, found, (), source)
    return _of_course(query, (), _courses(found).get((), {}), source)


def _merged(parts: Iterable[_Measured]) -> _Measured:
    """What all of them have together."""
    parts = list(parts)
    amounts = [Decimal(part.amount) for part in parts if part.amount is not None]
    buckets = [part.buckets for part in parts if part.buckets is not None]
    return _Measured(
        sum(part.span_count for part in parts),
        sum(amounts, Decimal()) if amounts else None,
        sketch.merge(buckets) if buckets else None,
    )


def _courses(found: _Found) -> Mapping[tuple[str, ...], Mapping[int | None, _Measured]]:
    courses: defaultdict[tuple[str, ...], dict[int | None, _Measured]] = defaultdict(dict)
    for (key, time), measured in found.items():
        courses[key][time] = measured
    return courses


def _points(query: AnalyticsQuery, course: dict[int, _Measured], source: _Source) -> list[Point]:
    seconds = query.interval.total_seconds() if query.interval else _seconds(source)
    return [Point(time, _value(query, measured, seconds)) for time, measured in sorted(course.items())]


def _group(query: AnalyticsQuery, found: _Found, key: tuple[str, ...], source: _Source) -> Group:
    measured = found.get((key, None), _Measured(0))
    return Group(key, _value(query, measured, _seconds(source)), measured.span_count, [])


def _value(query: AnalyticsQuery, measured: _Measured, seconds: float) -> Number | None:
    if measured.buckets is not None:
        if query.aggregation == "avg":
            total = sum(sketch.value_of(bucket) * times for bucket, times in measured.buckets.items())
            return total / measured.span_count
        return sketch.quantile(measured.buckets, QUANTILES[query.aggregation])
    if query.metric in DISTRIBUTIONS:
        return None
    amount = Decimal(measured.amount or 0)
    if query.aggregation == "avg":
        return amount / measured.span_count if measured.span_count else None
    return amount / Decimal(seconds) if query.aggregation == "rate" else amount


def _value_sql(query: AnalyticsQuery, source: _Source) -> str:
    amount = source.sums[query.metric]
    return f"{amount}::numeric / sum(span_count)" if query.aggregation == "avg" else amount


def _by_value(group: Group) -> tuple[bool, float, tuple[str, ...]]:
    return group.value is None, -float(group.value or 0), group.key


def _seconds(source: _Source) -> float:
    return (source.to_us - source.from_us) / 1e6


def _present(groups: Iterable[str]) -> str:
    return " AND ".join(f"{group} IS NOT NULL" for group in groups)


def _places(groups: Sequence[str]) -> str:
    return ", ".join(str(number + 1) for number in range(len(groups)))


def _group_by(columns: Sequence[str]) -> str:
    return f" GROUP BY {_places(columns)}" if columns else ""


def _source(query: AnalyticsQuery) -> _Source:
    parsed = query.filter or And(())
    for ready in (_of_all, _of_models, _of_rollups, _of_users, _of_values):
        source = ready(query, parsed)
        if source is not None:
            return source
    return _of_spans(query, parsed)


def _of_all(query: AnalyticsQuery, parsed: Filter) -> _Source | None:
    if query.group_by or query.metric not in DISTRIBUTIONS or parsed != And(()):
        return None
    arguments = Arguments(label(query.project))
    from_us, to_us, ranges = _ranges(query, "minute")
    return _Source(all_rows(ranges, arguments), [], arguments, from_us, to_us, True, _SUMS)


def _of_models(query: AnalyticsQuery, parsed: Filter) -> _Source | None:
    if not set(query.group_by) <= {"model"}:
        return None
    arguments = Arguments(label(query.project))
    from_us, to_us, ranges = _ranges(query, "minute")
    rows = model_rows(ranges, parsed, arguments)
    groups = ["nullif(r.value, '')" for _ in query.group_by]
    return None if rows is None else _Source(rows, groups, arguments, from_us, to_us, True, _SUMS)


def _of_rollups(query: AnalyticsQuery, parsed: Filter) -> _Source | None:
    arguments = Arguments(label(query.project))
    condition = rollup_condition(parsed, arguments, ROLLUP_COLUMNS)
    if condition is None or not set(query.group_by) <= set(ROLLUP_COLUMNS):
        return None
    from_us, to_us, ranges = _ranges(query, "minute")
    rows = rollup_rows("rollups", ranges, condition, arguments)
    return _Source(rows, [ROLLUP_COLUMNS[name] for name in query.group_by], arguments, from_us, to_us, True, _SUMS)


def _of_users(query: AnalyticsQuery, parsed: Filter) -> _Source | None:
    if query.group_by != ("user",) or query.metric in DISTRIBUTIONS or _cuts_hours(query):
        return None
    arguments = Arguments(label(query.project))
    from_us, to_us, ranges = _ranges(query, "hour", coarsest="week")
    rows = user_rows(ranges, parsed, arguments)
    return None if rows is None else _Source(rows, ["r.value"], arguments, from_us, to_us, True, _SUMS_OF_TOTALS)


def _of_values(query: AnalyticsQuery, parsed: Filter) -> _Source | None:
    arguments = Arguments(label(query.project), USER_DIMENSION)
    condition = rollup_condition(parsed, arguments, _VALUE_DIMENSIONS)
    if condition is None or query.group_by != ("user",) or _cuts_hours(query):
        return None
    from_us, to_us, ranges = _ranges(query, "hour")
    rows = rollup_rows("rollups_value", ranges, f"r.dimension = $2 AND {condition}", arguments)
    return _Source(rows, ["r.value"], arguments, from_us, to_us, True, _SUMS)


def _cuts_hours(query: AnalyticsQuery) -> bool:
    return query.interval is not None and query.interval.total_seconds() % 3600 != 0


def _ranges(query: AnalyticsQuery, finest: str, coarsest: str = "day") -> tuple[int, int, list[Range]]:
    """The range that is counted, and what it consists of."""
    from_us, to_us = widened(query.from_time, query.to_time, finest)
    interval_us = round(query.interval.total_seconds() * 1e6) if query.interval else None
    return from_us, to_us, covering(from_us, to_us, finest=finest, coarsest=coarsest, interval_us=interval_us)


def widened(from_time: datetime, to_time: datetime, unit: str) -> tuple[int, int]:
    """The range in Unix microseconds, begun and ended at a whole `unit`."""
    size = _UNITS_US[unit]
    return unix_us(from_time) // size * size, -(-unix_us(to_time) // size) * size


def covering(
    from_us: int, to_us: int, *, finest: str, coarsest: str = "day", interval_us: int | None = None
) -> list[Range]:
    """The range as few (unit, from, to): whole ones of `coarsest` where they fit, shorter ones at the ends, nothing
    finer than `finest`, of which both ends are multiples, and nothing that an interval would cut."""
    units = [unit for unit in _UNITS_US if interval_us is None or interval_us % _UNITS_US[unit] == 0]
    units = [unit for unit in units if _UNITS_US[finest] <= _UNITS_US[unit] <= _UNITS_US[coarsest]] or [finest]
    return _covering(from_us, to_us, units)


def _covering(low: int, high: int, units: Sequence[str]) -> list[Range]:
    if low >= high:
        return []
    unit, finer = units[0], units[1:]
    size = _UNITS_US[unit]
    first, last = -(-low // size) * size, high // size * size
    if not finer:
        return [(unit, low, high)]
    if first >= last:
        return _covering(low, high, finer)
    return [*_covering(low, first, finer), (unit, first, last), *_covering(last, high, finer)]


def _of_spans(query: AnalyticsQuery, parsed: Filter) -> _Source:
    arguments = Arguments(label(query.project))
    from_us, to_us = unix_us(query.from_time), unix_us(query.to_time)
    low, high = arguments.add(from_us, "timestamptz"), arguments.add(to_us, "timestamptz")
    condition = span_condition(parsed, arguments)
    names = [dimension(name, arguments) for name in query.group_by]
    dimensions = "".join(f", {expression} AS g{number}" for number, expression in enumerate(names))
    rows = f"""(
        SELECT s.start_time AS bucket, s.observation_type, s.status, 1 AS span_count,
            coalesce(s.input_tokens, 0) AS input_tokens, coalesce(s.output_tokens, 0) AS output_tokens,
            coalesce(s.cache_read_tokens, 0) AS cache_read_tokens,
            coalesce(s.cache_write_tokens, 0) AS cache_write_tokens,
            coalesce(s.reasoning_tokens, 0) AS reasoning_tokens, coalesce(s.cost, 0) AS cost,
            coalesce(s.input_cost, 0) AS input_cost, coalesce(s.output_cost, 0) AS output_cost,
            (s.cost IS NULL AND s.observation_type IN ('generation', 'embedding')
                AND (s.input_tokens IS NOT NULL OR s.output_tokens IS NOT NULL))::int AS unpriced_count,
            s.duration_ns, s.time_to_first_token_ns{dimensions}
        FROM spans AS s WHERE s.project = $1 AND s.start_time >= {low} AND s.start_time < {high} AND {condition}
    ) AS r"""  # noqa: S608
    groups = [f"r.g{number}" for number in range(len(names))]
    return _Source(rows, groups, arguments, from_us, to_us, False, _SUMS)


def dimension(name: str, arguments: Arguments) -> str:
    field, _, key = name.partition(".")
    if field in ("attr", "resource") and key:
        column = "s.attributes" if field == "attr" else "s.resource_attributes"
        return f"{column} ->> {arguments.add(key, 'text')}"
    if name == "tag":
        return "unnest(s.tags)"
    return f"nullif({FIELD_COLUMNS[name]}, '')"


def unix_us(time: datetime) -> int:
    """Unix microseconds."""
    return (time - _EPOCH) // timedelta(microseconds=1)
