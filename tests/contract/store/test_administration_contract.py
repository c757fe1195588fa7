"""The contract of projects, keys and the audit log, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.administration_contract import AdministrationContract
from llmflow_testkit.store_suite import StoreSuite


class TestAdministration(StoreSuite, AdministrationContract):
    """Every promise of `llmflow_store.administration.Administration`."""
