"""Page cursors: any position survives the trip, any other text is refused by name."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmflow_core.errors import Rejected
from llmflow_query_api.cursor import (
    ListOrder,
    decode_cursor,
    decode_span_cursor,
    encode_cursor,
    encode_span_cursor,
)
from llmflow_store.port import SpanCursor, TraceCursor


@given(st.integers(0, 2**63 - 1), st.binary(min_size=16, max_size=16))
def test_a_cursor_comes_back_as_it_went(start_time_ns: int, trace_id: bytes) -> None:
    text = encode_cursor(TraceCursor(start_time_ns, trace_id))
    assert decode_cursor(text) == TraceCursor(start_time_ns, trace_id)
    assert text.replace("-", "").replace("_", "").isalnum()


_DURATION, _COST = ListOrder("duration"), ListOrder("cost", ascending=True)
_AT = TraceCursor(5, b"t" * 16)


@given(st.decimals(min_value="1e-18", max_value=10**9, places=18), st.integers(1, 2**63 - 1))
def test_the_value_of_another_order_comes_back(cost: Decimal, duration_ns: int) -> None:
    dear, slow = SpanCursor(5, b"s" * 8, b"t" * 16, cost), SpanCursor(5, b"s" * 8, b"t" * 16, duration_ns)
    assert decode_span_cursor(encode_span_cursor(dear, _COST), _COST) == dear
    assert decode_span_cursor(encode_span_cursor(slow, _DURATION), _DURATION) == slow
    assert decode_cursor(encode_cursor(_AT, _COST), _COST) == _AT


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        (_DURATION, _COST),
        (_COST, ListOrder("cost")),
        (_COST, ListOrder()),
        (ListOrder(), _COST),
        (ListOrder(), ListOrder("time", ascending=True)),
    ],
    ids=str,
)
def test_a_cursor_of_another_order_is_refused(made: ListOrder, asked: ListOrder) -> None:
    with pytest.raises(Rejected, match=f"in the order {asked}") as refused:
        decode_cursor(encode_cursor(replace(_AT, value=None if made.by == "time" else 7), made), asked)
    assert refused.value.field == "cursor"


@pytest.mark.parametrize("number", ["-1", "0", "x", "NaN", "Infinity", "1e3", "07", "1" * 60, "\u0661"])
def test_a_value_that_no_page_ends_with_is_refused(number: str) -> None:
    packed = base64.urlsafe_b64decode(encode_cursor(_AT, _COST)) + number.encode()
    with pytest.raises(Rejected, match="not a cursor"):
        decode_cursor(base64.urlsafe_b64encode(packed).decode(), _COST)


@given(st.text())
def test_no_text_does_anything_but_decode_or_get_refused(text: str) -> None:
    with suppress(Rejected):
        assert encode_cursor(decode_cursor(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "abc", "A" * 31, "A" * 33, "A" * 36, "A" * 31 + "é", "A" * 31 + "+", "_" * 32],
    ids=["empty", "short", "cut", "long", "padded", "not ascii", "other alphabet", "before 1970"],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(Rejected) as refused:
        decode_cursor(text)
    assert refused.value.field == "cursor"
