"""How spans are stored: copied in where new, then summed up, all in the caller's transaction.

Rows go in sorted by key, and the tables are always taken in the same order, rollups last because most writers share
them: concurrent writers wait for each other, but never in a circle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg

from llmflow_core.spans import Span
from llmflow_store.batches import Key, SpanBatch
from llmflow_store.copy_format import copy_rows
from llmflow_store.live_sql import note_changes
from llmflow_store.nested_calls import counted_elsewhere
from llmflow_store.prometheus_sql import add_to_totals
from llmflow_store.results import WriteResult
from llmflow_store.rollups import add_to_rollups
from llmflow_store.rows import CONTENT_COLUMNS, KEY_COLUMNS, SPAN_COLUMNS
from llmflow_store.score_sql import add_scores_of
from llmflow_store.statements import ADD_PROJECTS, LOCK_PROJECTS
from llmflow_store.term_copy import copy_terms
from llmflow_store.trace_summaries import add_to_traces

LOCK_PROJECT = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"

_KEYS = ", ".join(KEY_COLUMNS)
_KEY_ARRAYS = "$1::text[], $2::bytea[], $3::bytea[], $4::timestamptz[], $5::smallint[]"
_KNOWN_TRACES = """
SELECT project, trace_id, span_count, input_tokens + output_tokens > 0
FROM unnest($1::text[], $2::bytea[]) AS k (project, trace_id) JOIN traces USING (project, trace_id)
"""
_KNOWN_SPANS = f"""
SELECT {_KEYS} FROM unnest({_KEY_ARRAYS}) AS k ({_KEYS}) JOIN spans USING ({_KEYS}) WHERE start_time BETWEEN $6 AND $7
"""  # noqa: S608
_KNOWN_IDS = """
SELECT DISTINCT project, trace_id, span_id
FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS k (project, trace_id, span_id)
JOIN spans USING (project, trace_id, span_id)
"""
_STAGED = "CREATE TEMP TABLE IF NOT EXISTS {staged} (LIKE {table}) ON COMMIT DELETE ROWS"
_INSERT_STAGED = f"""
INSERT INTO {{table}} ({{columns}}) SELECT {{columns}} FROM pg_temp.{{staged}} ON CONFLICT DO NOTHING RETURNING {_KEYS}
"""  # noqa: S608


#: Project and id.
_Trace = tuple[str, bytes]


class _Stored(NamedTuple):
    """Of a trace that is there: its spans, and whether any of them has tokens."""

    span_count: int
    has_tokens: bool


async def write_spans(connection: asyncpg.Connection[Any], spans: Sequence[Span]) -> WriteResult:
    """Store what is new among `spans` and add it to summaries and rollups, within the open transaction.

    Of spans with equal keys the first counts. Raises Permanent for one that no row can hold, and asyncpg's errors.
    """
    batch = spans if isinstance(spans, SpanBatch) else SpanBatch(spans)
    await connection.execute(LOCK_PROJECTS, batch.projects)
    traces = await _known_traces(connection, batch.keys)
    batch = await _without_told_before(connection, batch, traces)
    if not batch.spans:
        return WriteResult(inserted=0, duplicates=len(spans))
    known = await _known(connection, batch.keys, traces)
    with_tokens = [trace for trace, stored in traces.items() if stored.has_tokens]
    if uncounted := await counted_elsewhere(connection, batch, known, with_tokens):
        batch = await asyncio.to_thread(batch.without_sums, uncounted)
    inserted = await _insert_new(connection, batch, known)
    if inserted:
        new = await asyncio.to_thread(batch.only, inserted)
        if new.content:
            # Spans that were removed may come again before their content has been.
            await _copy_or_insert(connection, "span_content", CONTENT_COLUMNS, new.content)
            await connection.copy_records_to_table("search_queue", records=new.said, columns=KEY_COLUMNS)
        await copy_terms(connection, new.terms)
        await _check_counted_once(connection, new, traces, await add_to_traces(connection, new.summaries))
        await connection.execute(ADD_PROJECTS, batch.projects)
        await add_scores_of(connection, new.spans)
        await add_to_rollups(connection, new.rollups)
        await add_to_totals(connection, new.spans)
        await note_changes(connection, new.spans)
    return WriteResult(inserted=len(inserted), duplicates=len(spans) - len(inserted))


async def _without_told_before(
    connection: asyncpg.Connection[Any], batch: SpanBatch, traces: Collection[_Trace]
) -> SpanBatch:
    """`batch` without those spans of providers' batches that are stored, or are in it before, with whatever start."""
    if not batch.told_anew:
        return batch
    ids = {key[:3] for key in batch.told_anew if key[:2] in traces}
    told = {tuple(row) for row in await connection.fetch(_KNOWN_IDS, *zip(*ids, strict=True))} if ids else set()
    repeated = set[Key]()
    for key in batch.told_anew:
        if key[:3] in told:
            repeated.add(key)
        told.add(key[:3])
    return await asyncio.to_thread(batch.only, set(batch.keys) - repeated) if repeated else batch


async def _check_counted_once(
    connection: asyncpg.Connection[Any],
    new: SpanBatch,
    expected: Mapping[_Trace, _Stored],
    found: Mapping[_Trace, int],
) -> None:
    """Raise SerializationError, so that the transaction is tried again, when another writer has meanwhile stored the
    other span of a call, or may have stored the calls of a provider's batch: `found` says how many spans its trace had,
    now that nobody else can add to it."""
    grown = [trace for trace, count in found.items() if trace not in expected or count != expected[trace].span_count]
    told_anew = any(key[:2] in grown for key in new.told_anew)
    if told_anew or (grown and await counted_elsewhere(connection, new, (), grown)):
        raise asyncpg.SerializationError("another writer stored the other span of a call")


async def _insert_new(connection: asyncpg.Connection[Any], batch: SpanBatch, known: Collection[Key]) -> set[Key]:
    """Insert those of the rows, which are in the order of their keys, that are not there yet; return their keys.

    Nearly always none is there: so the rows are copied straight into the table, less those `known` to be there. Another
    writer may add one of them in between.
    """
    keys, rows = batch.keys, batch.rows
    if known:
        new = [number for number, key in enumerate(keys) if key not in known]
        keys, rows = [keys[number] for number in new], [rows[number] for number in new]
    inserted = await _copy_or_insert(connection, "spans", SPAN_COLUMNS, rows)
    return set(keys) if inserted is None else inserted


async def _copy_or_insert(
    connection: asyncpg.Connection[Any], table: str, columns: Sequence[str], rows: Sequence[bytes]
) -> set[Key] | None:
    """Copy the rows into the table; None when all are in. If one of them is there already, they go in by a way that is
    half as fast and knows conflicts, and the keys of those that were not there are returned."""
    try:
        async with connection.transaction():
            await copy_rows(connection, table, columns, rows)
    except asyncpg.UniqueViolationError:
        names = {"table": table, "staged": f"staged_{table}", "columns": ", ".join(columns)}
        await connection.execute(_STAGED.format(**names))
        await copy_rows(connection, names["staged"], columns, rows, schema="pg_temp")
        return {tuple(row) for row in await connection.fetch(_INSERT_STAGED.format(**names))}
    return None


async def _known_traces(connection: asyncpg.Connection[Any], keys: Sequence[Key]) -> dict[_Trace, _Stored]:
    """The traces of `keys` that are there."""
    traces = {key[:2] for key in keys}
    rows = await connection.fetch(_KNOWN_TRACES, *zip(*traces, strict=True))
    return {(project, trace_id): _Stored(*stored) for project, trace_id, *stored in rows}


async def _known(connection: asyncpg.Connection[Any], keys: Sequence[Key], traces: Collection[_Trace]) -> set[Key]:
    """Those of `keys` that are there. Only spans of `traces`, those that are there, are looked up."""
    sought = [key for key in keys if key[:2] in traces] if traces else []
    if not sought:
        return set()
    columns = list(zip(*sought, strict=True))
    return {tuple(row) for row in await connection.fetch(_KNOWN_SPANS, *columns, min(columns[3]), max(columns[3]))}
