"""Where analytics reads from: the cheapest table that can answer, rollups where they have what the question is about,
else the spans themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from llmflow_core.filters import And, Filter
from llmflow_store.analytics import DISTRIBUTIONS, AnalyticsQuery, Metric
from llmflow_store.filter_sql import FIELD_COLUMNS, Arguments, rollup_condition, span_condition
from llmflow_store.rollup_rows import (
    all_rows,
    model_rows,
    rollup_rows,
    rows_of_users,
    sketches_of_users,
    sums_of_users,
    user_rows,
)
from llmflow_store.rollups import USER_DIMENSION
from llmflow_store.time_ranges import Range, covering, unix_us, widened
from llmflow_store.values import label

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
#: What `rollups_value_* AS r` have of users.
VALUE_COLUMNS = {"user": "r.value", **_VALUE_DIMENSIONS}
#: What a row of `rollups_total_*` has of a metric.
AMOUNTS = {
    Metric.SPANS: "span_count",
    Metric.REQUESTS: "request_count",
    Metric.ERRORS: "error_count",
    Metric.ERROR_RATE: "error_count",
    Metric.TOKENS: "input_tokens + output_tokens",
    Metric.UNPRICED: "unpriced_count",
    **{
        metric: str(metric)
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
_SUMS_OF_TOTALS = {metric: f"sum({amount})" for metric, amount in AMOUNTS.items()}
#: Sums over rows that have the rollups' columns.
_SUMS = {
    **_SUMS_OF_TOTALS,
    Metric.REQUESTS: "sum(span_count) FILTER (WHERE observation_type IN ('generation', 'embedding'))",
    Metric.ERRORS: "sum(span_count) FILTER (WHERE status = 'error')",
    Metric.ERROR_RATE: "sum(span_count) FILTER (WHERE status = 'error')",
}
#: What takes more than sums over whole models.
_SPLIT = frozenset({Metric.REQUESTS, Metric.ERRORS, Metric.ERROR_RATE})
#: What the ends of a range can have: a day, begun and ended within an hour.
_FEW_HOURS_US = 90_000_000_000


class Source(NamedTuple):
    """Rows with the rollups' columns, as a FROM item named r, and the groups' expressions over it; `sums` are those of
    the metrics. Of a group and a time there are `few` rows, or many."""

    rows: str
    groups: Sequence[str]
    arguments: Arguments
    from_us: int
    to_us: int
    rollups: bool
    sums: Mapping[Metric, str]
    few: bool = False


def source_of(query: AnalyticsQuery) -> Source:
    """What answers the question."""
    parsed = query.filter or And(())
    for ready in (_of_all, _of_models, _of_rollups, _of_users, _of_values):
        source = ready(query, parsed)
        if source is not None:
            return source
    return _of_spans(query, parsed)


def source_of_sums(query: AnalyticsQuery, users: Sequence[str] | None = None) -> Source | None:
    """What answers the question from sums by user, of some users only or all; None where these do not tell."""
    return _of_users(query, query.filter or And(()), users)


def source_of_users(query: AnalyticsQuery, users: Sequence[str]) -> Source | None:
    """What answers the question about some users only; None where it takes the spans."""
    return _of_values(query, query.filter or And(()), users)


def ranges_of_users(query: AnalyticsQuery) -> list[Range]:
    """The range of a question that rollups by user answer, as few hours, days and weeks."""
    return _ranges(query, "hour", coarsest="week")[2]


def source_of_sketches(
    query: AnalyticsQuery, ranges: Sequence[Range], users: Sequence[str], days: Mapping[tuple[str, int], int]
) -> Source | None:
    """The distributions by user of the hours among the ranges and of some days; see `rollup_rows.sketches_of_users`."""
    arguments = Arguments(label(query.project))
    from_us, to_us = widened(query.from_time, query.to_time, "hour")
    hours = [part for part in ranges if part.unit == "hour"]
    rows = sketches_of_users(hours, users, days, arguments)
    if rows is None:
        return None
    few = len(days) <= len(users) and sum(part.high - part.low for part in hours) <= _FEW_HOURS_US
    return Source(rows, ["r.value"], arguments, from_us, to_us, True, _SUMS, few=few)


def _of_all(query: AnalyticsQuery, parsed: Filter) -> Source | None:
    if query.group_by or query.metric not in DISTRIBUTIONS or parsed != And(()):
        return None
    arguments = Arguments(label(query.project))
    from_us, to_us, ranges = _ranges(query, "minute")
    return Source(all_rows(ranges, arguments), [], arguments, from_us, to_us, True, _SUMS, few=True)


def _of_models(query: AnalyticsQuery, parsed: Filter) -> Source | None:
    if not set(query.group_by) <= {"model"}:
        return None
    arguments = Arguments(label(query.project))
    from_us, to_us, ranges = _ranges(query, "minute")
    rows = model_rows(ranges, parsed, arguments, split=query.metric in _SPLIT)
    groups = ["nullif(r.value, '')" for _ in query.group_by]
    return None if rows is None else Source(rows, groups, arguments, from_us, to_us, True, _SUMS, few=True)


def _of_rollups(query: AnalyticsQuery, parsed: Filter) -> Source | None:
    arguments = Arguments(label(query.project))
    condition = rollup_condition(parsed, arguments, ROLLUP_COLUMNS)
    if condition is None or not set(query.group_by) <= set(ROLLUP_COLUMNS):
        return None
    from_us, to_us, ranges = _ranges(query, "minute")
    rows = rollup_rows("rollups", ranges, condition, arguments)
    return Source(rows, [ROLLUP_COLUMNS[name] for name in query.group_by], arguments, from_us, to_us, True, _SUMS)


def _of_users(query: AnalyticsQuery, parsed: Filter, users: Sequence[str] | None = None) -> Source | None:
    arguments = Arguments(label(query.project))
    condition = rollup_condition(parsed, arguments, {"user": "r.value"})
    if condition is None or query.group_by != ("user",) or query.metric in DISTRIBUTIONS or _cuts_hours(query):
        return None
    from_us, to_us, ranges = _ranges(query, "hour", coarsest="week")
    if users is None:
        rows = user_rows(ranges, condition, arguments)
    else:
        rows = sums_of_users(ranges, condition, users, arguments)
    return Source(rows, ["r.value"], arguments, from_us, to_us, True, _SUMS_OF_TOTALS)


def _of_values(query: AnalyticsQuery, parsed: Filter, users: Sequence[str] | None = None) -> Source | None:
    arguments = Arguments(label(query.project))
    condition = rollup_condition(parsed, arguments, _VALUE_DIMENSIONS)
    if condition is None or query.group_by != ("user",) or _cuts_hours(query):
        return None
    from_us, to_us, ranges = _ranges(query, "hour")
    if users is None:
        rows = rollup_rows("rollups_value", ranges, f"r.dimension = '{USER_DIMENSION}' AND {condition}", arguments)
    else:
        rows = rows_of_users(ranges, condition, users, arguments)
    return Source(rows, ["r.value"], arguments, from_us, to_us, True, _SUMS)


def _cuts_hours(query: AnalyticsQuery) -> bool:
    return query.interval is not None and query.interval.total_seconds() % 3600 != 0


def _ranges(query: AnalyticsQuery, finest: str, coarsest: str = "day") -> tuple[int, int, list[Range]]:
    """The range that is counted, and what it consists of."""
    from_us, to_us = widened(query.from_time, query.to_time, finest)
    interval_us = round(query.interval.total_seconds() * 1e6) if query.interval else None
    ranges = covering(from_us, to_us, finest=finest, coarsest=coarsest, interval_us=interval_us, subtracting=True)
    return from_us, to_us, ranges


def _of_spans(query: AnalyticsQuery, parsed: Filter) -> Source:
    arguments = Arguments(label(query.project))
    from_us, to_us = unix_us(query.from_time), unix_us(query.to_time)
    if query.group_by:
        # The total may come from rollups, and is to be of the same range as the groups.
        from_us, to_us = widened(query.from_time, query.to_time, "minute")
    rows = rows_of_spans(from_us, to_us, parsed, query.group_by, arguments)
    groups = [f"r.g{number}" for number in range(len(query.group_by))]
    return Source(rows, groups, arguments, from_us, to_us, False, _SUMS)


def rows_of_spans(from_us: int, to_us: int, parsed: Filter, group_by: Sequence[str], arguments: Arguments) -> str:
    """The spans that fulfil the filter as a FROM item named r, with the rollups' columns and the dimensions' values as
    g0, g1, ...; $1 is the project."""
    low, high = arguments.add(from_us, "timestamptz"), arguments.add(to_us, "timestamptz")
    condition = span_condition(parsed, arguments)
    names = [dimension(name, arguments) for name in group_by]
    dimensions = "".join(f", {expression} AS g{number}" for number, expression in enumerate(names))
    return f"""(
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


def dimension(name: str, arguments: Arguments) -> str:
    """A dimension of spans, by name, as an expression over `spans AS s`."""
    field, _, key = name.partition(".")
    if field in ("attr", "resource") and key:
        column = "s.attributes" if field == "attr" else "s.resource_attributes"
        return f"{column} ->> {arguments.add(key, 'text')}"
    if name == "tag":
        return "unnest(s.tags)"
    return f"nullif({FIELD_COLUMNS[name]}, '')"
