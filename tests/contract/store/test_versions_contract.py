"""The contract of edits that rely on a version, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.versions_contract import VersionsContract


class TestVersions(VersionsContract):
    """Every promise of `llmflow_store.versions.Precondition`."""
