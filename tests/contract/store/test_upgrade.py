"""A database of the first version, with data in it, becomes one of the newest without losing any."""

from __future__ import annotations

import random
from typing import Any

import asyncpg
import pytest

from llmflow_core.filters import parse_filter
from llmflow_core.spans import Span
from llmflow_store import TraceQuery, migrations, open_store
from llmflow_store.connections import set_codecs
from llmflow_store.migrations import migrate, newest_version
from llmflow_store.rows import CONTENT_COLUMNS, SPAN_COLUMNS, content_columns, has_content, rows_of, span_columns
from llmflow_testkit.recount import assert_rollups_match, recounted_rollups, recounted_traces
from llmflow_testkit.spans import make_generation, random_spans

_SKETCHES = ("duration_ns", "time_to_first_token_ns")


async def write_as_the_first_version_did(connection: asyncpg.Connection[Any], spans: list[Span]) -> None:
    """Spans, content, summaries and minute rollups into the tables of 0001."""
    await set_codecs(connection)
    for name in {span.project for span in spans}:
        await connection.execute("INSERT INTO projects (name) VALUES ($1)", name)
    content = rows_of(content_columns([span for span in spans if has_content(span)]))
    summaries = [(*key, *row.values()) for key, row in recounted_traces(spans).items()]
    summary_columns = ("project", "trace_id", *next(iter(recounted_traces(spans).values())))
    await copy_what_was_there(connection, "spans", rows_of(span_columns(spans)), SPAN_COLUMNS)
    await copy_what_was_there(connection, "span_content", content, CONTENT_COLUMNS)
    await copy_what_was_there(connection, "traces", summaries, summary_columns)
    keys = ("project", "minute", "service", "provider", "model", "observation_type", "environment", "status")
    for key, row in recounted_rollups(spans, "minute").items():
        values = [*key, *(value for name, value in row.items() if name not in _SKETCHES)]
        names = [*keys, *(name for name in row if name not in _SKETCHES), *_SKETCHES]
        places = [f"${n + 1}" for n in range(len(values))]
        places += [f"(${n}::smallint[], ${n + 1}::bigint[])::sketch" for n in (len(values) + 1, len(values) + 3)]
        sketches = [part for name in _SKETCHES for part in row[name]]
        statement = f"INSERT INTO rollups_minute ({', '.join(names)}) VALUES ({', '.join(places)})"
        await connection.execute(statement, *values, *sketches)


#: The sum of empty sketches was none once.
_FIRST_MERGE = """
CREATE OR REPLACE FUNCTION sketch_merge(a sketch, b sketch) RETURNS sketch LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN cardinality((b).buckets) = 0 THEN a ELSE b END
"""


async def copy_what_was_there(
    connection: asyncpg.Connection[Any], table: str, rows: list[tuple[Any, ...]], columns: tuple[str, ...]
) -> None:
    """Copy the rows without the columns that later versions added."""
    known = await connection.fetch("SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass", table)
    there = {row[0] for row in known}
    kept = [number for number, name in enumerate(columns) if name in there]
    records = [tuple(row[number] for number in kept) for row in rows]
    await connection.copy_records_to_table(table, records=records, columns=[columns[number] for number in kept])


async def test_a_database_of_the_first_version_keeps_everything(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(7)
    said = make_generation(content={"gen_ai.completion": "the quick brown fox"}, attributes={"feature": "chat"})
    spans = [*random_spans(rng, 120), *random_spans(rng, 60, project="shop"), said]

    first = migrations.migrations()[:1]
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "migrations", lambda: first)
        patch.setattr(migrations, "_HYPERTABLES", {"spans": "start_time", "span_content": "start_time"})
        assert await migrate(database_url) == ["0001_spans"]
    connection = await asyncpg.connect(database_url)
    try:
        await write_as_the_first_version_did(connection, spans)
        await connection.execute(_FIRST_MERGE)
    finally:
        await connection.close()

    applied = await migrate(database_url)
    assert len(applied) == len(migrations.migrations()) - 1
    assert applied[-1].startswith(f"{newest_version():04}")
    assert await migrate(database_url) == []
    assert await assert_rollups_match(database_url, totals=False) == len(spans)

    store = open_store(database_url)
    try:
        assert await store.healthy()
        page = await store.list_traces(TraceQuery(project="shop", limit=100))
        assert {trace.trace_id for trace in page.traces} == {span.trace_id for span in spans if span.project == "shop"}
        while await store.index_content(limit=100):
            pass
        for text in ('"quick brown"', "model:gpt-4o user:ada session:s-1", "attr.feature:chat"):
            found = await store.list_traces(TraceQuery(project="default", filter=parse_filter(text), limit=100))
            assert said.trace_id in {trace.trace_id for trace in found.traces}, text
        assert await store.get_span("default", said.trace_id, said.span_id) == said
        # Delivered again after the update, the spans are known; what is new is added to the sums of before.
        assert (await store.write_spans(spans)).inserted == 0
        assert (await store.write_spans(random_spans(rng, 30))).inserted == 30
    finally:
        await store.close()
    assert await assert_rollups_match(database_url, totals=False) == len(spans) + 30


async def test_rules_without_a_threshold_and_unfindable_words_are_mended(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [migration for migration in migrations.migrations() if migration.version < 19]
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "migrations", lambda: before)
        await migrate(database_url)
    chinese = make_generation(content={"gen_ai.completion": "他是北京大学生"})
    escaped = make_generation(content={"gen_ai.completion": r'["\u4ed6\u662f\u5317\u4eac"]'})
    english = make_generation(content={"gen_ai.completion": "in Beijing"})
    store = open_store(database_url)
    connection = await asyncpg.connect(database_url)
    try:
        await store.write_spans([chinese, escaped, english])
        while await store.index_content(limit=100):
            pass
        await connection.execute("UPDATE content_words SET words = to_tsvector('simple', 'wholesentence')")
        for metric in ("cost", "no_data"):
            await connection.execute(
                "INSERT INTO alerts (id, kind, name, definition, channels, enabled, due_at) VALUES"
                " ($1, 'rule', 'Old', jsonb_build_object('metric', $1::text, 'threshold', NULL), '{}', true, NULL)",
                metric,
            )

        assert "0019_rules_and_words" in await migrate(database_url)
        rules = {
            alert.id: (alert.definition["threshold"], alert.enabled)
            for alert in await store.claim_alerts(limit=9, lease_seconds=1)
        }
        assert rules == {"cost": (0, False), "no_data": (0, True)}
        told = [(entry.action, entry.subject) for entry in await store.list_audit(limit=9)]
        assert sorted(told) == [("rule.save", "cost"), ("rule.save", "no_data")]
        assert (await store.search_backlog()).waiting == 2
        await connection.execute("INSERT INTO search_queue SELECT * FROM search_queue")
        assert await store.index_content(limit=100) == 4
        found = await store.list_traces(TraceQuery(project="default", filter=parse_filter('"北京"'), limit=100))
        assert {trace.trace_id for trace in found.traces} == {chinese.trace_id, escaped.trace_id}
    finally:
        await connection.close()
        await store.close()
