"""How metrics are stored and read: a row a series, a row a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import asyncpg

from llmflow_core.metrics import MetricPoint, MetricPointKey, MetricSeries
from llmflow_store import values
from llmflow_store.results import WriteResult
from llmflow_store.signals import MetricFunction, MetricInfo, MetricLine, MetricQuery
from llmflow_store.statements import Conditions, insert_new, lock_projects, unix_us
from llmflow_store.values import BIGINT_MAX

#: How far before a range a cumulative series is looked for the value that it had when the range began.
_LOOK_BACK = timedelta(hours=1)

_SERIES_COLUMNS = (
    "project",
    "series",
    "name",
    "description",
    "unit",
    "type",
    "temporality",
    "monotonic",
    "service",
    "scope",
    "scope_version",
    "scope_attributes",
    "attributes",
    "resource_attributes",
    "last_time",
)
_POINT_COLUMNS = (
    "project",
    "series",
    "time",
    "time_nanos",
    "start_time_ns",
    "value",
    "int_value",
    "count",
    "sum",
    "details",
)

# last_time is kept to the hour, so that a series is not written again with each of its points.
_SAVE_SERIES = f"""
INSERT INTO metric_series AS s ({", ".join(_SERIES_COLUMNS)})
VALUES ({", ".join(f"${n + 1}" for n in range(len(_SERIES_COLUMNS)))})
ON CONFLICT (project, series) DO UPDATE SET last_time = excluded.last_time
    WHERE s.last_time < excluded.last_time - interval '1 hour'
"""  # noqa: S608 - the names are constants

_LIST = """
WITH found AS (
    SELECT name, unit, type, temporality, description, service, attributes FROM metric_series
    WHERE project = $1 AND ($2::timestamptz IS NULL OR last_time >= $2 - interval '1 hour')
), keys AS (
    SELECT name, unit, type, temporality, array_agg(DISTINCT k ORDER BY k) AS attributes
    FROM found, jsonb_object_keys(attributes) AS k GROUP BY 1, 2, 3, 4
)
SELECT name, max(description) AS description, unit, type, temporality, count(*) AS series_count,
    array_agg(DISTINCT service ORDER BY service) AS services, coalesce(keys.attributes, '{}') AS attributes
FROM found LEFT JOIN keys USING (name, unit, type, temporality)
GROUP BY name, unit, type, temporality, keys.attributes
ORDER BY name, unit, type, temporality
"""

# What a gauge, or a counter that may go down, shows is a level; what the others show are gains.
_LEVEL = "type = 'gauge' OR (type = 'sum' AND temporality = 'cumulative' AND monotonic IS NOT TRUE)"
_GAIN = """CASE
    WHEN level OR temporality <> 'cumulative' THEN {0}
    WHEN is_first THEN CASE WHEN start_time_ns >= extract(epoch FROM $3) * 1000000000 THEN {0} ELSE 0 END
    WHEN {0} < lag({0}) OVER w OR start_time_ns <> lag(start_time_ns) OVER w THEN {0}
    ELSE {0} - lag({0}) OVER w
END"""
_FUNCTIONS = {
    MetricFunction.SUM: "sum(CASE WHEN level THEN last ELSE gain END)",
    MetricFunction.RATE: "sum(CASE WHEN level THEN last ELSE gain END) / extract(epoch FROM $6::interval)",
    MetricFunction.AVG: "CASE WHEN count(counted) > 0 THEN sum(gain) / nullif(sum(counted), 0)"
    " ELSE sum(total) / nullif(sum(points), 0) END",
    MetricFunction.LAST: "sum(last)",
    MetricFunction.COUNT: "coalesce(sum(counted), sum(points))",
}
# $1 project, $2 attribute, $3 start with what is looked back at, $4 start, $5 end, $6 interval.
_QUERY = """
WITH picked AS (
    SELECT series, temporality, {level} AS level, coalesce(attributes ->> $2, resource_attributes ->> $2) AS label
    FROM metric_series WHERE {where}
), read AS (
    SELECT picked.*, time, time_nanos, start_time_ns, coalesce(value, sum) AS amount, count,
        row_number() OVER (PARTITION BY series ORDER BY time, time_nanos) = 1 AS is_first
    FROM picked JOIN metric_points USING (series)
    WHERE project = $1 AND time >= $3 AND time < $5 AND coalesce(value, sum, count) IS NOT NULL
), stepped AS (
    SELECT *, {gain} AS gain, {count_gain} AS counted FROM read
    WINDOW w AS (PARTITION BY series ORDER BY time, time_nanos)
), by_series AS (
    SELECT date_bin($6::interval, time, 'epoch') AS bucket, label, level, series, sum(gain) AS gain,
        sum(counted) AS counted, sum(amount) AS total, count(amount) AS points,
        (array_agg(amount ORDER BY time DESC, time_nanos DESC))[1] AS last
    FROM stepped WHERE time >= $4 GROUP BY 1, 2, 3, 4
)
SELECT label, bucket, {function}::double precision AS value FROM by_series GROUP BY 1, 2 ORDER BY 1, 2
"""


# $1 project, $2 metrics, $3 start with what is looked back at, $4 start, $5 end, $6 names of attributes.
_TOTALS = f"""
WITH picked AS (
    SELECT series, name, temporality, {_LEVEL} AS level,
        coalesce(attributes ->> 'session.id', resource_attributes ->> 'session.id') AS session_id,
        coalesce(attributes ->> 'user.email', resource_attributes ->> 'user.email', attributes ->> 'user.id')
            AS user_id,
        coalesce((SELECT jsonb_object_agg(k, v) FROM jsonb_each_text(attributes) AS a (k, v) WHERE k = ANY($6)), '{{}}')
            AS labels
    FROM metric_series WHERE project = $1 AND name = ANY($2)
), read AS (
    SELECT picked.*, time, time_nanos, start_time_ns, coalesce(value, sum) AS amount,
        row_number() OVER (PARTITION BY series ORDER BY time, time_nanos) = 1 AS is_first
    FROM picked JOIN metric_points USING (series)
    WHERE project = $1 AND time >= $3 AND ($5::timestamptz IS NULL OR time < $5) AND coalesce(value, sum) IS NOT NULL
), stepped AS (
    SELECT *, {_GAIN.format("amount")} AS gain FROM read WINDOW w AS (PARTITION BY series ORDER BY time, time_nanos)
)
SELECT name, labels, sum(gain) AS total, array_agg(DISTINCT session_id) AS sessions,
    array_agg(DISTINCT user_id) AS users, max(time) AS last_time
FROM stepped WHERE time >= $4 GROUP BY name, labels
"""  # noqa: S608 - the pieces are constants


class MetricTotal(NamedTuple):
    """What a metric counted in a time in its points with these `labels`, in which sessions and for whom; `last_time`
    is in microseconds."""

    name: str
    labels: Mapping[str, str]
    total: float
    sessions: frozenset[str]
    users: frozenset[str]
    last_time: int


async def totals(
    connection: asyncpg.Connection[Any],
    project: str,
    names: Sequence[str],
    labels: Sequence[str],
    from_time: datetime | None,
    to_time: datetime | None,
) -> list[MetricTotal]:
    """What the metrics called `names` counted in a time, apart by their attributes `labels`."""
    start = from_time or datetime(1971, 1, 1, tzinfo=UTC)
    end = None if to_time is None else unix_us(to_time)
    rows = await connection.fetch(
        _TOTALS, values.label(project), names, unix_us(start - _LOOK_BACK), unix_us(start), end, labels
    )
    return [
        MetricTotal(
            name=row["name"],
            labels=row["labels"],
            total=row["total"],
            sessions=frozenset(filter(None, row["sessions"])),
            users=frozenset(filter(None, row["users"])),
            last_time=row["last_time"],
        )
        for row in rows
    ]


async def write_metrics(connection: asyncpg.Connection[Any], points: Sequence[MetricPoint]) -> WriteResult:
    """See `Signals.write_metrics`; within the open transaction. Of points with equal keys the first counts."""
    by_key: dict[MetricPointKey, MetricPoint] = {}
    for point in points:
        by_key.setdefault(point.key, point)
    ordered = sorted(by_key)
    rows = [_point_row(key, by_key[key]) for key in ordered]
    # In the order of the keys, the last one of a series is its newest.
    series = {(key.project, key.series): _series_row(key, by_key[key].series) for key in ordered}
    await lock_projects(connection, {key.project for key in ordered})
    await connection.executemany(_SAVE_SERIES, list(series.values()))
    inserted = await insert_new(connection, "metric_points", _POINT_COLUMNS, rows)
    return WriteResult(inserted=inserted, duplicates=len(points) - inserted)


async def list_metrics(
    connection: asyncpg.Connection[Any], project: str, since: datetime | None
) -> Sequence[MetricInfo]:
    """See `Signals.list_metrics`."""
    rows = await connection.fetch(_LIST, values.label(project), None if since is None else unix_us(since))
    return [MetricInfo(**row) for row in rows]


async def query_metric(connection: asyncpg.Connection[Any], query: MetricQuery) -> Sequence[MetricLine]:
    """See `Signals.query_metric`."""
    where = Conditions(query.project)
    where.arguments += [
        None if query.by is None else values.text(query.by),
        unix_us(query.from_time - _LOOK_BACK),
        unix_us(query.from_time),
        unix_us(query.to_time),
        query.interval,
    ]
    where.add_equal("name", query.name)
    where.add_equal("service", query.service)
    for name, value in query.attributes.items():
        where.add(
            "coalesce(attributes ->> {0}, resource_attributes ->> {0}) = {1}", values.text(name), values.text(value)
        )
    statement = _QUERY.format(
        level=_LEVEL,
        where=where,
        gain=_GAIN.format("amount"),
        count_gain=_GAIN.format("count"),
        function=_FUNCTIONS[query.function],
    )
    rows = await connection.fetch(statement, *where.arguments)
    return [
        MetricLine(name, [(row["bucket"] * 1000, row["value"]) for row in group if row["value"] is not None])
        for name, group in groupby(rows, key=lambda row: row["label"])
    ]


def _series_row(key: MetricPointKey, series: MetricSeries) -> tuple[Any, ...]:
    """The values of _SERIES_COLUMNS. Raises Permanent for JSON that is none."""
    return (
        key.project,
        key.series,
        values.label(series.name),
        values.text(series.description),
        values.text(series.unit),
        values.label(series.type),
        values.label(series.temporality),
        series.monotonic,
        values.label(series.service),
        values.text(series.scope),
        values.text(series.scope_version),
        values.json(series.scope_attributes),
        values.json(series.attributes),
        values.json(series.resource_attributes),
        key.time_ns // 1000,
    )


def _point_row(key: MetricPointKey, point: MetricPoint) -> tuple[Any, ...]:
    """The values of _POINT_COLUMNS. Raises Permanent for a point whose key no row can hold, or whose JSON is none."""
    values.check_project(key.project)
    values.check_time(key.time_ns, "time_ns")
    numbers = {
        "value": values.finite(point.value),
        "count": values.within(point.count, BIGINT_MAX),
        "sum": values.finite(point.sum),
    }
    # What no column holds is kept among the details.
    details = point.details | {
        name: getattr(point, name)
        for name, kept in numbers.items()
        if kept is None and getattr(point, name) is not None
    }
    return (
        key.project,
        key.series,
        key.time_ns // 1000,
        key.time_ns % 1000,
        values.within(point.start_time_ns, BIGINT_MAX),
        numbers["value"],
        point.int_value,
        numbers["count"],
        numbers["sum"],
        values.json(details) if details else None,
    )
