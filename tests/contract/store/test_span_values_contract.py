"""The store's contract about what hardly any span has, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from llmflow_testkit.span_values_contract import SpanValuesContract


class TestSpanValues(SpanValuesContract):
    """Lists by values that are in the index of values."""
