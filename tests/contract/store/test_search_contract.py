"""The store's search contract, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.search_contract import SearchContract


class TestSearch(SearchContract):
    """What filters and texts find."""
