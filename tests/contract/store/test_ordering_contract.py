"""The store's contract about the orders of lists, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.ordering_contract import OrderingContract


class TestOrdering(OrderingContract):
    """Largest and smallest first, page by page."""
