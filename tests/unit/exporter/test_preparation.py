"""What of a record goes to a destination: selection, sampling, content, resource attributes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from llmflow_bus import Record, topics
from llmflow_core.conventions.values import decoded
from llmflow_core.destinations.destination import Destination, Selection
from llmflow_core.dialects import DIALECTS
from llmflow_core.dialects.rewriting import messages_of
from llmflow_core.errors import Rejected
from llmflow_core.filters import parse_filter
from llmflow_core.otlp import attributes_of, key_values
from llmflow_exporter.preparation import Preparation, halves
from llmflow_testkit.otlp_requests import traces_of_json
from llmflow_testkit.recorded_conventions import recorded_bytes, recorded_libraries, recorded_spans

CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.provider.name": "openai",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"mail ada@example.com"}]}]',
    "feature": "search",
}


def _span(number: int, *, failed: bool = False, trace: bytes | None = None, **attributes: Any) -> Span:
    return Span(
        trace_id=trace or number.to_bytes(16),
        span_id=number.to_bytes(8),
        name=f"s{number}",
        start_time_unix_nano=number,
        end_time_unix_nano=number + 1,
        attributes=key_values(attributes),
        status=Status(code=Status.STATUS_CODE_ERROR, message="for ada@example.com") if failed else None,
        events=[Span.Event(name="gen_ai.user.message", attributes=key_values({"content": "ada@example.com"}))],
    )


def _record(project: str | None = None, **spans: list[Span]) -> Record:
    """Spans by service."""
    request = ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=key_values({"service.name": service})), scope_spans=[ScopeSpans(spans=s)]
            )
            for service, s in spans.items()
        ]
    )
    headers = {topics.PROJECT_HEADER: project} if project else {}
    return Record(topics.SPANS, 0, 0, 0, None, request.SerializeToString(), headers)


def _prepared(record: Record, **fields: Any) -> ExportTraceServiceRequest:
    value = Preparation(Destination(name="d", url="http://h", **fields)).prepare(record)
    return ExportTraceServiceRequest.FromString(value or b"")


def _names(record: Record, **selection: Any) -> list[str]:
    return [span.name for span in messages_of(_prepared(record, selection=Selection(**selection)))]


MIXED = _record(web=[_span(1), _span(2, failed=True)], agent=[_span(3, **CHAT), _span(4, failed=True, **CHAT)])


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ({}, ["s1", "s2", "s3", "s4"]),
        ({"services": frozenset({"agent"})}, ["s3", "s4"]),
        ({"llm_only": True}, ["s3", "s4"]),
        ({"errors_only": True}, ["s2", "s4"]),
        ({"llm_only": True, "errors_only": True}, ["s4"]),
        ({"query": parse_filter("model:gpt-4* -status:error")}, ["s3"]),
        ({"query": parse_filter("cost:>0.003")}, ["s3", "s4"]),
        ({"query": parse_filter('attr.feature:search "mail ada"')}, ["s3", "s4"]),
        ({"services": frozenset({"nobody"})}, []),
        ({"sampling": 0.0}, []),
    ],
)
def test_selection(selection: dict[str, Any], names: list[str]) -> None:
    assert _names(MIXED, **selection) == names


def test_records_of_other_projects_are_not_even_read() -> None:
    selection = Selection(projects=frozenset({"a", "default"}))
    preparation = Preparation(Destination(name="d", url="-", selection=selection))
    unread = [Record(topics.SPANS, 0, 0, 0, None, b"bytes", headers) for headers in ({}, {topics.PROJECT_HEADER: "b"})]
    assert [preparation.prepare(record) for record in unread] == [b"bytes", None]


def test_a_trace_is_sampled_as_a_whole_and_the_same_everywhere() -> None:
    rng = random.Random(7)
    traces = [rng.randbytes(16) for _ in range(2000)]
    first = _record(a=[_span(n + 1, trace=trace) for n, trace in enumerate(traces)])
    second = _record(b=[_span(n + 1, trace=trace) for n, trace in enumerate(traces)])
    kept = _names(first, sampling=0.25)
    assert kept == _names(second, sampling=0.25)
    assert 400 < len(kept) < 600
    assert set(kept) <= set(_names(first, sampling=0.5))


def test_bytes_are_passed_on_where_nothing_is_asked_for() -> None:
    assert Preparation(Destination(name="d", url="-")).prepare(Record("t", 0, 0, 0, None, b"\xff", {})) == b"\xff"
    with pytest.raises(Rejected):
        Preparation(Destination(name="d", url="-", dialect="genai")).prepare(Record("t", 0, 0, 0, None, b"\xff", {}))


@pytest.mark.parametrize("dialect", ["as-received", "genai", "openinference", "openllmetry", "langfuse"])
def test_no_content_leaves_the_facts(dialect: str) -> None:
    request = _prepared(_record(agent=[_span(3, **CHAT)]), dialect=dialect, content="none")
    assert b"ada@" not in request.SerializeToString()
    assert b"gpt-4o" in request.SerializeToString()
    assert b"search" in request.SerializeToString()


@pytest.mark.parametrize("dialect", ["as-received", "genai", "openinference", "openllmetry", "langfuse"])
def test_redacted_content_keeps_its_shape(dialect: str) -> None:
    request = _prepared(_record(agent=[_span(3, failed=True, **CHAT)]), dialect=dialect, content="redacted")
    assert b"ada@" not in request.SerializeToString()
    assert b"mail [email]" in request.SerializeToString()
    assert messages_of(request)[0].status.message == "for [email]"


@pytest.mark.parametrize("content", ["none", "redacted"])
@pytest.mark.parametrize("dialect", ["as-received", "genai", "openinference", "openllmetry", "langfuse"])
def test_what_may_quote_content_goes_the_same_way(dialect: str, content: str) -> None:
    said = "mail ada@example.com"
    span = _span(1, failed=True, **{**CHAT, "llm.invocation_parameters": f'{{"instructions":"{said}"}}', "own": "kept"})
    span.attributes.extend(key_values({"gen_ai.tool.description": said, "evaluations.0.evaluation.explanation": said}))
    span.events.add(name="exception", attributes=key_values({"exception.message": said, "exception.type": "Refusal"}))
    span.events.add(name="mlflow.chunk.item.3", attributes=key_values({"mlflow.chunk.value": said}))
    request = _prepared(_record(agent=[span]), dialect=dialect, content=content)
    serialized = request.SerializeToString()
    assert b"ada@" not in serialized
    assert (b"mail [email]" in serialized, b"for [email]" in serialized) == (content == "redacted",) * 2
    assert b"Refusal" in serialized
    assert attributes_of(messages_of(request)[0].attributes)["own"] == "kept"


REQUEST = _span(1, request_data='{"model":"gpt-4o","messages":[{"role":"user","content":"mail ada@example.com"}]}')


@pytest.mark.parametrize("content", ["none", "redacted"])
@pytest.mark.parametrize("dialect", ["as-received", "genai", "openinference", "openllmetry", "langfuse"])
@pytest.mark.parametrize("pending", [False, True])
def test_content_that_only_the_whole_span_tells_is_content(dialect: str, content: str, pending: bool) -> None:
    span = Span()
    span.CopyFrom(REQUEST)
    if pending:
        span.attributes.extend(key_values({"logfire.span_type": "pending_span"}))
    scope_spans = ScopeSpans(scope=InstrumentationScope(name="logfire.openai"), spans=[span])
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[scope_spans])])
    record = Record(topics.SPANS, 0, 0, 0, None, request.SerializeToString(), {})
    found = _prepared(record, dialect=dialect, content=content)
    assert len(messages_of(found)) == (0 if pending else 1)
    assert b"ada@" not in found.SerializeToString()
    assert (b"mail [email]" in found.SerializeToString()) is (content == "redacted" and not pending)


def _texts(value: Any) -> Iterator[str]:
    value = decoded(value)
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif isinstance(value, str) and value.count(" ") > 4:  # and no description of a tool
        yield value


@pytest.mark.parametrize("library", recorded_libraries())
def test_nothing_that_is_said_to_a_library_leaves_without_content(library: str) -> None:
    said = {text for span in recorded_spans(library) for value in span.content.values() for text in _texts(value)}
    value = traces_of_json(recorded_bytes(library)).SerializeToString()
    for dialect in ("as-received", *DIALECTS):
        found = _prepared(Record(topics.SPANS, 0, 0, 0, None, value, {}), dialect=dialect, content="none")
        values = [attributes_of(message.attributes) for message in messages_of(found)]
        assert said.isdisjoint(_texts(values))


def test_resource_attributes_of_the_destination() -> None:
    request = _prepared(MIXED, resource={"service.name": "all", "openinference.project.name": "shop"})
    for resource_spans in request.resource_spans:
        assert attributes_of(resource_spans.resource.attributes) == {
            "service.name": "all",
            "openinference.project.name": "shop",
        }


def test_a_cost_is_worked_out_where_none_was_sent() -> None:
    (message,) = messages_of(_prepared(_record(a=[_span(3, **CHAT)]), dialect="openinference"))
    found = attributes_of(message.attributes)
    assert found["llm.cost.total"] == pytest.approx(0.0035)
    assert found["llm.token_count.total"] == 1100
    assert found["openinference.span.kind"] == "LLM"
    assert found["llm.input_messages.0.message.content"] == "mail ada@example.com"
    assert found["feature"] == "search"
    assert not any(name.startswith("gen_ai.usage") for name in found)


def test_a_first_token_at_the_end_of_time_holds_up_nothing() -> None:
    late = {**CHAT, "langfuse.observation.completion_start_time": "9999-12-31T23:59:59.999999Z"}
    [message] = messages_of(_prepared(_record(agent=[_span(1, **late)]), dialect="langfuse"))
    assert attributes_of(message.attributes)["gen_ai.request.model"] == "gpt-4o"


def test_halves_hold_everything_in_order() -> None:
    parts = halves(MIXED.value)
    assert parts is not None
    found = [[span.name for span in messages_of(ExportTraceServiceRequest.FromString(part))] for part in parts]
    assert found == [["s1", "s2"], ["s3", "s4"]]
    assert [len(ExportTraceServiceRequest.FromString(part).resource_spans) for part in parts] == [1, 1]
    assert halves(_record(a=[_span(1)]).value) is None
    assert halves(b"no request") is None
