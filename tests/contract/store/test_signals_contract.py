"""The store's contract on logs, metrics and scores, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.signals_contract import SignalsContract


class TestSignals(SignalsContract):
    """Every promise of `llmflow_store.signals.Signals` and `llmflow_store.scores.Scores`."""
