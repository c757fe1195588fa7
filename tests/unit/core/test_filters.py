"""The filter language: what it reads, and how it says what it cannot read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmflow_core.filter_fields import ALIASES, FIELDS
from llmflow_core.filters import (
    And,
    Condition,
    Filter,
    FilterError,
    Not,
    Operator,
    Or,
    Text,
    parse_filter,
)

_READ: list[tuple[str, Filter]] = [
    ("", And(())),
    ("   ", And(())),
    ("model:gpt-4o", Condition("model", Operator.EQ, "gpt-4o")),
    ("model:gpt-4*", Condition("model", Operator.LIKE, "gpt-4*")),
    ('model:"gpt-4*"', Condition("model", Operator.EQ, "gpt-4*")),
    ("user:*", Condition("user", Operator.EXISTS)),
    ("kind:* root:*", And((And(()), And(())))),
    ("speed:<0.00e-99", Condition("speed", Operator.LT, Decimal("0.00e-99"))),
    ("STATUS:Error", Condition("status", Operator.EQ, "error")),
    ("latency:>1.5", Condition("duration", Operator.GT, 1_500_000_000)),
    ("duration:<=300ms", Condition("duration", Operator.LE, 300_000_000)),
    ("tokens:>4k", Condition("tokens", Operator.GT, 4000)),
    ("cost:>=$0.01", Condition("cost", Operator.GE, Decimal("0.01"))),
    (
        "cost:0.01..1",
        And((Condition("cost", Operator.GE, Decimal("0.01")), Condition("cost", Operator.LE, Decimal(1)))),
    ),
    ("root:false", Condition("root", Operator.EQ, False)),
    ("trace:ABCDEF", Condition("trace", Operator.EQ, "abcdef")),
    ("attr.feature:chat", Condition("attr", Operator.EQ, "chat", "feature")),
    ('attr."two words":>3', Condition("attr", Operator.GT, Decimal(3), "two words")),
    ("score.helpful:<0.5", Condition("score", Operator.LT, Decimal("0.5"), "helpful")),
    ("model:a,b", Or((Condition("model", Operator.EQ, "a"), Condition("model", Operator.EQ, "b")))),
    ("-user:bob", Not(Condition("user", Operator.EQ, "bob"))),
    ("NOT NOT user:bob", Condition("user", Operator.EQ, "bob")),
    ("refund", Text("refund")),
    (r'"say \"no\" \\ now"', Text(r'say "no" \ now', phrase=True)),
    ('"OR"', Text("OR", phrase=True)),
    ("a AND b", And((Text("a"), Text("b")))),
    ("a b OR c", Or((And((Text("a"), Text("b"))), Text("c")))),
    ("a (b OR -(c d))", And((Text("a"), Or((Text("b"), Not(And((Text("c"), Text("d"))))))))),
]

_WRONG = [
    ("modle:x", 0, "unknown field 'modle'"),
    ("user:a modle:x", 7, "unknown field"),
    ("model:", 6, "expected a value for model, found the end"),
    ("model:a,", 8, "expected a value for model"),
    ("model:>x", 6, "model has no order"),
    ("cost:cheap", 5, "cost must be an amount of US dollars"),
    ("cost:1..x", 8, "cost must be an amount"),
    ("duration:>1.2.3s", 10, "duration must be a duration"),
    ("tokens:>-1", 8, "tokens must be a count"),
    ("status:broken", 7, "one of unset, ok, error"),
    ("trace:xyz", 6, "a hexadecimal id"),
    ("attr:x", 0, "attr needs a key"),
    ("model.x:y", 0, "model takes no key"),
    ("(a", 0, "never closed"),
    ("a)", 1, "unexpected ')'"),
    ('say "no', 4, "quote is never closed"),
    ("a OR", 4, "a condition is missing"),
    ("NOT", 3, "a condition is missing"),
    ("OR a", 0, "a condition is missing"),
    ("a OR OR b", 5, "a condition is missing"),
    ("a AND AND b", 6, "a condition is missing"),
    pytest.param("speed:>" + "9" * 400, 7, "speed must be a number", id="too large for a floating-point number"),
    pytest.param(f"score.x:<0.{'0' * 400}1", 9, "score must be a number", id="too small for one"),
    ("()", 1, "expected a condition"),
    ("a\0b", 1, "NUL"),
    ("(" * 30, 20, "levels deep"),
    ("a " * 200, 200, "more than 100 conditions"),
    ("x" * 5000, 4096, "longer than 4096"),
]


@pytest.mark.parametrize(("text", "expected"), _READ)
def test_reads(text: str, expected: Filter) -> None:
    assert parse_filter(text) == expected


@pytest.mark.parametrize(("text", "position", "message"), _WRONG)
def test_says_what_is_wrong_and_where(text: str, position: int, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)

    assert message in str(caught.value)
    assert caught.value.position == position
    assert caught.value.field == "filter"


def test_every_alias_names_a_field() -> None:
    assert set(ALIASES.values()) <= set(FIELDS)
    assert not set(ALIASES) & set(FIELDS)


_PIECES = st.sampled_from(
    [*FIELDS, "(", ")", " ", ":", ".", '"', "-", "OR", "NOT", "AND", ",", ">", "..", "*", "1", "k", "$", "\\", "é"]
)


@given(st.one_of(st.text(max_size=80), st.lists(_PIECES, max_size=25).map("".join)))
def test_any_text_is_read_or_refused_at_a_place_inside_it(text: str) -> None:
    refused_at = None
    try:
        parse_filter(text)
    except FilterError as error:
        refused_at = error.position
    assert refused_at is None or 0 <= refused_at <= len(text)


def test_the_page_about_filters_names_every_field() -> None:
    page = (Path(__file__).parents[3] / "docs" / "filters.md").read_text()
    for name, field in FIELDS.items():
        others = ", ".join(f"`{alias}`" for alias, meant in ALIASES.items() if meant == name)
        description = f"{field.description}: {', '.join(field.choices)}" if field.choices else field.description
        shown = f"{name}.KEY" if field.keyed else name
        assert f"| `{shown}` | {field.kind} | {description} | {others} |" in page
