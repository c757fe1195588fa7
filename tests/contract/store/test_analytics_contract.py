"""The store's analytics contract, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.analytics_contract import (
    AnalyticsContract,
    test_a_range_is_covered_once_by_the_largest_units,
    test_senseless_questions_are_refused,
)

__all__ = ["test_a_range_is_covered_once_by_the_largest_units", "test_senseless_questions_are_refused"]


class TestAnalytics(AnalyticsContract):
    """Any metric by any dimension over time."""
