"""The stand-in that these tests use for the store keeps the contract that the real ones keep."""

from __future__ import annotations

from llmflow_testkit.administration_contract import AdministrationContract


class TestMemory(AdministrationContract):
    """Every promise of `llmflow_store.administration.Administration`, in memory."""
