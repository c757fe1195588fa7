"""What is written into the index of attributes is what a search looks for."""

from __future__ import annotations

import pytest

from llmflow_core.spans import JSON
from llmflow_store.terms import MAX_VALUE_CHARACTERS, terms_for, terms_of
from llmflow_testkit.spans import make_span


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("chat", "chat"),
        ("", ""),
        ("a\ud800b", "a\ud800b"),
        (7, "7"),
        (1, "1"),
        (True, "true"),
        (1.5, "1.50"),
        (2.0, "2"),
        (["a", 3], "a"),
        (["a", 3], "3"),
    ],
)
@pytest.mark.parametrize("field", ["attr", "resource"])
def test_a_value_is_found(field: str, value: JSON, written: str) -> None:
    spans = [make_span(**{"attributes" if field == "attr" else "resource_attributes": {"key": value}})]
    terms = terms_of(spans)
    assert not terms.isdisjoint(terms_for(field, "key", written) or [])
    assert not terms.isdisjoint(terms_for(field, "key", None) or [])
    assert terms.isdisjoint(terms_for(field, "key", "another") or [])
    assert terms.isdisjoint(terms_for(field, "another", None) or [])


def test_all_values_of_a_trace_are_found_also_equal_ones_of_other_types() -> None:
    values: list[JSON] = [1, True, 1.0, "1", "b", "b", 1, False, 0]
    terms = terms_of([make_span(attributes={"key": value}) for value in values])
    for written in ("1", "true", "b", "false", "0"):
        assert not terms.isdisjoint(terms_for("attr", "key", written) or []), written


def test_long_text_is_not_in_the_index() -> None:
    long = "x" * (MAX_VALUE_CHARACTERS + 1)
    assert terms_for("attr", "key", long) is None
    assert terms_of([make_span(attributes={"key": long}, resource_attributes={})]) == set(
        terms_for("attr", "key", None) or []
    )
