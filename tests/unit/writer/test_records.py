"""Records of the log become priced spans, or a problem."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmflow_bus import Record, topics
from llmflow_core.pricing import Prices
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_writer.records import decode


def record(value: bytes, **headers: str) -> Record:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Record(topics.SPANS, 0, 7, 0, None, value, named)


def test_spans_belong_to_the_project_of_the_header() -> None:
    value = otlp_request([1, 2]).SerializeToString()
    assert [span.project for span in decode(record(value), Prices()).spans] == ["default", "default"]
    assert {span.project for span in decode(record(value, llmflow_project="shop"), Prices()).spans} == {"shop"}


@pytest.mark.parametrize("project", ["", "Shop", "a b", "x" * 64, "-a"])
def test_a_name_that_no_project_can_have_is_a_problem(project: str) -> None:
    decoded = decode(record(otlp_request([1]).SerializeToString(), llmflow_project=project), Prices())
    assert decoded.spans == []
    assert "llmflow-project" in decoded.problems[0]


def test_spans_are_priced() -> None:
    request = otlp_request([1])
    span = request.resource_spans[0].scope_spans[0].spans[0]
    for name, count in (("gen_ai.usage.input_tokens", 1_000_000), ("gen_ai.usage.output_tokens", 0)):
        attribute = span.attributes.add(key=name)
        attribute.value.int_value = count
    (stored,) = decode(record(request.SerializeToString()), Prices()).spans
    assert stored.cost == Decimal("2.5")


def test_bytes_that_are_no_request_are_a_problem() -> None:
    decoded = decode(record(b"\xff\xfe not protobuf"), Prices())
    assert decoded.spans == []
    assert len(decoded.problems) == 1


def test_a_faulty_span_does_not_cost_its_neighbours() -> None:
    request = otlp_request([1, 2, 3])
    request.resource_spans[0].scope_spans[0].spans[1].span_id = b"short"
    decoded = decode(record(request.SerializeToString()), Prices())
    assert [int.from_bytes(span.span_id) for span in decoded.spans] == [1, 3]
    assert len(decoded.problems) == 1
    assert "span_id" in decoded.problems[0]


def test_a_fault_of_ours_is_a_problem_of_that_record_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("llmflow_core.otlp.spans_of", broken)
    decoded = decode(record(otlp_request([1]).SerializeToString()), Prices())
    assert decoded.problems == ["ZeroDivisionError: ours"]
