"""Records of the log become priced spans, log records or metric points, or a problem."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from llmflow_bus import Record, topics
from llmflow_bus.dead_letters import OFFSET_HEADER, PARTITION_HEADER, SOURCE_HEADER, TOPIC_HEADER
from llmflow_core.coding_tools import EventKind
from llmflow_core.own_prices import OwnPrice
from llmflow_core.pricing import Prices
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.recorded_coding_tools import recorded_logs, recorded_metrics
from llmflow_writer.records import GROUP, decode


def record(value: bytes, *, topic: str = topics.SPANS, offset: int = 7, **headers: str) -> Record:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Record(topic, 0, offset, 1_700_000_000_000, None, value, named)


def test_spans_belong_to_the_project_of_the_header() -> None:
    value = otlp_request([1, 2]).SerializeToString()
    assert [span.project for span in decode(record(value), Prices()).items] == ["default", "default"]
    assert {span.project for span in decode(record(value, llmflow_project="shop"), Prices()).items} == {"shop"}


@pytest.mark.parametrize("project", ["", "Shop", "a b", "x" * 64, "-a"])
def test_a_name_that_no_project_can_have_is_a_problem(project: str) -> None:
    decoded = decode(record(otlp_request([1]).SerializeToString(), llmflow_project=project), Prices())
    assert decoded.items == []
    assert "llmflow-project" in decoded.problems[0]


def test_spans_are_priced() -> None:
    request = otlp_request([1])
    span = request.resource_spans[0].scope_spans[0].spans[0]
    for name, count in (("gen_ai.usage.input_tokens", 1_000_000), ("gen_ai.usage.output_tokens", 0)):
        attribute = span.attributes.add(key=name)
        attribute.value.int_value = count
    (stored,) = decode(record(request.SerializeToString()), Prices()).items
    assert stored.cost == Decimal("2.5")


def test_a_letter_is_stored_when_the_writer_had_refused_it_and_not_when_a_destination_had() -> None:
    value = otlp_request([1, 2]).SerializeToString()
    stored, left = (
        decode(replace(record(value), headers={SOURCE_HEADER: source}), Prices())
        for source in (GROUP, "llmflow-exporter-a")
    )
    assert (len(stored.items), left.items, left.problems) == (2, [], [])


def test_bytes_that_are_no_request_are_a_problem() -> None:
    decoded = decode(record(b"\xff\xfe not protobuf"), Prices())
    assert decoded.items == []
    assert len(decoded.problems) == 1


def test_a_faulty_span_does_not_cost_its_neighbours() -> None:
    request = otlp_request([1, 2, 3])
    request.resource_spans[0].scope_spans[0].spans[1].span_id = b"short"
    decoded = decode(record(request.SerializeToString()), Prices())
    assert [int.from_bytes(span.span_id) for span in decoded.items] == [1, 3]
    assert len(decoded.problems) == 1
    assert "span_id" in decoded.problems[0]


def test_a_fault_of_ours_is_a_problem_of_that_record_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("llmflow_core.otlp.spans_of", broken)
    decoded = decode(record(otlp_request([1]).SerializeToString()), Prices())
    assert decoded.problems == ["ZeroDivisionError: ours"]


def test_a_log_record_is_the_same_one_only_when_it_is_read_again() -> None:
    value = recorded_logs("claude_code").SerializeToString()
    ids = [log.id for log in decode(record(value, topic=topics.LOGS), Prices()).items]
    assert len(set(ids)) == len(ids) > 0
    assert [log.id for log in decode(record(value, topic=topics.LOGS), Prices()).items] == ids
    assert set(ids).isdisjoint(log.id for log in decode(record(value, topic=topics.LOGS, offset=8), Prices()).items)


def test_a_dead_letter_that_is_published_again_has_the_same_records() -> None:
    value = recorded_logs("claude_code").SerializeToString()
    headers = {TOPIC_HEADER: topics.LOGS, PARTITION_HEADER: "0", OFFSET_HEADER: "7"}
    again = Record(topics.LOGS, 3, 99, 0, None, value, headers)
    first = [log.id for log in decode(record(value, topic=topics.LOGS), Prices()).items]
    assert [log.id for log in decode(again, Prices()).items] == first


def test_a_log_without_a_time_has_the_time_at_which_the_log_took_it() -> None:
    request = recorded_logs("claude_code")
    log = request.resource_logs[0].scope_logs[0].log_records[0]
    log.time_unix_nano = log.observed_time_unix_nano = 0
    first, *_ = decode(record(request.SerializeToString(), topic=topics.LOGS), Prices()).items
    assert first.time_ns == 1_700_000_000_000_000_000


@pytest.mark.parametrize(("tool", "states_costs"), [("claude_code", True), ("codex", False), ("gemini_cli", False)])
def test_calls_of_command_line_tools_have_a_cost_stated_or_computed(tool: str, states_costs: bool) -> None:
    decoded = decode(
        record(recorded_logs(tool).SerializeToString(), topic=topics.LOGS, llmflow_project="cli"), Prices()
    )
    assert decoded.problems == []
    assert {log.project for log in decoded.items} == {"cli"}
    calls = [log for log in decoded.items if log.coding and log.coding.kind is EventKind.REQUEST]
    assert len(calls) == 2
    assert all(log.coding.cost > 0 and ("cost_usd" in log.attributes) == states_costs for log in calls)


def test_thoughts_of_a_command_line_tool_have_their_own_price() -> None:
    own = OwnPrice(name="thoughts", model=".*", input=Decimal(0), output=Decimal(0), reasoning=Decimal(1))
    value = record(recorded_logs("gemini_cli").SerializeToString(), topic=topics.LOGS)
    calls = [log.coding for log in decode(value, Prices([own])).items if log.coding and log.coding.reasoning_tokens]
    assert calls
    assert all(call.cost == Decimal(call.reasoning_tokens) / 1_000_000 for call in calls)


def test_metric_points_belong_to_the_project_of_the_header() -> None:
    value = recorded_metrics("gemini_cli").SerializeToString()
    decoded = decode(record(value, topic=topics.METRICS, llmflow_project="cli"), Prices())
    assert decoded.problems == []
    assert {point.series.project for point in decoded.items} == {"cli"}


@pytest.mark.parametrize("topic", [topics.METRICS, topics.LOGS])
def test_bytes_that_are_no_logs_or_metrics_are_a_problem(topic: str) -> None:
    decoded = decode(record(b"\xff\xfe not protobuf", topic=topic), Prices())
    assert (decoded.items, len(decoded.problems)) == ([], 1)
