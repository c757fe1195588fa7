"""The contract of destinations, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.destinations_contract import DestinationsContract


class TestDestinations(DestinationsContract):
    """Every promise of `llmflow_store.destinations.Destinations`."""
