"""The store's contract on retention, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.retention_contract import RetentionContract


class TestRetention(RetentionContract):
    """Every promise of `llmflow_store.retention.Retention`."""
