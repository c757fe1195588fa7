"""The index of attributes as the rows that are copied into it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import asyncpg

from llmflow_core.spans import Span
from llmflow_store.copy_format import byteas, copy_rows, int4_arrays, rows_of, texts, times
from llmflow_store.terms import terms_of

_COLUMNS = ("project", "trace_id", "start_time", "terms")


def encoded_terms(spans: Sequence[Span]) -> list[bytes]:
    """The rows of the index for spans, which are in the order of their keys: one a trace."""
    traces = [list(group) for _, group in groupby(spans, key=attrgetter("project", "trace_id"))]
    return rows_of(
        [
            texts(trace[0].project for trace in traces),
            byteas(trace[0].trace_id for trace in traces),
            times(min([span.start_time_ns for span in trace]) // 1000 for trace in traces),
            int4_arrays(map(terms_of, traces)),
        ]
    )


async def copy_terms(connection: asyncpg.Connection[Any], rows: Sequence[bytes]) -> None:
    """Add what `encoded_terms` gave, within the open transaction."""
    await copy_rows(connection, "trace_terms", _COLUMNS, rows)
