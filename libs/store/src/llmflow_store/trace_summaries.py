"""Trace summaries: one row a trace, kept by every write, so that a list of traces reads no spans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

import asyncpg

from llmflow_store.fresh import Fresh
from llmflow_store.statements import stage

_COLUMNS = (
    "project",
    "trace_id",
    "start_time_ns",
    "end_time_ns",
    "name",
    "service",
    "has_root",
    "lead_start_time_ns",
    "lead_span_id",
    "generation_start_time_ns",
    "generation_span_id",
    "span_count",
    "error_count",
    "generation_count",
    "input_tokens",
    "output_tokens",
    "cost",
    "unpriced_count",
    "models",
    "services",
    "user_id",
    "session_id",
    "tags",
    "environment",
)
_LIST = ", ".join(_COLUMNS)

_LEADS = """(NOT excluded.has_root, excluded.lead_start_time_ns, excluded.lead_span_id)
        < (NOT t.has_root, t.lead_start_time_ns, t.lead_span_id)"""
_GENERATES_FIRST = """t.generation_span_id IS NULL OR (excluded.generation_start_time_ns, excluded.generation_span_id)
        < (t.generation_start_time_ns, t.generation_span_id)"""

_UPSERT = f"""
WITH written AS (
INSERT INTO traces AS t ({_LIST}) SELECT {_LIST} FROM pg_temp.staged_traces
ON CONFLICT (project, trace_id) DO UPDATE SET
    start_time_ns = least(t.start_time_ns, excluded.start_time_ns),
    end_time_ns = greatest(t.end_time_ns, excluded.end_time_ns),
    name = CASE WHEN {_LEADS} THEN excluded.name ELSE t.name END,
    service = CASE WHEN {_LEADS} THEN excluded.service ELSE t.service END,
    has_root = t.has_root OR excluded.has_root,
    lead_start_time_ns = CASE WHEN {_LEADS} THEN excluded.lead_start_time_ns ELSE t.lead_start_time_ns END,
    lead_span_id = CASE WHEN {_LEADS} THEN excluded.lead_span_id ELSE t.lead_span_id END,
    generation_start_time_ns = CASE WHEN {_GENERATES_FIRST}
        THEN excluded.generation_start_time_ns ELSE t.generation_start_time_ns END,
    generation_span_id = CASE WHEN {_GENERATES_FIRST} THEN excluded.generation_span_id ELSE t.generation_span_id END,
    span_count = t.span_count + excluded.span_count,
    error_count = t.error_count + excluded.error_count,
    generation_count = t.generation_count + excluded.generation_count,
    input_tokens = t.input_tokens + excluded.input_tokens,
    output_tokens = t.output_tokens + excluded.output_tokens,
    cost = coalesce(t.cost + excluded.cost, t.cost, excluded.cost),
    unpriced_count = t.unpriced_count + excluded.unpriced_count,
    models = text_union(t.models, excluded.models),
    services = text_union(t.services, excluded.services),
    user_id = least(t.user_id, excluded.user_id),
    session_id = least(t.session_id, excluded.session_id),
    tags = text_union(t.tags, excluded.tags),
    environment = least(t.environment, excluded.environment)
RETURNING t.project, t.trace_id, t.span_count
)
SELECT project, trace_id, w.span_count - s.span_count FROM written AS w JOIN pg_temp.staged_traces AS s
USING (project, trace_id) WHERE w.span_count > s.span_count
"""  # noqa: S608


async def add_to_traces(
    connection: asyncpg.Connection[Any], rows: Sequence[tuple[Any, ...]]
) -> dict[tuple[str, bytes], int]:
    """Add what `summary_rows` gave to the summaries of traces, within the open transaction, until the end of which
    nobody else can add to them; return how many spans those had that were there before, by project and trace id."""
    await stage(connection, "traces", _COLUMNS, rows)
    return {(project, trace_id): count for project, trace_id, count in await connection.fetch(_UPSERT)}


def summary_rows(spans: Iterable[Fresh]) -> list[tuple[Any, ...]]:
    """What spans, which are in the order of their keys, add to their traces: a row a trace."""
    groups = groupby(spans, key=attrgetter("project", "trace_id"))
    return [(*trace, *_summary(list(group))) for trace, group in groups]


def _summary(spans: list[Fresh]) -> tuple[Any, ...]:
    by_start = sorted((span.start_time_ns, span.span_id, span) for span in spans)
    start_ns, span_id, lead = next((entry for entry in by_start if entry[2].parent_span_id is None), by_start[0])
    generations = [entry for entry in by_start if entry[2].observation_type == "generation"]
    costs = [span.cost for span in spans if span.cost is not None]
    return (
        by_start[0][0],
        max(start + span.duration_ns for start, _, span in by_start),
        lead.name,
        lead.service,
        lead.parent_span_id is None,
        start_ns,
        span_id,
        generations[0][0] if generations else None,
        generations[0][1] if generations else None,
        len(spans),
        sum([span.status == "error" for span in spans]),
        len(generations),
        sum([span.input_tokens or 0 for span in spans]),
        sum([span.output_tokens or 0 for span in spans]),
        sum(costs, Decimal()) if costs else None,
        sum([span.unpriced for span in spans]),
        sorted({model for span in spans if (model := span.known_model) is not None}),
        sorted({span.service for span in spans if span.service}),
        min((span.user_id for span in spans if span.user_id is not None), default=None),
        min((span.session_id for span in spans if span.session_id is not None), default=None),
        sorted({tag for span in spans for tag in span.tags}),
        min((span.environment for span in spans if span.environment is not None), default=None),
    )
