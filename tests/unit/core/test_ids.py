from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from llmflow_core.ids import new_span_id, new_trace_id, trace_id_from_text


def test_a_uuid_is_the_trace_id_itself() -> None:
    chosen = uuid.uuid4()
    assert trace_id_from_text(str(chosen)) == chosen.bytes
    assert trace_id_from_text(chosen.hex) == chosen.bytes


@given(st.text())
def test_any_text_gives_one_valid_trace_id(text: str) -> None:
    trace_id = trace_id_from_text(text)
    assert len(trace_id) == 16
    assert any(trace_id)
    assert trace_id == trace_id_from_text(text)


def test_new_ids_have_their_lengths_and_differ() -> None:
    assert (len(new_trace_id()), len(new_span_id())) == (16, 8)
    assert new_trace_id() != new_trace_id()
