"""The store's contract on logs, metrics and scores, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.scores_contract import ScoresContract
from llmflow_testkit.signals_contract import SignalsContract


class TestSignals(SignalsContract):
    """Every promise of `llmflow_store.signals.Signals`."""


class TestScores(ScoresContract):
    """Every promise of `llmflow_store.scores.Scores`."""
