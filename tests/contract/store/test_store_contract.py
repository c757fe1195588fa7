"""The store's contract, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.store_contract import StoreContract


class TestStore(StoreContract):
    """Every promise of `llmflow_store.port.Store`."""
