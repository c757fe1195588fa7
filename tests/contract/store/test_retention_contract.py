"""The store's contract on retention, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest

from llmflow_store import open_store
from llmflow_store.migrations import migrate
from llmflow_store.retention_sql import TIMED_TABLES, UNTIMED_TABLES
from llmflow_testkit.retention_contract import MONTH, RetentionContract, ids, trace


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
