"""The store's contract on alerts, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.alerts_contract import AlertsContract


class TestAlerts(AlertsContract):
    """Every promise of `llmflow_store.alerts.Alerts`."""
