"""Users, models and values, from the rollups wherever they have them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from llmflow_core.errors import Rejected
from llmflow_core.filters import And
from llmflow_core.spans import SUMMING_TYPES
from llmflow_store import sketch
from llmflow_store.analytics import DIMENSIONS, FacetValue
from llmflow_store.analytics_sources import ROLLUP_COLUMNS, VALUE_COLUMNS, dimension, rows_of_spans
from llmflow_store.directory import Distribution, ModelQuery, ModelUsage, Order, Usage, UserCourse, UserQuery, UserUsage
from llmflow_store.filter_sql import Arguments, rollup_condition
from llmflow_store.rollup_rows import rollup_rows
from llmflow_store.rollups import TOKENS, USER_DIMENSION
from llmflow_store.time_ranges import covering, unix_us, widened
from llmflow_store.values import label

_REQUESTS = "coalesce(sum(span_count) FILTER (WHERE observation_type IN ('generation', 'embedding')), 0)"
_ERRORS = "coalesce(sum(span_count) FILTER (WHERE status = 'error'), 0)"
_USAGE = ", ".join(
    [
        "sum(span_count)::bigint AS span_count",
        f"{_REQUESTS}::bigint AS request_count",
        f"{_ERRORS}::bigint AS error_count",
        *(f"sum({name})::bigint AS {name}" for name in TOKENS),
        "sum(cost) AS cost",
        "sum(unpriced_count)::bigint AS unpriced_count",
        "date_bin('1 hour', max(bucket), 'epoch') AS last_time_us",
    ]
)
_ORDERS: Mapping[Order, str] = {
    "cost": "sum(cost)",
    "requests": _REQUESTS,
    "tokens": "sum(input_tokens + output_tokens)",
    "errors": _ERRORS,
}
_SUMMING = ", ".join(f"'{name}'" for name in sorted(SUMMING_TYPES))
_CALLS = f"r.model <> '' AND r.observation_type NOT IN ({_SUMMING})"
_KEYED = ("attr.", "resource.")
#: Of values that no rollup has, those of so many of the newest spans are counted.
_SAMPLE = 20_000


async def list_users(connection: asyncpg.Connection[Any], query: UserQuery) -> Sequence[UserUsage]:
    """See `Directory.list_users`."""
    parsed = query.filter or And(())
    arguments, user = Arguments(label(query.project), USER_DIMENSION), "r.value"
    condition = rollup_condition(parsed, arguments, VALUE_COLUMNS)
    if condition is not None:
        rows = _user_rows(query.from_time, query.to_time, condition, arguments)
    else:
        arguments, user = Arguments(label(query.project)), "r.g0"
        rows = rows_of_spans(*widened(query.from_time, query.to_time, "hour"), parsed, ("user",), arguments)
    found = await connection.fetch(
        f"SELECT {user}, {_USAGE} FROM {rows}"  # noqa: S608
        f" WHERE {user} IS NOT NULL AND starts_with({user}, {arguments.add(label(query.prefix), 'text')})"
        f" GROUP BY 1 ORDER BY {_ORDERS[query.order]} DESC, 1 LIMIT {int(query.limit)}",
        *arguments.values,
    )
    return [UserUsage(row[0], _usage(row)) for row in found]


async def get_user(
    connection: asyncpg.Connection[Any],
    project: str,
    user_id: str,
    from_time: datetime,
    to_time: datetime,
    interval: timedelta,
) -> UserCourse | None:
    """See `Directory.get_user`."""
    arguments = Arguments(label(project), USER_DIMENSION, label(user_id))
    rows = _user_rows(from_time, to_time, "r.value = $3", arguments, interval)
    found = await connection.fetch(
        f"SELECT date_bin({arguments.add(interval, 'interval')}, bucket, 'epoch') AS time, {_USAGE}"  # noqa: S608
        f" FROM {rows} GROUP BY GROUPING SETS ((), (1)) ORDER BY 1 NULLS FIRST",
        *arguments.values,
    )
    if len(found) == 1:
        return None
    total, *course = found
    return UserCourse(label(user_id), _usage(total), [(row["time"], _usage(row)) for row in course])


async def list_models(connection: asyncpg.Connection[Any], query: ModelQuery) -> Sequence[ModelUsage]:
    """See `Directory.list_models`."""
    arguments = Arguments(label(query.project))
    ranges = covering(*widened(query.from_time, query.to_time, "minute"), finest="minute")
    rows = rollup_rows("rollups", ranges, _CALLS, arguments)
    having = "HAVING sum(unpriced_count) > 0" if query.unpriced_only else ""
    found = await connection.fetch(
        f"SELECT provider, model, {_USAGE} FROM {rows} GROUP BY provider, model {having}"  # noqa: S608
        f" ORDER BY {_ORDERS[query.order]} DESC, model, provider LIMIT {int(query.limit)}",
        *arguments.values,
    )
    keys = [(row["provider"], row["model"]) for row in found]
    latency = await _distributions(connection, rows, "duration_ns", keys, arguments)
    first_token = await _distributions(connection, rows, "time_to_first_token_ns", keys, arguments)
    return [
        ModelUsage(
            provider=row["provider"],
            model=row["model"],
            usage=_usage(row),
            latency=latency[row["provider"], row["model"]],
            time_to_first_token=first_token[row["provider"], row["model"]],
        )
        for row in found
    ]


async def field_values(
    connection: asyncpg.Connection[Any],
    project: str,
    field: str,
    from_time: datetime,
    to_time: datetime,
    prefix: str,
    limit: int,
) -> Sequence[FacetValue]:
    """See `Directory.field_values`."""
    arguments = Arguments(label(project))
    if field in ROLLUP_COLUMNS:
        ranges = covering(*widened(from_time, to_time, "minute"), finest="minute")
        rows = f"SELECT {ROLLUP_COLUMNS[field]} AS value, span_count FROM " + rollup_rows(  # noqa: S608
            "rollups", ranges, "true", arguments
        )
    elif field == "user":
        arguments.add(USER_DIMENSION)
        rows = f"SELECT value, span_count FROM {_user_rows(from_time, to_time, 'true', arguments)}"  # noqa: S608
    elif field in DIMENSIONS or (field.startswith(_KEYED) and field not in _KEYED):
        low, high = (arguments.add(unix_us(time), "timestamptz") for time in (from_time, to_time))
        newest = f"""
            SELECT * FROM spans WHERE project = $1 AND start_time >= {low} AND start_time < {high}
            ORDER BY start_time DESC LIMIT {_SAMPLE}
        """  # noqa: S608
        rows = f"SELECT {dimension(field, arguments)} AS value, 1 AS span_count FROM ({newest}) AS s"  # noqa: S608
    else:
        raise Rejected(f"one of {', '.join((*DIMENSIONS, 'attr.KEY', 'resource.KEY'))}", field="field")
    found = await connection.fetch(
        f"SELECT value, sum(span_count)::bigint FROM ({rows}) AS v"  # noqa: S608
        f" WHERE value IS NOT NULL AND starts_with(value, {arguments.add(label(prefix), 'text')})"
        f" GROUP BY value ORDER BY 2 DESC, value LIMIT {int(limit)}",
        *arguments.values,
    )
    return [FacetValue(value, spans) for value, spans in found]


def _user_rows(
    from_time: datetime, to_time: datetime, condition: str, arguments: Arguments, interval: timedelta | None = None
) -> str:
    """The rows of users, of which none is cut by an interval; $2 is the dimension."""
    interval_us = interval // timedelta(microseconds=1) if interval else None
    ranges = covering(*widened(from_time, to_time, "hour"), finest="hour", interval_us=interval_us)
    return rollup_rows("rollups_value", ranges, f"r.dimension = $2 AND {condition}", arguments)


async def _distributions(
    connection: asyncpg.Connection[Any],
    rows: str,
    measured: str,
    keys: Sequence[tuple[str, str]],
    arguments: Arguments,
) -> Mapping[tuple[str, str], Distribution]:
    places = Arguments(*arguments.values)
    providers, models = (places.add([key[n] for key in keys], "text[]") for n in (0, 1))
    found = await connection.fetch(
        f"SELECT r.provider, r.model, u.bucket, sum(u.n)::bigint"  # noqa: S608
        f" FROM {rows}, unnest((r.{measured}).buckets, (r.{measured}).counts) AS u (bucket, n)"
        f" WHERE (r.provider, r.model) IN (SELECT * FROM unnest({providers}, {models})) GROUP BY 1, 2, 3",
        *places.values,
    )
    buckets: defaultdict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for provider, model, bucket, count in found:
        buckets[provider, model][bucket] = count
    measures = {
        key: Distribution(*(sketch.quantile(counts, q) for q in (0.5, 0.95, 0.99))) for key, counts in buckets.items()
    }
    return defaultdict(Distribution, measures)


def _usage(row: asyncpg.Record) -> Usage:
    return Usage(**{field.name: row[field.name] for field in fields(Usage)})
