"""Counts again what the writer keeps counted: trace summaries and rollups, from the raw spans, in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import asyncpg

from llmflow_core.spans import Span
from llmflow_store.connections import set_codecs
from llmflow_store.prometheus_sql import call_key
from llmflow_store.rows import KEY_COLUMNS, SPAN_COLUMNS, span_from
from llmflow_store.sketch import bucket_of

_UNITS_US = {"minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000, "week": 604_800_000_000}
_ROLLUP_KEY = ("project", "bucket", "service", "provider", "model", "observation_type", "environment", "status")
_VALUE_KEY = ("project", "dimension", "bucket", "value", "observation_type", "status")
_NOT_TOTALED = ("duration_ns", "time_to_first_token_ns", "priced_count")
_TOTAL_KEY = ("project", "dimension", "bucket", "value")
_CALL_KEY = ("project", "model", "endpoint", "status")
_ROLLUP_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_ROLLUP_COSTS = ("cost", "input_cost", "output_cost")
_ROLLUP_SKETCHES = ("duration_ns", "time_to_first_token_ns")

_DUPLICATE_IDS = (
    "SELECT count(*) - count(DISTINCT (project, trace_id, span_id, start_time, start_time_nanos)) FROM spans"
)
_ORPHANED_CONTENT = (
    f"SELECT count(*) FROM span_content LEFT JOIN spans USING ({', '.join(KEY_COLUMNS)}) WHERE name IS NULL"
)

_Rows = dict[tuple[Any, ...], dict[str, Any]]


async def assert_rollups_match(database_url: str, *, totals: bool = True, weeks: bool = True) -> int:
    """Assert that no span is stored twice, that all content has its span, and that every trace summary, rollup
    and total equals a recount from the spans, sketches included. Return how many spans there are.

    Without `totals` these are not compared: they also count what retention has removed since, and nothing from before
    there were any. Without `weeks` the sums a week are not: they go only when the whole week is past.
    """
    connection = await asyncpg.connect(database_url)
    try:
        await set_codecs(connection)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            assert await connection.fetchval(_DUPLICATE_IDS) == 0, "spans are stored twice"
            assert await connection.fetchval(_ORPHANED_CONTENT) == 0, "there is content without its span"
            query = f"SELECT {', '.join(SPAN_COLUMNS)} FROM spans"
            spans = [span_from(row) async for row in connection.cursor(query)]
            traces = await connection.fetch("SELECT * FROM traces")
            rollups = {
                unit: await connection.fetch(f"SELECT * FROM rollups_{unit}") for unit in ("minute", "hour", "day")
            }
            values = {unit: await connection.fetch(f"SELECT * FROM rollups_value_{unit}") for unit in ("hour", "day")}
            sums = {unit: await connection.fetch(f"SELECT * FROM rollups_total_{unit}") for unit in ("day", "week")}
            calls = await connection.fetch("SELECT * FROM usage_totals")
            projects = await connection.fetch("SELECT name FROM projects")
    finally:
        await connection.close()
    assert_equal_rows(_keyed(traces, ("project", "trace_id")), recounted_traces(spans))
    for unit, rows in rollups.items():
        assert_equal_rows(_keyed(rows, _ROLLUP_KEY), recounted_rollups(spans, unit))
    for unit, rows in values.items():
        known = [row for row in rows if row["dimension"] in ("user", "model", "model, whole", "all")]
        assert_equal_rows(_keyed(known, _VALUE_KEY), recounted_values(spans, unit))
    for unit, rows in sums.items():
        if unit == "week" and not weeks:
            continue
        of_users = [row for row in rows if row["dimension"] == "user"]
        assert_equal_rows(_keyed(of_users, _TOTAL_KEY), recounted_users(spans, unit))
    if totals:
        assert_equal_rows(_keyed(calls, _CALL_KEY), recounted_calls(spans))
    assert {span.project for span in spans} <= {row["name"] for row in projects}
    return len(spans)


def recounted_traces(spans: Iterable[Span]) -> _Rows:
    """The rows that the table `traces` must have, by project and trace id."""
    grouped: defaultdict[tuple[Any, ...], list[Span]] = defaultdict(list)
    for span in spans:
        grouped[span.project, span.trace_id].append(span)
    return {key: _summary(group) for key, group in grouped.items()}


def recounted_rollups(spans: Iterable[Span], unit: str) -> _Rows:
    """The rows that the table `rollups_<unit>` must have, by its key."""
    grouped: defaultdict[tuple[Any, ...], list[Span]] = defaultdict(list)
    for span in spans:
        dimensions = (span.service, span.provider, _model(span), span.observation_type, span.environment, span.status)
        key = (span.project, _bucket(span, unit), *(str(dimension or "") for dimension in dimensions))
        grouped[key].append(span)
    return {key: _rollup(group) for key, group in grouped.items()}


def recounted_values(spans: Iterable[Span], unit: str) -> _Rows:
    """The rows of users, models and `all` that the table `rollups_value_<unit>` must have, by its key."""
    grouped: defaultdict[tuple[Any, ...], list[Span]] = defaultdict(list)
    for span in spans:
        bucket, kind = _bucket(span, unit), (str(span.observation_type), str(span.status))
        grouped[span.project, "all", bucket, "", "", ""].append(span)
        grouped[span.project, "model, whole", bucket, _model(span) or "", "", ""].append(span)
        grouped[span.project, "model", bucket, _model(span) or "", *kind].append(span)
        if span.user_id is not None:
            grouped[span.project, "user", bucket, span.user_id, *kind].append(span)
    return {key: _rollup(group) for key, group in grouped.items()}


def recounted_users(spans: Iterable[Span], unit: str) -> _Rows:
    """The rows of the dimension `user` that the table `rollups_total_<unit>` must have, by its key."""
    grouped: defaultdict[tuple[Any, ...], list[Span]] = defaultdict(list)
    for span in spans:
        if span.user_id is not None:
            grouped[span.project, "user", _bucket(span, unit), span.user_id].append(span)
    return {
        key: {
            "request_count": sum(span.observation_type in ("generation", "embedding") for span in group),
            "error_count": sum(span.status == "error" for span in group),
            **{
                name: value for name, value in _rollup(group).items() if name not in (*_ROLLUP_SKETCHES, "priced_count")
            },
        }
        for key, group in grouped.items()
    }


def recounted_calls(spans: Iterable[Span]) -> _Rows:
    """The rows that the table `usage_totals` must have, by its key, of spans that tell nothing of gateways' caches."""
    grouped: defaultdict[tuple[Any, ...], list[Span]] = defaultdict(list)
    for span in spans:
        if span.observation_type in ("generation", "embedding"):
            grouped[call_key(span)].append(span)
    return {
        key: {
            "requests": len(group),
            "cache_hits": 0,
            "cache_misses": 0,
            **{name: sum(getattr(span, name) or 0 for span in group) for name in _ROLLUP_TOKENS[:2]},
            **{f"{name}_sum": sum(getattr(span, name) or 0 for span in group) for name in _ROLLUP_SKETCHES},
            **{name: _sketch(getattr(span, name) for span in group) for name in _ROLLUP_SKETCHES},
        }
        for key, group in grouped.items()
    }


def _bucket(span: Span, unit: str) -> int:
    microseconds = span.start_time_ns // 1000
    return microseconds - microseconds % _UNITS_US[unit]


def assert_equal_rows(stored: _Rows, counted: _Rows) -> None:
    """Fail with the first few rows and columns that differ."""
    differences = [
        f"{key}: {name} is {stored.get(key, {}).get(name)!r}, counted {counted.get(key, {}).get(name)!r}"
        for key in stored.keys() | counted.keys()
        for name in stored.get(key, {}).keys() | counted.get(key, {}).keys()
        if stored.get(key, {}).get(name) != counted.get(key, {}).get(name)
    ]
    assert not differences, "\n".join(sorted(differences)[:20])


def _summary(spans: list[Span]) -> dict[str, Any]:
    by_start = sorted(spans, key=lambda span: (span.start_time_ns, span.span_id))
    roots = [span for span in by_start if span.parent_span_id is None]
    generations = [span for span in by_start if span.observation_type == "generation"]
    lead = (roots or by_start)[0]
    costs = [span.cost for span in spans if span.cost is not None]
    return {
        "name": lead.name,
        "service": lead.service,
        "has_root": bool(roots),
        "lead_start_time_ns": lead.start_time_ns,
        "lead_span_id": lead.span_id,
        "generation_start_time_ns": generations[0].start_time_ns if generations else None,
        "generation_span_id": generations[0].span_id if generations else None,
        "start_time_ns": by_start[0].start_time_ns,
        "end_time_ns": max(span.end_time_ns for span in spans),
        "span_count": len(spans),
        "error_count": sum(span.status == "error" for span in spans),
        "generation_count": len(generations),
        "input_tokens": sum(span.input_tokens or 0 for span in spans),
        "output_tokens": sum(span.output_tokens or 0 for span in spans),
        "cost": sum(costs, Decimal()) if costs else None,
        "unpriced_count": sum(_unpriced(span) for span in spans),
        "models": sorted({model for span in spans if (model := _model(span)) is not None}),
        "services": sorted({span.service for span in spans if span.service}),
        "user_id": min((span.user_id for span in spans if span.user_id is not None), default=None),
        "session_id": min((span.session_id for span in spans if span.session_id is not None), default=None),
        "tags": sorted({tag for span in spans for tag in span.tags}),
        "environment": min((span.environment for span in spans if span.environment is not None), default=None),
    }


def _rollup(spans: list[Span]) -> dict[str, Any]:
    return {
        "span_count": len(spans),
        "priced_count": sum(span.cost is not None for span in spans),
        "unpriced_count": sum(_unpriced(span) for span in spans),
        **{name: sum(getattr(span, name) or 0 for span in spans) for name in _ROLLUP_TOKENS},
        **{name: sum((getattr(span, name) or Decimal() for span in spans), Decimal()) for name in _ROLLUP_COSTS},
        **{name: _sketch(getattr(span, name) for span in spans) for name in _ROLLUP_SKETCHES},
    }


def _sketch(values: Iterable[int | None]) -> tuple[list[int], list[int]]:
    counts = Counter(bucket_of(value) for value in values if value is not None)
    return sorted(counts), [counts[bucket] for bucket in sorted(counts)]


def _model(span: Span) -> str | None:
    return span.response_model if span.model is None else span.model


def _unpriced(span: Span) -> bool:
    has_tokens = span.input_tokens is not None or span.output_tokens is not None
    return has_tokens and span.cost is None and span.observation_type in ("generation", "embedding")


def _keyed(rows: Iterable[asyncpg.Record], key: tuple[str, ...]) -> _Rows:
    return {tuple(row[name] for name in key): _without(key, row) for row in rows}


def _without(key: tuple[str, ...], row: asyncpg.Record) -> dict[str, Any]:
    values = {name: value for name, value in row.items() if name not in key}
    sketches = {name: (list(value[0]), list(value[1])) for name, value in values.items() if name in _ROLLUP_SKETCHES}
    return {**values, **sketches}
