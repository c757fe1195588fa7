"""The store's contract on retention, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

import asyncpg

from llmflow_store.migrations import migrate
from llmflow_store.retention_sql import TIMED_TABLES, UNTIMED_TABLES
from llmflow_testkit.retention_contract import RetentionContract


class TestRetention(RetentionContract):
    """Every promise of `llmflow_store.retention.Retention`."""


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
