"""What every `Retention` promises. A subclass in a test module runs on every kind of database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest_asyncio

from llmflow_core.ids import new_span_id
from llmflow_core.logs import LogRecord
from llmflow_core.spans import Score, Span
from llmflow_store import Store, TraceQuery
from llmflow_store.administration import Actor
from llmflow_store.retention import RetentionDays, RetentionOverride
from llmflow_store.search import index_content
from llmflow_store.signals import LogQuery
from llmflow_testkit.polling import eventually
from llmflow_testkit.recount import assert_rollups_match
from llmflow_testkit.spans import make_generation, make_span
from llmflow_testkit.store_suite import StoreSuite

ANNA = Actor("anna")
EVER = RetentionDays(spans=0, content=0, rollups=0, logs=0, metrics=0)
MONTH = RetentionDays(spans=30, content=30, rollups=30, logs=30, metrics=30)
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
_WAITS = """
SELECT EXISTS (
    SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
    WHERE NOT l.granted AND d.datname = current_database()
)
"""
TABLES = ("spans", "span_content", "content_words", "trace_terms", "traces", "scores")


def ago(days: float) -> int:
    """A time some days before now, in nanoseconds since the Unix epoch: a full minute, so no last second of a day."""
    return int((datetime.now(UTC) - timedelta(days=days)).timestamp()) // 60 * 60 * SECOND


def trace(days: float, *, project: str = "default", **fields: Any) -> list[Span]:
    """A root and a generation with content that started some days ago, and a score."""
    start = ago(days)
    root = make_span(project=project, start_time_ns=start, scores=[Score(name="good", value=1.0)], **fields)
    call = make_generation(
        project=project, trace_id=root.trace_id, parent_span_id=root.span_id, start_time_ns=start + SECOND
    )
    return [root, call]


class RetentionContract(StoreSuite):
    """The suite."""

    @pytest_asyncio.fixture
    async def database(self, database_url: str, store: Store) -> AsyncIterator[asyncpg.Connection[Any]]:
        """A connection to the same database."""
        connection = await asyncpg.connect(database_url)
        yield connection
        await connection.close()

    async def test_what_is_past_its_time_goes_and_all_else_stays(
        self, store: Store, database: asyncpg.Connection[Any], database_url: str
    ) -> None:
        kept = [span for days in (0, 1, 29.5) for span in trace(days)]
        gone = [span for days in (32, 33, 60) for span in trace(days)]
        await store.write_spans([*kept, *gone])
        while await store.index_content(limit=100):
            pass
        assert await counts(database) == [12, 6, 6, 6, 6, 6]

        preview = await store.apply_retention(MONTH, dry_run=True)
        assert preview is not None
        assert await store.applied_retention() is None
        assert (preview.rows["traces"], preview.rows["spans"], preview.rows["span_content"]) == (3, 6, 3)
        assert await counts(database) == [12, 6, 6, 6, 6, 6]

        report = await store.apply_retention(MONTH)
        assert report is not None
        assert await store.applied_retention() == MONTH
        assert report.rows["traces"] == 3
        if await database.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"):
            assert report.chunks == dict.fromkeys((*TABLES[:4], "rollups_minute"), 3)
            assert "spans" not in report.rows
        assert await counts(database) == [6, 3, 3, 3, 3, 3]
        assert await ids(store) == {span.trace_id for span in kept}
        assert await assert_rollups_match(database_url, totals=False, weeks=False) == 6
        again = await store.apply_retention(MONTH)
        assert again is not None
        assert (again.rows, again.chunks) == ({}, {})
        # A replay of what stayed is none, and what went can come again.
        assert (await store.write_spans([*kept, *gone])).inserted == 6

    async def test_nothing_goes_where_all_is_kept_for_ever(
        self, store: Store, database: asyncpg.Connection[Any]
    ) -> None:
        await store.write_spans(trace(4000))
        report = await store.apply_retention(EVER)
        assert report is not None
        assert (report.rows, report.chunks) == ({}, {})
        assert await counts(database) == [2, 1, 0, 1, 1, 1]

    async def test_a_trace_goes_as_a_whole_once_its_end_is_past(
        self, store: Store, database: asyncpg.Connection[Any], database_url: str
    ) -> None:
        long = make_span(start_time_ns=ago(35), duration_ns=10 * DAY)
        late = [
            make_generation(trace_id=long.trace_id, parent_span_id=long.span_id, start_time_ns=ago(days))
            for days in (34, 31.5, 26)
        ]
        beside = [span for days in (36, 34, 32) for span in trace(days)]
        await store.write_spans([long, *late, *beside])
        await store.apply_retention(MONTH)
        assert await ids(store) == {long.trace_id}
        assert await counts(database) == [4, 3, 0, 1, 1, 0]
        await store.apply_retention(replace(MONTH, spans=20, content=20, rollups=20))
        assert await counts(database) == [0, 0, 0, 0, 0, 0]
        assert await assert_rollups_match(database_url, totals=False, weeks=False) == 0

    async def test_projects_have_times_of_their_own(
        self, store: Store, database: asyncpg.Connection[Any], database_url: str
    ) -> None:
        for project in ("default", "short", "long"):
            await store.write_spans([span for days in (1, 10, 40) for span in trace(days, project=project)])
        for project, days in (("short", 5), ("long", 0)):
            override = RetentionOverride(spans=days, rollups=days)
            assert await store.set_retention(project, override, by=ANNA) is not None
        await store.apply_retention(MONTH)
        left = {project: len(await ids(store, project)) for project in ("default", "short", "long")}
        assert left == {"default": 2, "short": 1, "long": 3}
        assert await counts(database) == [12, 5, 0, 6, 6, 6]
        assert await assert_rollups_match(database_url, totals=False, weeks=False) == 12

    async def test_content_can_be_kept_for_less_time(self, store: Store, database: asyncpg.Connection[Any]) -> None:
        traces = [trace(days) for days in (0, 1, 9, 20)]
        await store.write_spans([span for spans in traces for span in spans])
        await store.write_spans(trace(9, project="other"))
        while await store.index_content(limit=100):
            pass
        await store.set_retention("other", RetentionOverride(content=0), by=ANNA)
        await store.apply_retention(replace(MONTH, content=7))
        assert await counts(database) == [10, 3, 3, 5, 5, 5]
        for spans, content in zip(traces, (True, True, False, False), strict=True):
            stored = await store.get_span("default", spans[1].trace_id, spans[1].span_id)
            assert stored is not None
            assert bool(stored.content) is content
        # Late content goes the next day at the latest; new times take effect at once.
        await store.apply_retention(replace(MONTH, content=5))
        await store.set_retention("other", RetentionOverride(), by=ANNA)
        await store.apply_retention(replace(MONTH, content=5))
        assert await counts(database) == [10, 2, 2, 5, 5, 5]

    async def test_logs_metrics_and_rollups_have_times_of_their_own(
        self, store: Store, database: asyncpg.Connection[Any]
    ) -> None:
        logs = [LogRecord(id=bytes([n]) * 16, time_ns=ago(days)) for n, days in enumerate((1, 8, 40))]
        await store.write_logs(logs)
        await store.write_spans([span for days in (1, 8) for span in trace(days)])
        await database.execute(
            "INSERT INTO metric_points (project, series, time, time_nanos)"
            " SELECT 'default', s, now() - d, 0 FROM (VALUES ('\\x01'::bytea, '1 day'::interval), ('\\x01', '20 days'),"
            " ('\\x02', '20 days')) AS p (s, d);"
            "INSERT INTO metric_series SELECT 'default', series, 'm', '', '', 'sum', 'delta', true, '', '', '',"
            " '{}', '{}', '{}', max(time) FROM metric_points GROUP BY series"
        )
        while await store.make_user_rollups(limit=10):
            pass
        await store.apply_retention(replace(MONTH, logs=3, metrics=10, rollups=5))
        page = await store.list_logs(LogQuery(project="default"))
        assert [log.id for log in page.logs] == [logs[0].id]
        assert await database.fetchval("SELECT count(*) FROM metric_points") == 1
        assert await database.fetchval("SELECT array_agg(series) FROM metric_series") == [b"\x01"]
        assert 1 <= await database.fetchval("SELECT count(DISTINCT bucket) FROM rollups_total_week") <= 2
        for table in ("rollups_minute", "rollups_hour", "rollups_day", "rollups_value_hour", "rollups_total_day"):
            days = await database.fetchval(f"SELECT count(DISTINCT date_trunc('day', bucket)) FROM {table}")
            assert (table, days) == (table, 1)
        assert len(await ids(store)) == 2

    async def test_scores_without_a_trace_go_by_their_own_time(
        self, store: Store, database: asyncpg.Connection[Any]
    ) -> None:
        await store.write_spans(trace(1))
        await database.execute(
            "INSERT INTO scores (project, id, session_id, name, value, data_type, source, time)"
            " SELECT 'default', d::text, 's', 'n', 1, 'numeric', 'api', now() - d * interval '1 day'"
            " FROM unnest(ARRAY[1, 50]) AS d"
        )
        await store.apply_retention(MONTH)
        assert await database.fetchval("SELECT count(*) FROM scores") == 2

    async def test_the_audit_log_has_days_of_its_own(self, store: Store, database: asyncpg.Connection[Any]) -> None:
        await database.execute(
            "INSERT INTO audit_log (at, actor, address, action, project, subject, detail)"
            " SELECT now() - d * interval '1 day', 'anna', '', 'key.create', 'default', d::text, '{}'"
            " FROM unnest(ARRAY[1, 400]) AS d"
        )
        await store.apply_retention(MONTH)
        assert await database.fetchval("SELECT count(*) FROM audit_log") == 2
        preview = await store.apply_retention(MONTH, audit_days=365, dry_run=True)
        report = await store.apply_retention(MONTH, audit_days=365)
        assert preview is not None
        assert report is not None
        assert preview.rows["audit_log"] == report.rows["audit_log"] == 1
        assert await database.fetchval("SELECT array_agg(subject) FROM audit_log") == ["1"]

    async def test_one_process_does_it_at_a_time(self, store: Store, database: asyncpg.Connection[Any]) -> None:
        await store.write_spans(trace(40))
        await database.execute("SELECT pg_advisory_lock(70417)")
        assert await store.apply_retention(MONTH) is None
        assert len(await ids(store)) == 1
        await database.execute("SELECT pg_advisory_unlock(70417)")
        assert await store.apply_retention(MONTH) is not None
        assert len(await ids(store)) == 0

    async def test_a_trace_that_is_being_written_to_stays(
        self, store: Store, database: asyncpg.Connection[Any], database_url: str
    ) -> None:
        spans, other = trace(40), trace(41)
        await store.write_spans([*spans, *other])
        async with database.transaction():
            await database.execute("SELECT FROM traces WHERE trace_id = $1 FOR UPDATE", spans[0].trace_id)
            await store.apply_retention(replace(MONTH, rollups=0))
            assert await ids(store) == {spans[0].trace_id}
        assert await database.fetchval("SELECT count(*) FROM spans WHERE trace_id = $1", spans[0].trace_id) == 2
        await store.apply_retention(MONTH)
        assert await assert_rollups_match(database_url, totals=False, weeks=False) == 0

    async def test_what_is_being_indexed_leaves_no_words(self, store: Store, database: asyncpg.Connection[Any]) -> None:
        await store.write_spans(trace(40))
        async with database.transaction():
            assert await index_content(database, 10) == 1
            removing = asyncio.create_task(store.apply_retention(MONTH))

            async def waits() -> bool:
                return removing.done() or bool(await database.fetchval(_WAITS))

            await eventually(waits, within=60)
        await removing
        # A chunk that the words were the first of was not known when this began.
        await store.apply_retention(MONTH)
        assert await counts(database) == [0, 0, 0, 0, 0, 0]

    async def test_writers_go_on_meanwhile(self, store: Store, database_url: str) -> None:
        rng = random.Random(5)
        old = [span for _ in range(60) for span in trace(rng.choice([31.5, 32, 33, 40]))]
        new = [span for _ in range(60) for span in trace(rng.choice([0, 1, 2]))]
        await store.write_spans(old)
        late = [
            replace(span, span_id=new_span_id(), parent_span_id=span.span_id, duration_ns=40 * DAY, scores=[])
            for span in old[::12]
        ]

        async def write() -> None:
            for n in range(0, len(new), 10):
                await store.write_spans([*new[n : n + 10], *late[n // 20 : n // 20 + 1]])

        await asyncio.gather(write(), store.apply_retention(MONTH), store.apply_retention(MONTH))
        await store.apply_retention(replace(MONTH, rollups=30))
        assert {span.trace_id for span in new} <= await ids(store)
        assert {span.trace_id for span in late[:6]} <= await ids(store)

    async def test_overrides_are_kept_and_audited(self, store: Store) -> None:
        assert await store.get_retention("absent") is None
        assert await store.set_retention("absent", RetentionOverride(spans=1), by=ANNA) is None
        before = await store.get_retention("default")
        assert before is not None
        assert (before.override, before.days, before.applied_at) == (RetentionOverride(), None, None)
        await store.apply_retention(MONTH)
        override = RetentionOverride(spans=7, logs=0)
        retention = await store.set_retention("default", override, by=ANNA)
        assert retention == await store.get_retention("default")
        assert retention is not None
        assert retention.override == override
        assert retention.days == RetentionDays(spans=7, content=7, rollups=30, logs=0, metrics=30)
        assert retention.applied_at is not None
        assert abs(retention.applied_at - datetime.now(UTC)) < timedelta(minutes=1)
        (entry,) = await store.list_audit(limit=5)
        assert (entry.action, entry.actor, entry.project) == ("retention.set", ANNA, "default")
        assert entry.detail == {"spans": 7, "content": None, "rollups": None, "logs": 0, "metrics": None}

    async def test_the_oldest_days_go_when_the_database_is_full_and_content_first(
        self, store: Store, database: asyncpg.Connection[Any]
    ) -> None:
        noise = random.Random(1)
        days = (5, 4, 3, 2, 1, 0)
        for day in days:
            spans = [span for _ in range(10) for span in trace(day)]
            await store.write_spans(
                [replace(span, content={"x": noise.randbytes(30_000).hex()} if span.content else {}) for span in spans]
            )
        await database.execute("VACUUM ANALYZE")
        size = await database.fetchval("SELECT pg_database_size(current_database())")
        await store.apply_retention(EVER, max_bytes=2 * size)
        assert (await counts(database))[:2] == [120, 60]
        # Who reads an old day may keep it from going for now, and costs no younger one.
        async with database.transaction():
            await database.execute("SELECT FROM span_content")
            await store.apply_retention(EVER, max_bytes=(size - 1_500_000) * 10 // 9)
            assert (await counts(database))[0] == 120
        await store.apply_retention(EVER, max_bytes=(size - 1_500_000) * 10 // 9)
        spans_left, content_left, *_ = await counts(database)
        assert spans_left == 120
        assert 10 <= content_left <= 40
        oldest = await database.fetchval("SELECT min(start_time) FROM span_content")
        assert oldest > datetime.now(UTC) - timedelta(days=content_left / 10)
        again = await counts(database)
        await store.apply_retention(EVER, max_bytes=(size - 1_500_000) * 10 // 9)
        assert await counts(database) == again
        # Today stays, however small the limit is.
        assert await database.fetchval("SELECT count(DISTINCT bucket) FROM rollups_day") == len(days)
        await store.apply_retention(EVER, max_bytes=1)
        assert (await counts(database))[0] == 20
        assert await database.fetchval("SELECT count(DISTINCT bucket) FROM rollups_day") == 1


async def ids(store: Store, project: str = "default") -> set[bytes]:
    """The ids of the traces of a project."""
    page = await store.list_traces(TraceQuery(project=project, limit=1000))
    return {summary.trace_id for summary in page.traces}


async def counts(database: asyncpg.Connection[Any]) -> list[int]:
    """The rows of TABLES."""
    return [await database.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES]
