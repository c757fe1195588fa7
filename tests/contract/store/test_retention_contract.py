"""The store's contract on retention, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from llmflow_store import open_store
from llmflow_store.migrations import migrate
from llmflow_store.retention_size import used_bytes
from llmflow_store.retention_sql import TIMED_TABLES, UNTIMED_TABLES
from llmflow_testkit.polling import eventually
from llmflow_testkit.retention_contract import EVER, MONTH, RetentionContract, ids, trace


class TestRetention(RetentionContract):
    """Every promise of `llmflow_store.retention.Retention`."""


@pytest.mark.timescaledb
async def test_chunks_of_several_days_go_as_a_whole(timescaledb_url: str) -> None:
    await migrate(timescaledb_url, chunk_interval=timedelta(days=7))
    store = open_store(timescaledb_url)
    try:
        for days in range(40):
            await store.write_spans(trace(days))
        report = await store.apply_retention(MONTH)
        assert report is not None
        assert "spans" not in report.rows
        assert 31 <= len(await ids(store)) <= 38
        report = await store.apply_retention(MONTH, max_bytes=1)
        assert report is not None
        assert 1 <= len(await ids(store)) <= 7
    finally:
        await store.close()


@pytest.mark.timescaledb
async def test_a_day_that_is_in_use_costs_no_other_day(migrated_timescaledb_url: str) -> None:
    store = open_store(migrated_timescaledb_url)
    reader = await asyncpg.connect(migrated_timescaledb_url)
    try:
        for days in range(5):
            await store.write_spans(trace(days))
        async with reader.transaction():
            await reader.execute("SELECT FROM spans")
            for _ in range(2):
                await store.apply_retention(EVER, max_bytes=1)
                assert len(await ids(store)) == 4

        async def today_alone_is_left() -> bool:
            await store.apply_retention(EVER, max_bytes=1)
            return len(await ids(store)) == 1

        await eventually(today_alone_is_left, within=60)
    finally:
        await reader.close()
        await store.close()


async def test_room_that_is_free_in_files_counts_as_free(migrated_embedded_url: str) -> None:
    noise = random.Random(1)
    store = open_store(migrated_embedded_url)
    database = await asyncpg.connect(migrated_embedded_url)
    try:
        for day in reversed(range(8)):
            for root, call in [trace(day) for _ in range(8)]:
                await store.write_spans([root, replace(call, content={"x": noise.randbytes(60_000).hex()})])
        full = await used_bytes(database)
        size = await database.fetchval("SELECT pg_database_size(current_database())")
        assert full == pytest.approx(size, rel=0.1)
        contents = await database.fetchval("SELECT sum(pg_column_size(content)) FROM span_content")
        # Day by day: the rows that VACUUM counts in a TOAST table are off by a little more each time.
        for days in (6.5, 5.5, 4.5, 3.5, 2.5, 1.5):
            await database.execute("DELETE FROM span_content WHERE start_time < now() - $1::interval", timedelta(days))
            await database.execute("VACUUM (ANALYZE) span_content")
        assert full - await used_bytes(database) == pytest.approx(contents * 6 / 8, rel=0.1)
    finally:
        await database.close()
        await store.close()


async def test_no_table_is_forgotten(embedded_database_url: str) -> None:
    await migrate(embedded_database_url)
    connection = await asyncpg.connect(embedded_database_url)
    try:
        rows = await connection.fetch(
            "SELECT table_name::text FROM information_schema.columns"
            " WHERE column_name = 'project' AND table_schema = 'public'"
        )
    finally:
        await connection.close()
    assert {row["table_name"] for row in rows} == TIMED_TABLES | UNTIMED_TABLES
