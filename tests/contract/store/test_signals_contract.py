"""The store's contract on logs, metrics, AI command-line tools and scores, on every kind of database."""

from __future__ import annotations

from llmflow_testkit.coding_tools_contract import CodingToolsContract
from llmflow_testkit.scores_contract import ScoresContract
from llmflow_testkit.signals_contract import SignalsContract


class TestSignals(SignalsContract):
    """Every promise of `llmflow_store.signals.Signals`."""


class TestCodingTools(CodingToolsContract):
    """What `Signals` promises of AI command-line tools."""


class TestScores(ScoresContract):
    """Every promise of `llmflow_store.scores.Scores`."""
