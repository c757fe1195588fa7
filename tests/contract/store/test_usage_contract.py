"""The store's contract on totals, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.usage_contract import UsageContract


class TestUsage(UsageContract):
    """Every promise of `llmflow_store.usage.Totals`."""
