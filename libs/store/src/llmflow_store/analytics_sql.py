"""The answers to analytics: totals, the largest groups, and their courses, read from the source of the question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg

from llmflow_core.filters import And
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
from llmflow_store.analytics_sources import (
    Source,
    ranges_of_users,
    source_of,
    source_of_sketches,
    source_of_sums,
    source_of_users,
)
from llmflow_store.filter_sql import Arguments
from llmflow_store.largest_users import users_of_largest_sums
from llmflow_store.statements import without_workers
from llmflow_store.time_ranges import EPOCH
from llmflow_store.user_rollups import read_user_rollups
from llmflow_store.values import label

_MEASURED = {Metric.LATENCY: "duration_ns", Metric.TTFT: "time_to_first_token_ns"}
#: Of a distribution, the groups of most spans are measured, and the largest values among them returned.
_MEASURED_GROUPS = 100


async def analyse(connection: asyncpg.Connection[Any], query: AnalyticsQuery) -> AnalyticsResult:
    """See `Store.analyse`."""
    query.check()
    source = source_of(query)
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
    connection: asyncpg.Connection[Any], query: AnalyticsQuery, source: Source
) -> tuple[Group, list[Group]]:
    """The total and the groups, from one reading of the rows: where groups are few and each row is in one or none.

    Distributions are added up faster where they are kept without groups.
    """
    measure = _distributions if query.metric in DISTRIBUTIONS else _sums
    found = await measure(connection, query, source, None, interval=query.interval is not None)
    groups = [_of_course(query, key, course, source) for key, course in _courses(found).items() if None not in key]
    if query.metric in DISTRIBUTIONS:
        total = await _total(connection, query, source)
    else:
        times: defaultdict[int | None, list[_Measured]] = defaultdict(list)
        for (_, time), measured in found.items():
            times[time].append(measured)
        total = _of_course(query, (), {time: _merged(parts) for time, parts in times.items()}, source)
    return total, sorted(groups, key=_by_value)[: query.limit]


def _of_course(
    query: AnalyticsQuery, key: tuple[str, ...], course: Mapping[int | None, _Measured], source: Source
) -> Group:
    """A group from what it has in each interval, or in all, which None stands for."""
    group = _group(query, {(key, None): _merged(course.values())}, key, source)
    timed = {time: measured for time, measured in course.items() if time is not None}
    return replace(group, points=_points(query, timed, source))


async def _groups(connection: asyncpg.Connection[Any], query: AnalyticsQuery, source: Source) -> list[Group]:
    """The groups of the largest values, largest first."""
    distribution = query.metric in DISTRIBUTIONS
    if distribution:
        counted = replace(query, metric=Metric.SPANS, aggregation="sum", limit=_MEASURED_GROUPS)
        found = await _largest(connection, counted, source_of_sums(counted) or source)
    else:
        found = await _largest(connection, query, source)
    if distribution and (query.interval is None or len(found) > query.limit):
        keys = [key for key, _ in found]
        found = await _of_keys(connection, query, source, keys, interval=False)
    keys = [key for key, _ in found]
    if not distribution or query.interval is None or len(found) > query.limit:
        ranked = sorted((_group(query, found, key, source) for key in keys), key=_by_value)[: query.limit]
        keys = [group.key for group in ranked]
    if query.interval is None or not keys:
        return ranked if keys else []
    courses = _courses(await _of_keys(connection, query, source, keys, interval=True))
    return sorted((_of_course(query, key, courses.get(key, {}), source) for key in keys), key=_by_value)


async def _of_keys(
    connection: asyncpg.Connection[Any],
    query: AnalyticsQuery,
    source: Source,
    keys: Sequence[tuple[str, ...]],
    *,
    interval: bool,
) -> _Found:
    """What these groups have, read faster where that can be."""
    if query.group_by == ("user",) and source.rollups and keys:
        async with without_workers(connection):
            return await _of_users(connection, query, source, [user for (user,) in keys], interval=interval)
    measure = _distributions if query.metric in DISTRIBUTIONS else _sums
    return await measure(connection, query, source, keys, interval=interval)


async def _of_users(
    connection: asyncpg.Connection[Any], query: AnalyticsQuery, source: Source, users: Sequence[str], *, interval: bool
) -> _Found:
    if query.metric in DISTRIBUTIONS and query.filter in (None, And(())):
        return await _distributions_of_users(connection, query, users, interval=interval)
    measure = _distributions if query.metric in DISTRIBUTIONS else _sums
    keys = [(user,) for user in users]
    return await measure(connection, query, source_of_users(query, users) or source, keys, interval=interval)


async def _largest(connection: asyncpg.Connection[Any], query: AnalyticsQuery, source: Source) -> _Found:
    """The groups of the largest sums, or what else is asked of sums."""
    users = await users_of_largest_sums(connection, query)
    if users is not None:
        source = source_of_sums(query, users) or source
    amount = source.sums[query.metric]
    statement = (
        f"SELECT {', '.join(source.groups)}, sum(span_count)::bigint, {amount}"  # noqa: S608
        f" FROM {source.rows} WHERE {_present(source.groups)}{_group_by(source.groups)}"
        f" ORDER BY {_value_sql(query, source)} DESC NULLS LAST, {_places(source.groups)} LIMIT {int(query.limit)}"
    )
    async with nullcontext() if users is None else without_workers(connection):
        rows = await connection.fetch(statement, *source.arguments.values)
    return {(tuple(key), None): _Measured(spans, amount) for *key, spans, amount in rows}


async def _sums(
    connection: asyncpg.Connection[Any],
    query: AnalyticsQuery,
    source: Source,
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
    source: Source,
    keys: Sequence[tuple[str, ...]] | None,
    *,
    interval: bool,
) -> _Found:
    columns, where, arguments = _grouped(query, source, keys, interval=interval)
    measured = _MEASURED[query.metric]
    if source.few:
        rows = await connection.fetch(
            f"SELECT {', '.join([*columns, 'r.sign'])}, (r.{measured}).buckets, (r.{measured}).counts"  # noqa: S608
            f" FROM {source.rows} WHERE {where}",
            *arguments.values,
        )
        return _added(rows, interval=interval)
    if source.rollups:
        bucket, count = f"unnest((r.{measured}).buckets)", f"unnest((r.{measured}).counts) * r.sign"
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
        f") AS u GROUP BY {listed}b HAVING sum(n) <> 0) AS s{f' GROUP BY {_places(columns)}' if columns else ''}",
        *arguments.values,
    )
    found: _Found = {}
    for *key, buckets, counts in rows:
        time = key.pop() if interval else None
        if buckets is not None:
            found[tuple(key), time] = _Measured(sum(counts), None, dict(zip(buckets, counts, strict=True)))
    return found


async def _distributions_of_users(
    connection: asyncpg.Connection[Any], query: AnalyticsQuery, users: Sequence[str], *, interval: bool
) -> _Found:
    """Days and weeks from the rows that are ready, what is left from those by type and status."""
    step = query.interval if interval else None
    ranges = ranges_of_users(replace(query, interval=step))
    ready, days = await read_user_rollups(connection, label(query.project), _MEASURED[query.metric], ranges, users)
    rest = source_of_sketches(query, ranges, users, days)
    found = await _distributions(connection, query, rest, None, interval=interval) if rest else {}
    step_us = step // timedelta(microseconds=1) if step else None
    packed: defaultdict[tuple[tuple[str, ...], int | None], defaultdict[int, list[bytes]]]
    packed = defaultdict(lambda: defaultdict(list))
    for user, bucket, sign, counts in ready:
        packed[(user,), step_us and bucket - bucket % step_us][sign].append(counts)
    for place, by_sign in packed.items():
        parts = [(sign, sketch.merge_packed(by_sign[sign])) for sign in sorted(by_sign, reverse=True)]
        if place in found:
            parts.append((1, found[place].buckets or {}))
        found[place] = _signed(parts)
    return {place: measured for place, measured in found.items() if measured.buckets}


def _signed(parts: Sequence[tuple[int, dict[int, int]]]) -> _Measured:
    """What distributions with signs come to; the first, which is the largest, is changed."""
    merged: dict[int, int] = {}
    for sign, buckets in parts:
        if sign > 0 and not merged:
            merged = buckets
            continue
        for bucket, count in buckets.items():
            merged[bucket] = merged.get(bucket, 0) + sign * count
    merged = {bucket: count for bucket, count in merged.items() if count}
    return _Measured(sum(merged.values()), None, merged)


def _added(rows: Iterable[asyncpg.Record], *, interval: bool) -> _Found:
    """What rows of key, time (of an `interval`), sign, buckets and counts come to; where there are few, this takes half
    of what the database takes."""
    merged: dict[tuple[tuple[str, ...], int | None], dict[int, int]] = {}
    changed = set()
    for *key, sign, buckets, counts in rows:
        time = key.pop() if interval else None
        place = (tuple(key), time)
        if sign > 0 and place not in merged:
            merged[place] = dict(zip(buckets, counts, strict=True))
            continue
        changed.add(place)
        have = merged.setdefault(place, {})
        for bucket, count in zip(buckets, counts, strict=True):
            have[bucket] = have.get(bucket, 0) + sign * count
    for place in changed:
        merged[place] = {bucket: count for bucket, count in merged[place].items() if count}
    return {place: _Measured(sum(have.values()), None, have) for place, have in merged.items() if have}


def _grouped(
    query: AnalyticsQuery, source: Source, keys: Sequence[tuple[str, ...]] | None, *, interval: bool
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


async def _total(connection: asyncpg.Connection[Any], query: AnalyticsQuery, grouped: Source) -> Group:
    """All spans of the range that is counted by group, those that are in no group too."""
    from_time, to_time = (EPOCH + timedelta(microseconds=time) for time in (grouped.from_us, grouped.to_us))
    source = source_of(replace(query, group_by=(), from_time=from_time, to_time=to_time)) if query.group_by else grouped
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


def _points(query: AnalyticsQuery, course: dict[int, _Measured], source: Source) -> list[Point]:
    seconds = query.interval.total_seconds() if query.interval else _seconds(source)
    return [Point(time, _value(query, measured, seconds)) for time, measured in sorted(course.items())]


def _group(query: AnalyticsQuery, found: _Found, key: tuple[str, ...], source: Source) -> Group:
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


def _value_sql(query: AnalyticsQuery, source: Source) -> str:
    amount = source.sums[query.metric]
    return f"{amount}::numeric / sum(span_count)" if query.aggregation == "avg" else amount


def _by_value(group: Group) -> tuple[bool, float, tuple[str, ...]]:
    return group.value is None, -float(group.value or 0), group.key


def _seconds(source: Source) -> float:
    return (source.to_us - source.from_us) / 1e6


def _present(groups: Iterable[str]) -> str:
    return " AND ".join(f"{group} IS NOT NULL" for group in groups)


def _places(groups: Sequence[str]) -> str:
    return ", ".join(str(number + 1) for number in range(len(groups)))


def _group_by(columns: Sequence[str]) -> str:
    """Without what was added and taken away again."""
    return f" GROUP BY {_places(columns)} HAVING sum(span_count) > 0" if columns else ""
