"""The values that the filter bar offers, each with the number of spans that have it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg

from llmflow_core.filters import And, Filter
from llmflow_store.analytics import Facets, FacetValue
from llmflow_store.analytics_sources import ROLLUP_COLUMNS
from llmflow_store.filter_sql import FIELD_COLUMNS, Arguments, rollup_condition, span_condition
from llmflow_store.rollup_rows import rollup_rows
from llmflow_store.time_ranges import covering, unix_us, widened
from llmflow_store.values import label

_NAMES = tuple(ROLLUP_COLUMNS)
_VALUES = 50
#: Where no rollup can tell, this many of the newest matching spans are counted.
_SAMPLE = 50_000


async def facets(
    connection: asyncpg.Connection[Any], project: str, from_time: datetime, to_time: datetime, parsed: Filter | None
) -> Facets:
    """See `Store.facets`."""
    parsed = parsed or And(())
    arguments = Arguments(label(project))
    condition = rollup_condition(parsed, arguments, ROLLUP_COLUMNS)
    if condition is not None:
        ranges = covering(*widened(from_time, to_time, "minute"), finest="minute", subtracting=True)
        counted = _selected(ROLLUP_COLUMNS, "r.span_count", rollup_rows("rollups", ranges, condition, arguments))
    else:
        # What the try above has added is of an unknown type where no statement uses it.
        arguments = Arguments(label(project))
        low, high = (arguments.add(unix_us(time), "timestamptz") for time in (from_time, to_time))
        where = f"s.project = $1 AND s.start_time >= {low} AND s.start_time < {high}"
        newest = f"spans AS s WHERE {where} AND {span_condition(parsed, arguments)}"
        counted = f"{_selected(FIELD_COLUMNS, '1', newest)} ORDER BY s.start_time DESC LIMIT {_SAMPLE}"
    rows = await connection.fetch(
        f"SELECT {_LIST}, sum(span_count)::bigint FROM ("  # noqa: S608
        # Grouped by all dimensions first, which leaves few rows to group by each.
        f"SELECT {_LIST}, sum(span_count) AS span_count FROM ({counted}) AS c GROUP BY {_LIST}"
        f") AS c GROUP BY GROUPING SETS ({_SETS})",
        *arguments.values,
    )
    values: dict[str, list[FacetValue]] = {name: [] for name in _NAMES}
    for *found, spans in rows:
        # Of one grouping only its own column is set; a value that is missing has none.
        for name, value in zip(_NAMES, found, strict=True):
            if value and spans:
                values[name].append(FacetValue(value, spans))
    sampled = condition is None and sum(value.span_count for value in values["status"]) == _SAMPLE
    return Facets({name: sorted(found, key=_most)[:_VALUES] for name, found in values.items()}, sampled)


_LIST = ", ".join(f"c.{name}" for name in _NAMES)
_SETS = ", ".join(f"(c.{name})" for name in _NAMES)


def _selected(columns: Mapping[str, str], count: str, rows: str) -> str:
    named = ", ".join(f"{columns[name]} AS {name}" for name in _NAMES)
    return f"SELECT {named}, {count} AS span_count FROM {rows}"  # noqa: S608


def _most(value: FacetValue) -> tuple[int, str]:
    return -value.span_count, value.value
