"""The rollups' rows as FROM items of the name r, over ranges of time that lie in tables of different units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from llmflow_core.filters import Filter
from llmflow_store.filter_sql import Arguments, rollup_condition
from llmflow_store.rollups import (
    ALL_DIMENSION,
    COSTS,
    MODEL_DIMENSION,
    SKETCHES,
    TOKENS,
    USER_DIMENSION,
    WHOLE_MODEL_DIMENSION,
)
from llmflow_store.time_ranges import UNITS_US, Range

_SUMS = ("span_count", *TOKENS, *COSTS, "unpriced_count")
_KEYS = {
    "rollups": ("bucket", "service", "provider", "model", "observation_type", "environment", "status"),
    "rollups_value": ("bucket", "value", "observation_type", "status"),
}
_SPLIT = {name: f"r.{name}" for name in ("observation_type", "status")}
_SUMMED = {name: f"r.{name}" for name in _SUMS}
_TOTALS = {**_SUMMED, "request_count": "r.request_count", "error_count": "r.error_count"}
_USER = {"bucket": "r.bucket", "value": "r.value"}
_TOTALS_OF_SPLIT = {
    **_SUMMED,
    "request_count": "CASE WHEN r.observation_type IN ('generation', 'embedding') THEN r.span_count ELSE 0 END",
    "error_count": "CASE WHEN r.status = 'error' THEN r.span_count ELSE 0 END",
}


def rollup_rows(table: str, ranges: Sequence[Range], condition: str, arguments: Arguments) -> str:
    """The rows of `<table>_<unit>` in each of the ranges that fulfil `condition`; $1 is the project. Their counts, and
    those of their distributions times `sign`, add up to what is in the ranges."""
    keys = {name: f"r.{name}" for name in _KEYS[table]}
    return _united(_part(f"{table}_{part.unit}", part, keys, _SUMMED, condition, arguments) for part in ranges)


def all_rows(ranges: Sequence[Range], arguments: Arguments) -> str:
    """Rows of everything, of which only span counts and distributions are of use. Units are minute, hour and day."""
    summed = {"span_count": "r.span_count"}
    parts = []
    for part in ranges:
        table, condition = _of_dimension(part, ALL_DIMENSION)
        parts.append(_part(table, part, {"bucket": "r.bucket"}, summed, condition, arguments))
    return _united(parts)


def model_rows(ranges: Sequence[Range], parsed: Filter, arguments: Arguments, *, split: bool) -> str | None:
    """The rows that fulfil the filter, by model (`value`, '' for none); None for a filter about more than model, type
    and status. Only with `split` they tell of these two. Units are minute, hour and day."""
    parts = []
    if not split and rollup_condition(parsed, Arguments(), {"model": "r.value"}) is None:
        split = True
    for part in ranges:
        model = "r.model" if part.unit == "minute" else "r.value"
        columns = {"model": f"nullif({model}, '')", "type": "r.observation_type", "status": "r.status"}
        condition = rollup_condition(parsed, arguments, columns)
        if condition is None:
            return None
        table, of_dimension = _of_dimension(part, MODEL_DIMENSION if split else WHOLE_MODEL_DIMENSION)
        keys = {"bucket": "r.bucket", "value": model, **_SPLIT}
        parts.append(_part(table, part, keys, _SUMMED, f"{of_dimension} AND {condition}", arguments))
    return _united(parts)


def user_rows(ranges: Sequence[Range], condition: str, arguments: Arguments) -> str:
    """The sums of each user (`value`) that fulfils the condition, with `request_count` and `error_count`. Units are
    hour, day and week."""
    held = f"r.dimension = '{USER_DIMENSION}' AND {condition}"
    parts = []
    for part in ranges:
        table, summed = _totals(part)
        parts.append(_part(table, part, _USER, summed, held, arguments, sketches=False))
    return _united(parts)


def sums_of_users(ranges: Sequence[Range], condition: str, users: Sequence[str], arguments: Arguments) -> str:
    """The same of some users, each row found by its key: of few users that is far less than all."""
    listed = arguments.add(list(users), "text[]")
    parts = []
    for part in ranges:
        table, summed = _totals(part)
        selected = _selected(part, _USER, summed, sketches=False)
        parts.append(_part_of_users(table, part, selected, condition, listed, arguments))
    return _united(parts)


def rows_of_users(ranges: Sequence[Range], condition: str, users: Sequence[str], arguments: Arguments) -> str:
    """The rows of some users that fulfil the condition, by user (`value`), each found by its key, with their
    distributions. Units are hour and day."""
    listed = arguments.add(list(users), "text[]")
    parts = []
    for part in ranges:
        selected = _selected(part, {**_USER, **_SPLIT}, _SUMMED, sketches=True)
        parts.append(_part_of_users(f"rollups_value_{part.unit}", part, selected, condition, listed, arguments))
    return _united(parts)


def sketches_of_users(
    hours: Sequence[Range], users: Sequence[str], days: Mapping[tuple[str, int], int], arguments: Arguments
) -> str | None:
    """The distributions of users, by user (`value`), over ranges of hours and on days of (user, Unix microseconds),
    added or taken away by the days' values, 1 or -1; None where no time is left."""
    listed = arguments.add(list(users), "text[]") if hours else ""
    parts = []
    for part in hours:
        selected = _selected(part, _USER, {}, sketches=True)
        parts.append(_part_of_users("rollups_value_hour", part, selected, "true", listed, arguments))
    for sign in sorted({*days.values()}):
        selected = _selected(Range("day", 0, 0, sign), _USER, {}, sketches=True)
        values, buckets = zip(*(day for day in days if days[day] == sign), strict=True)
        places = f"{arguments.add(values, 'text[]')}, {arguments.add(buckets, 'timestamptz[]')}"
        parts.append(_each(f"unnest({places}) AS u (value, bucket)", "rollups_value_day", selected, "u.bucket", "true"))
    return _united(parts) if parts else None


def _totals(part: Range) -> tuple[str, Mapping[str, str]]:
    """The table that has users' sums, and those."""
    if part.unit == "hour":
        return "rollups_value_hour", _TOTALS_OF_SPLIT
    return f"rollups_total_{part.unit}", _TOTALS


def _part_of_users(table: str, part: Range, selected: str, condition: str, listed: str, arguments: Arguments) -> str:
    # Both as lists: the index is then gone through once, rather than down from its root for each user and time.
    buckets = arguments.add([*range(part.low, part.high, UNITS_US[part.unit])], "timestamptz[]")
    return (
        f"SELECT {selected} FROM {table} AS r WHERE r.project = $1 AND r.dimension = '{USER_DIMENSION}'"  # noqa: S608
        f" AND r.bucket = ANY ({buckets}) AND r.value = ANY ({listed}) AND {condition}"
    )


def _each(items: str, table: str, selected: str, bucket: str, condition: str) -> str:
    """The rows of each of the FROM items: of the user `u.value` in the time that begins at `bucket`."""
    # One at a time (OFFSET), for the planner cannot know how few rows one user has in one hour.
    return (
        f"SELECT f.* FROM {items}, LATERAL (SELECT {selected} FROM {table} AS r WHERE r.project = $1"  # noqa: S608
        f" AND r.dimension = '{USER_DIMENSION}' AND r.bucket = {bucket} AND r.value = u.value AND {condition}"
        " OFFSET 0) AS f"
    )


def _of_dimension(part: Range, dimension: str) -> tuple[str, str]:
    """The table that has the dimension, and the condition for it; minutes are not apart by dimension."""
    if part.unit == "minute":
        return "rollups_minute", "true"
    return f"rollups_value_{part.unit}", f"r.dimension = '{dimension}'"


def _part(
    table: str,
    part: Range,
    keys: Mapping[str, str],
    summed: Mapping[str, str],
    condition: str,
    arguments: Arguments,
    *,
    sketches: bool = True,
) -> str:
    low, high = (arguments.add(time, "timestamptz") for time in (part.low, part.high))
    return (
        f"SELECT {_selected(part, keys, summed, sketches=sketches)} FROM {table} AS r"  # noqa: S608
        f" WHERE r.project = $1 AND r.bucket >= {low} AND r.bucket < {high} AND {condition}"
    )


def _selected(part: Range, keys: Mapping[str, str], summed: Mapping[str, str], *, sketches: bool) -> str:
    columns = {**keys, "sign": str(part.sign)}
    columns |= {name: f"-({sum_})" if part.sign < 0 else sum_ for name, sum_ in summed.items()}
    if sketches:
        columns |= {name: f"r.{name}" for name in SKETCHES}
    return ", ".join(f"{expression} AS {name}" for name, expression in columns.items())


def _united(parts: Iterable[str]) -> str:
    return f"({' UNION ALL '.join(parts)}) AS r"
