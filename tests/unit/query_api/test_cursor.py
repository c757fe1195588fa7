"""Page cursors: any position survives the trip, any other text is refused by name."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmflow_core.errors import Rejected
from llmflow_query_api.cursor import decode_cursor, encode_cursor
from llmflow_store.port import TraceCursor


@given(st.integers(0, 2**63 - 1), st.binary(min_size=16, max_size=16))
def test_a_cursor_comes_back_as_it_went(start_time_ns: int, trace_id: bytes) -> None:
    text = encode_cursor(TraceCursor(start_time_ns, trace_id))
    assert decode_cursor(text) == TraceCursor(start_time_ns, trace_id)
    assert text.replace("-", "").replace("_", "").isalnum()


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
