"""What is made of spans before they are written."""

from __future__ import annotations

import random
from dataclasses import replace
from operator import attrgetter

import pytest

from llmflow_core.errors import Permanent
from llmflow_store.batches import SpanBatch
from llmflow_testkit.spans import make_span, random_spans


def test_a_batch_is_the_sequence_it_was_made_from() -> None:
    spans = random_spans(random.Random(1), 5)
    batch = SpanBatch([*spans, spans[0]])
    assert list(batch) == [*spans, spans[0]]
    assert (len(batch), batch[1], batch[:2]) == (6, spans[1], spans[:2])


def test_rows_are_in_the_order_of_their_keys_and_the_first_of_equal_ones_counts() -> None:
    spans = random_spans(random.Random(2), 50)
    batch = SpanBatch([*spans, *(replace(span, name="again") for span in spans)])
    assert batch.spans == sorted(spans, key=attrgetter("key"))
    assert [key[2] for key in batch.keys] == [span.span_id for span in batch.spans]
    assert len(batch.summaries) == 4


def test_a_part_of_a_batch_is_the_batch_of_that_part() -> None:
    spans = random_spans(random.Random(3), 40)
    whole, part = SpanBatch(spans), SpanBatch(spans[::3])
    assert whole.only(set(whole.keys)) is whole
    chosen = whole.only(set(part.keys))
    for made in ("spans", "keys", "rows", "content", "said", "terms", "summaries", "rollups"):
        assert getattr(chosen, made) == getattr(part, made), made


def test_chosen_attributes_are_summed_up() -> None:
    batch = SpanBatch([make_span(attributes={"tenant": "a"}), make_span(attributes={"tenant": "b"})], ["tenant"])
    values = {row[2:4] for addition in batch.rollups if addition.table == "rollups_value_hour" for row in addition.rows}
    assert {("attr.tenant", "a"), ("attr.tenant", "b")} <= values


def test_a_span_that_no_row_can_hold_is_refused() -> None:
    with pytest.raises(Permanent, match="start_time_ns"):
        SpanBatch([make_span(), make_span(start_time_ns=2**63)])
