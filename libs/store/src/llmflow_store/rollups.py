"""Rollups: what happened a minute, an hour and a day, kept by every write, so that charts read few rows.

`rollups_*` are keyed by everything a span has few values of; `rollups_value_*` by one dimension of many values each:
`user`, and `attr.KEY` for the attributes chosen for it. A dimension that a span lacks is ''.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import asyncpg

from llmflow_core.spans import Span
from llmflow_store.values import label

#: The dimensions of `rollups_*` beside project and time, and the expressions over a span's row that give them.
DIMENSIONS = {
    "service": "service",
    "provider": "coalesce(provider, '')",
    "model": "coalesce(model, '')",
    "observation_type": "observation_type",
    "environment": "coalesce(environment, '')",
    "status": "status",
}
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
COSTS = ("cost", "input_cost", "output_cost")
COUNTS = {"span_count": "true", "priced_count": "cost IS NOT NULL", "unpriced_count": "unpriced"}
SKETCHES = ("duration_ns", "time_to_first_token_ns")
USER_DIMENSION = "user"

_SUMMED = (*TOKENS, *COSTS, *COUNTS)

_PREPARE_VALUES = """
CREATE TEMP TABLE IF NOT EXISTS fresh_values (
    project text, trace_id bytea, span_id bytea, start_time_ns bigint, dimension text, value text
) ON COMMIT DELETE ROWS
"""


def _upsert(table: str, source: str, keys: Mapping[str, str]) -> str:
    return f"""
INSERT INTO {table} AS r ({", ".join((*keys, *_SUMMED, *SKETCHES))})
SELECT
    {", ".join(keys.values())},
    {", ".join(f"coalesce(sum({name}), 0)::bigint" for name in TOKENS)},
    {", ".join(f"coalesce(sum({name}), 0)" for name in COSTS)},
    {", ".join(f"count(*) FILTER (WHERE {condition})" for condition in COUNTS.values())},
    {", ".join(f"sketch_of(array_agg({name}) FILTER (WHERE {name} IS NOT NULL))" for name in SKETCHES)}
FROM {source}
GROUP BY {", ".join(str(n + 1) for n in range(len(keys)))}
ORDER BY {", ".join(str(n + 1) for n in range(len(keys)))}
ON CONFLICT ({", ".join(keys)}) DO UPDATE SET
    {", ".join(f"{name} = r.{name} + excluded.{name}" for name in _SUMMED)},
    {", ".join(f"{name} = sketch_merge(r.{name}, excluded.{name})" for name in SKETCHES)}
"""  # noqa: S608 - the names are constants


def _bucket(unit: str) -> dict[str, str]:
    return {"bucket": f"date_trunc('{unit}', start_time, 'UTC')"}


_UPSERTS = [
    _upsert(f"rollups_{unit}", "fresh_spans", {"project": "project", **_bucket(unit), **DIMENSIONS})
    for unit in ("minute", "hour", "day")
]
_VALUE_UPSERTS = [
    _upsert(
        f"rollups_value_{unit}",
        "fresh_values JOIN fresh_spans USING (project, trace_id, span_id, start_time_ns)",
        {
            "project": "project",
            "dimension": "dimension",
            **_bucket(unit),
            "value": "value",
            "observation_type": "observation_type",
            "status": "status",
        },
    )
    for unit in ("hour", "day")
]


async def add_to_rollups(
    connection: asyncpg.Connection[Any], spans: Sequence[Span], attributes: Collection[str]
) -> None:
    """Add `spans`, which are the rows of the temporary table `fresh_spans`, within the open transaction."""
    for statement in _UPSERTS:
        await connection.execute(statement)
    values = list(_values(spans, attributes))
    if values:
        await connection.execute(_PREPARE_VALUES)
        await connection.copy_records_to_table("fresh_values", records=values, schema_name="pg_temp")
        for statement in _VALUE_UPSERTS:
            await connection.execute(statement)


def _values(spans: Sequence[Span], attributes: Collection[str]) -> Iterator[tuple[Any, ...]]:
    for span in spans:
        if span.user_id is not None:
            yield (*span.key, USER_DIMENSION, label(span.user_id))
        for key in attributes:
            value = span.attributes.get(key)
            if isinstance(value, (str, int, float)):
                yield (*span.key, f"attr.{key}", label(str(value).lower() if isinstance(value, bool) else str(value)))
