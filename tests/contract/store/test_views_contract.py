"""The contract of saved views, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.views_contract import ViewsContract


class TestViews(ViewsContract):
    """Every promise of `llmflow_store.views.SavedViews`."""
