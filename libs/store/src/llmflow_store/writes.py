"""How spans are stored: staged by COPY, inserted where new, then summed up, all in the caller's transaction.

Rows go in sorted by key, and the tables are always taken in the same order, rollups last because most writers share
them: concurrent writers wait for each other, but never in a circle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import Any

import asyncpg

from llmflow_core.spans import Span, SpanKey
from llmflow_store.live_sql import note_changes
from llmflow_store.prometheus_sql import add_to_totals
from llmflow_store.results import WriteResult
from llmflow_store.rollups import add_to_rollups
from llmflow_store.rows import CONTENT_COLUMNS, KEY_COLUMNS, SPAN_COLUMNS, content_row, key_row, span_row
from llmflow_store.score_sql import add_scores_of
from llmflow_store.statements import ADD_PROJECTS, LOCK_PROJECTS
from llmflow_store.terms import terms_of

#: What summaries and rollups are computed from, of the spans that were inserted: column to expression over `spans`.
_FRESH = {
    **{name: name for name in ("project", "trace_id", "span_id", "parent_span_id", "start_time", "duration_ns")},
    "start_time_ns": "(extract(epoch FROM start_time) * 1000000)::bigint * 1000 + start_time_nanos",
    **{name: name for name in ("name", "status", "service", "observation_type", "provider", "environment")},
    "model": "coalesce(model, response_model)",
    **{name: name for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")},
    **{name: name for name in ("reasoning_tokens", "cost", "input_cost", "output_cost", "time_to_first_token_ns")},
    **{name: name for name in ("user_id", "session_id", "tags")},
    "unpriced": "cost IS NULL AND observation_type IN ('generation', 'embedding')"
    " AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)",
}
_SPAN_LIST = ", ".join(SPAN_COLUMNS)

_PREPARE = f"""
CREATE TEMP TABLE IF NOT EXISTS staged_spans (LIKE spans) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS fresh_spans ON COMMIT DELETE ROWS AS
    SELECT {", ".join(f"{expression} AS {name}" for name, expression in _FRESH.items())} FROM spans WITH NO DATA;
"""  # noqa: S608 - the names are constants

LOCK_PROJECT = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"

# A temporary table is scanned in the order in which it was filled, so no second sort is needed.
_INSERT_SPANS = f"""
WITH inserted AS (
    INSERT INTO spans ({_SPAN_LIST}) SELECT {_SPAN_LIST} FROM staged_spans ON CONFLICT DO NOTHING
    RETURNING {", ".join(f"{expression} AS {name}" for name, expression in _FRESH.items())}
)
INSERT INTO fresh_spans ({", ".join(_FRESH)}) SELECT * FROM inserted
"""  # noqa: S608

_FRESH_KEYS = "SELECT project, trace_id, span_id, start_time_ns FROM fresh_spans"

_LEAD_ORDER = "parent_span_id IS NOT NULL, start_time_ns, span_id"
_LEADS = """(NOT excluded.has_root, excluded.lead_start_time_ns, excluded.lead_span_id)
        < (NOT t.has_root, t.lead_start_time_ns, t.lead_span_id)"""
_GENERATES_FIRST = """t.generation_span_id IS NULL OR (excluded.generation_start_time_ns, excluded.generation_span_id)
        < (t.generation_start_time_ns, t.generation_span_id)"""

_UPSERT_TRACES = f"""
INSERT INTO traces AS t (
    project, trace_id, start_time_ns, end_time_ns, name, service, has_root, lead_start_time_ns, lead_span_id,
    generation_start_time_ns, generation_span_id, span_count, error_count, generation_count,
    input_tokens, output_tokens, cost, unpriced_count, models, services, user_id, session_id, tags, environment
)
SELECT
    project,
    trace_id,
    min(start_time_ns),
    max(start_time_ns + duration_ns),
    (array_agg(name ORDER BY {_LEAD_ORDER}))[1],
    (array_agg(service ORDER BY {_LEAD_ORDER}))[1],
    bool_or(parent_span_id IS NULL),
    (array_agg(start_time_ns ORDER BY {_LEAD_ORDER}))[1],
    (array_agg(span_id ORDER BY {_LEAD_ORDER}))[1],
    (array_agg(start_time_ns ORDER BY start_time_ns, span_id) FILTER (WHERE observation_type = 'generation'))[1],
    (array_agg(span_id ORDER BY start_time_ns, span_id) FILTER (WHERE observation_type = 'generation'))[1],
    count(*),
    count(*) FILTER (WHERE status = 'error'),
    count(*) FILTER (WHERE observation_type = 'generation'),
    coalesce(sum(input_tokens), 0)::bigint,
    coalesce(sum(output_tokens), 0)::bigint,
    sum(cost),
    count(*) FILTER (WHERE unpriced),
    coalesce(array_agg(DISTINCT model ORDER BY model) FILTER (WHERE model IS NOT NULL), '{{}}'),
    coalesce(array_agg(DISTINCT service ORDER BY service) FILTER (WHERE service <> ''), '{{}}'),
    min(user_id),
    min(session_id),
    text_union(tags),
    min(environment)
FROM fresh_spans
GROUP BY project, trace_id
ORDER BY project, trace_id
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
"""  # noqa: S608

_TERM_COLUMNS = ("project", "trace_id", "start_time", "terms")


async def write_spans(
    connection: asyncpg.Connection[Any], spans: Sequence[Span], rollup_attributes: Collection[str] = ()
) -> WriteResult:
    """Store what is new among `spans` and add it to summaries and rollups, within the open transaction.

    `rollup_attributes` are summed up by value as users are.

    Of spans with equal keys the first counts. Raises Permanent for one that no row can hold, and asyncpg's errors.
    """
    by_key: dict[SpanKey, Span] = {}
    for span in spans:
        by_key.setdefault(span.key, span)
    ordered = [by_key[key] for key in sorted(by_key)]
    rows = [span_row(span) for span in ordered]
    projects = sorted({span.project for span in ordered})

    await connection.execute(_PREPARE)
    await connection.execute(LOCK_PROJECTS, projects)
    await connection.copy_records_to_table("staged_spans", records=rows, columns=SPAN_COLUMNS, schema_name="pg_temp")
    inserted = int((await connection.execute(_INSERT_SPANS)).rpartition(" ")[2])
    if inserted:
        if inserted < len(ordered):
            ordered = [by_key[SpanKey(*row)] for row in await connection.fetch(_FRESH_KEYS)]
        content = [row for row in map(content_row, ordered) if row]
        if content:
            await connection.copy_records_to_table("span_content", records=content, columns=CONTENT_COLUMNS)
            said = [key_row(span) for span in ordered if span.content]
            await connection.copy_records_to_table("search_queue", records=said, columns=KEY_COLUMNS)
        await connection.copy_records_to_table("trace_terms", records=_term_rows(ordered), columns=_TERM_COLUMNS)
        await connection.execute(_UPSERT_TRACES)
        await connection.execute(ADD_PROJECTS, projects)
        await add_scores_of(connection, ordered)
        await note_changes(connection, ordered)
        await add_to_rollups(connection, ordered, rollup_attributes)
        await add_to_totals(connection, ordered)
    return WriteResult(inserted=inserted, duplicates=len(spans) - inserted)


def _term_rows(ordered: Sequence[Span]) -> Iterator[tuple[Any, ...]]:
    for (project, trace_id), group in groupby(ordered, key=lambda span: (span.project, span.trace_id)):
        spans = list(group)
        first = min(span.start_time_ns for span in spans)
        yield project, trace_id, first // 1000, terms_of(spans)
