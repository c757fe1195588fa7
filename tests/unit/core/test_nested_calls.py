"""A call that an instrumentation and the instrumented library both trace counts once."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from llmflow_core.otlp import key_values, spans_of

_CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "claude-sonnet-4",
    "gen_ai.usage.input_tokens": 20,
    "gen_ai.usage.output_tokens": 5,
}


def _span(number: int, parent: int, attributes: Mapping[str, object]) -> Span:
    return Span(
        trace_id=b"t" * 16,
        span_id=bytes([number]) * 8,
        parent_span_id=bytes([parent]) * 8 if parent else b"",
        start_time_unix_nano=1_700_000_000_000_000_000 + number,
        attributes=key_values(attributes),
    )


def _agent(number: int, parent: int, kind: Span.SpanKind.ValueType = Span.SPAN_KIND_CLIENT) -> Span:
    span = _span(number, parent, {**_CALL, "gen_ai.operation.name": "invoke_agent", "gen_ai.usage.cost": 1.5})
    span.kind = kind
    return span


def _tokens(*spans: Span) -> list[int | None]:
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])
    return [span.input_tokens for span in spans_of(request)]


def test_the_innermost_call_counts() -> None:
    assert _tokens(_span(1, 0, _CALL), _span(2, 1, _CALL), _span(3, 2, _CALL)) == [None, None, 20]


def test_the_outer_call_keeps_its_attributes() -> None:
    outer = _span(1, 0, _CALL)
    request = ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[_span(2, 1, _CALL), outer])])]
    )
    assert spans_of(request)[1].attributes["gen_ai.usage.input_tokens"] == 20


def test_calls_side_by_side_and_calls_of_tools_count_each() -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ask another model"}
    assert _tokens(_span(1, 9, _CALL), _span(2, 9, _CALL)) == [20, 20]
    assert _tokens(_span(1, 0, _CALL), _span(2, 1, tool), _span(3, 2, _CALL)) == [20, None, 20]


def test_an_inner_call_without_tokens_takes_none_away() -> None:
    bare = {name: value for name, value in _CALL.items() if "usage" not in name}
    assert _tokens(_span(1, 0, _CALL), _span(2, 1, bare)) == [20, None]


def test_an_agent_s_sum_counts_only_where_no_call_of_it_does() -> None:
    step = {"gen_ai.operation.name": "execute_tool"}
    bare = {name: value for name, value in _CALL.items() if "usage" not in name}
    assert _tokens(_agent(1, 0)) == [20]
    assert _tokens(_agent(1, 0), _span(2, 1, bare)) == [20, None]
    assert _tokens(_agent(1, 0), _span(2, 1, _CALL), _span(3, 1, _CALL)) == [None, 20, 20]
    assert _tokens(_span(3, 2, _CALL), _span(2, 1, step), _agent(1, 0)) == [20, None, None]
    assert _tokens(_agent(1, 0), _agent(2, 1)) == [None, 20]
    assert _tokens(_agent(1, 0), _span(2, 9, _CALL)) == [20, 20]
    assert _tokens(_agent(1, 0, Span.SPAN_KIND_INTERNAL)) == [None]


def test_an_agent_s_cost_is_not_counted_beside_its_calls() -> None:
    request = ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[_agent(1, 0), _span(2, 1, _CALL)])])]
    )
    assert [span.cost for span in spans_of(request)] == [None, None]


def test_spans_that_are_each_other_s_parents_come_to_an_end() -> None:
    assert _tokens(_agent(1, 2), _agent(2, 1), _span(3, 1, _CALL)) == [None, None, 20]
