"""The rollups' rows as FROM items of the name r, over ranges of time that lie in tables of different units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llmflow_core.filters import Filter
from llmflow_store.filter_sql import Arguments, rollup_condition
from llmflow_store.rollups import ALL_DIMENSION, COSTS, MODEL_DIMENSION, TOKENS, USER_DIMENSION
from llmflow_store.time_ranges import Range

_SPLIT_COLUMNS = (
    *("observation_type", "status", "span_count", *TOKENS, *COSTS, "unpriced_count"),
    *("duration_ns", "time_to_first_token_ns"),
)
_TOTAL_COLUMNS = {
    "value": "r.value",
    "span_count": "r.span_count",
    "request_count": "r.request_count",
    "error_count": "r.error_count",
    **{name: f"r.{name}" for name in (*TOKENS, *COSTS, "unpriced_count")},
}
_TOTALS_OF_SPLIT = {
    **_TOTAL_COLUMNS,
    "request_count": "CASE WHEN r.observation_type IN ('generation', 'embedding') THEN r.span_count ELSE 0 END",
    "error_count": "CASE WHEN r.status = 'error' THEN r.span_count ELSE 0 END",
}


def rollup_rows(table: str, ranges: Sequence[Range], condition: str, arguments: Arguments) -> str:
    """The rows of `<table>_<unit>` in each of the ranges that fulfil `condition`; $1 is the project."""
    return _united(_part(f"{table}_{unit}", "*", (low, high), condition, arguments) for unit, low, high in ranges)


def all_rows(ranges: Sequence[Range], arguments: Arguments) -> str:
    """Rows of everything, of which only span counts and distributions are of use. Units are minute, hour and day."""
    parts = []
    for unit, low, high in ranges:
        selected = "r.bucket, r.span_count, r.duration_ns, r.time_to_first_token_ns"
        table = "rollups_minute" if unit == "minute" else f"rollups_value_{unit}"
        condition = "true" if unit == "minute" else f"r.dimension = '{ALL_DIMENSION}'"
        parts.append(_part(table, selected, (low, high), condition, arguments))
    return _united(parts)


def model_rows(ranges: Sequence[Range], parsed: Filter, arguments: Arguments) -> str | None:
    """The rows that fulfil the filter, by model (`value`, '' for none), type and status; None for a filter about more
    than these. Units are minute, hour and day."""
    parts = []
    for unit, low, high in ranges:
        model = "r.model" if unit == "minute" else "r.value"
        columns = {"model": f"nullif({model}, '')", "type": "r.observation_type", "status": "r.status"}
        condition = rollup_condition(parsed, arguments, columns)
        if condition is None:
            return None
        selected = ", ".join(("r.bucket", f"{model} AS value", *(f"r.{name}" for name in _SPLIT_COLUMNS)))
        if unit != "minute":
            condition = f"r.dimension = '{MODEL_DIMENSION}' AND {condition}"
        table = "rollups_minute" if unit == "minute" else f"rollups_value_{unit}"
        parts.append(_part(table, selected, (low, high), condition, arguments))
    return _united(parts)


def user_rows(ranges: Sequence[Range], parsed: Filter, arguments: Arguments) -> str | None:
    """The sums of each user (`value`), with `request_count` and `error_count`; None for a filter about more than the
    user. Units are hour, day and week."""
    condition = rollup_condition(parsed, arguments, {"user": "r.value"})
    if condition is None:
        return None
    parts = []
    for unit, low, high in ranges:
        columns = _TOTALS_OF_SPLIT if unit == "hour" else _TOTAL_COLUMNS
        selected = ", ".join(("r.bucket", *(f"{expression} AS {name}" for name, expression in columns.items())))
        table = "rollups_value_hour" if unit == "hour" else f"rollups_total_{unit}"
        held = f"r.dimension = '{USER_DIMENSION}' AND {condition}"
        parts.append(_part(table, selected, (low, high), held, arguments))
    return _united(parts)


def _part(table: str, selected: str, times: tuple[int, int], condition: str, arguments: Arguments) -> str:
    low, high = (arguments.add(time, "timestamptz") for time in times)
    return (
        f"SELECT {selected} FROM {table} AS r"  # noqa: S608
        f" WHERE r.project = $1 AND r.bucket >= {low} AND r.bucket < {high} AND {condition}"
    )


def _united(parts: Iterable[str]) -> str:
    return f"({' UNION ALL '.join(parts)}) AS r"
