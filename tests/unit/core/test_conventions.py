from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from llmflow_core.content import conversation
from llmflow_core.conventions import apply_conventions
from llmflow_core.conventions.rules import MOST_NAMES, Convention, RuleBook
from llmflow_core.conventions.values import count, text
from llmflow_core.messages import Message, Part
from llmflow_core.spans import ObservationType, Score, Span, SpanKind, Status


def applied(attributes: dict[str, Any], **fields: Any) -> Span:
    span = Span(
        trace_id=b"t" * 16, span_id=b"s" * 8, name="n", start_time_ns=1, duration_ns=1, attributes=attributes, **fields
    )
    apply_conventions(span)
    return span


def test_genai_attributes_fill_the_fields_and_stay_attributes() -> None:
    span = applied(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.usage.input_tokens": 120,
            "gen_ai.usage.output_tokens": "30",
            "gen_ai.usage.cache_read.input_tokens": 100.0,
            "gen_ai.usage.reasoning.output_tokens": 10,
            "gen_ai.usage.cost": 0.1,
            "gen_ai.response.time_to_first_chunk": 0.25,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.conversation.id": "c-1",
            "user.id": 7,
            "error.type": "timeout",
            "http.response.status_code": 504,
            "feature": "chat",
        },
        resource_attributes={"deployment.environment.name": "prod", "service.version": "1.2"},
    )
    assert span.observation_type is ObservationType.GENERATION
    assert (span.provider, span.model, span.response_model) == ("openai", "gpt-4o", "gpt-4o-2024-08-06")
    assert (span.input_tokens, span.output_tokens, span.cache_read_tokens, span.reasoning_tokens) == (120, 30, 100, 10)
    assert (span.cost, span.time_to_first_token_ns, span.finish_reasons) == (Decimal("0.1"), 250_000_000, ["stop"])
    assert (span.session_id, span.user_id, span.environment, span.release) == ("c-1", "7", "prod", "1.2")
    assert (span.error_type, span.http_status) == ("timeout", 504)
    assert span.attributes["feature"] == "chat"
    assert span.attributes["gen_ai.request.model"] == "gpt-4o"


def test_the_current_name_wins_over_the_one_it_replaced_whatever_their_order() -> None:
    names = [("gen_ai.usage.prompt_tokens", 1), ("gen_ai.usage.input_tokens", 2)]
    assert applied(dict(names)).input_tokens == 2
    assert applied(dict(reversed(names))).input_tokens == 2


def test_values_of_the_wrong_kind_leave_the_field_alone() -> None:
    attributes = {
        "gen_ai.usage.input_tokens": -3,
        "gen_ai.usage.output_tokens": [1],
        "gen_ai.usage.cost": "NaN",
        "gen_ai.response.time_to_first_chunk": "soon",
        "gen_ai.operation.name": {"a": 1},
        "gen_ai.request.model": "",
    }
    span = applied(dict(attributes))
    assert (span.input_tokens, span.output_tokens, span.cost, span.time_to_first_token_ns) == (None,) * 4
    assert span.observation_type == ObservationType.SPAN
    assert span.model is None
    assert span.attributes == attributes


def test_messages_are_content_and_read_as_a_conversation() -> None:
    messages = [
        {"role": "user", "parts": [{"type": "text", "content": "Weather in\n Paris?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "1", "name": "w", "arguments": '{"city": "Paris"}'}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "rainy"}]},
    ]
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": "Rain."}], "finish_reason": "stop"}]
    raw = {
        "gen_ai.input.messages": orjson.dumps(messages).decode(),
        "gen_ai.output.messages": answer,
        "gen_ai.system_instructions": '[{"type": "text", "content": "Be brief."}]',
        "gen_ai.tool.definitions": '[{"name": "w"}]',
    }
    span = applied(dict(raw))

    assert span.content == raw
    assert span.attributes == {}
    assert (span.input_preview, span.output_preview) == ("Weather in Paris?", "Rain.")
    read = conversation(span)
    assert read.input == [
        Message(role="system", parts=[Part(type="text", text="Be brief.")]),
        Message(role="user", parts=[Part(type="text", text="Weather in\n Paris?")]),
        Message(role="assistant", parts=[Part(type="tool_call", id="1", name="w", arguments={"city": "Paris"})]),
        Message(role="tool", parts=[Part(type="tool_call_response", id="1", result="rainy")]),
    ]
    assert read.output == [Message(role="assistant", parts=[Part(type="text", text="Rain.")], finish_reason="stop")]
    assert read.tools == [{"name": "w"}]


def test_a_tools_arguments_and_result_are_its_input_and_output() -> None:
    span = applied(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.call.arguments": '{"city": "Paris"}',
            "gen_ai.tool.call.result": "rainy",
        }
    )
    assert span.observation_type is ObservationType.TOOL
    read = conversation(span)
    assert read.input == [Message(role="input", parts=[Part(type="json", value={"city": "Paris"})])]
    assert read.output == [Message(role="output", parts=[Part(type="text", text="rainy")])]


def test_unknown_parts_and_broken_json_are_kept() -> None:
    span = applied(
        {"gen_ai.input.messages": "[not json", "gen_ai.output.messages": [{"parts": [{"type": "hologram"}]}]}
    )
    read = conversation(span)
    assert read.input == [Message(role="user", parts=[Part(type="text", text="[not json")])]
    assert read.output == [Message(role="assistant", parts=[Part(type="unknown", value={"type": "hologram"})])]


def test_one_attribute_may_fill_several_fields_and_several_attributes_complete_a_span() -> None:
    def add_cached_tokens(span: Span) -> None:
        if span.cache_read_tokens is not None and span.input_tokens is not None:
            span.input_tokens += span.cache_read_tokens

    dialect = Convention(
        name="dialect",
        fields={
            "who": (("user_id", text), ("session_id", text)),
            "input": ("input_tokens", count),
            "cached": ("cache_read_tokens", count),
            "said.language": ("release", text),
        },
        content_prefixes=("said.",),
        finish=add_cached_tokens,
    )
    span = Span(
        trace_id=b"t" * 16, span_id=b"s" * 8, name="n", start_time_ns=1, duration_ns=1, attributes={"who": "ada"}
    )
    span.attributes |= {"input": 5, "cached": 3, "said.0": "hello", "said.language": "en", "unknown": 1}
    RuleBook([dialect]).apply(span)
    assert (span.user_id, span.session_id, span.input_tokens, span.release) == ("ada", "ada", 8, "en")
    assert span.content == {"said.0": "hello"}
    assert "unknown" in span.attributes


def test_functions_are_called_for_marked_spans_alone() -> None:
    def finish(span: Span) -> None:
        span.release = "seen"

    book = RuleBook([Convention(name="dialect", marks=("dialect.",), finish=finish)])
    seen = []
    for scope, attribute in [("", "x"), ("dialect.web", "x"), ("", "dialect.kind"), ("", "a.dialect.")]:
        span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="n", start_time_ns=1, duration_ns=1)
        span.scope, span.attributes = scope, {attribute: 1}
        book.apply(span)
        seen.append(span.release)
    assert seen == [None, "seen", "seen", None]


def test_a_span_wins_over_its_resource() -> None:
    assert applied({"user.id": "ada"}, resource_attributes={"user.id": "root"}).user_id == "ada"


def test_names_without_end_are_not_remembered_without_end() -> None:
    book = RuleBook([Convention(name="dialect", fields={"who": ("user_id", text)})])
    for batch in range(3):
        attributes = {f"{batch}.{n}": n for n in range(10_000)}
        span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="n", start_time_ns=1, duration_ns=1)
        span.attributes = attributes | {"who": "ada"}
        book.apply(span)
        assert span.user_id == "ada"
        assert len(book.known_names) <= MOST_NAMES


def test_an_evaluation_is_a_score_of_its_span() -> None:
    evaluation = {
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.value": 0.9,
        "gen_ai.evaluation.score.label": "relevant",
        "gen_ai.evaluation.explanation": "It answers.",
    }
    events = [{"name": "gen_ai.evaluation.result", "time_unix_nano": 7, "attributes": evaluation}]
    span = applied({}, events=list(events))
    assert span.scores == [Score(name="relevance", value=0.9, label="relevant", comment="It answers.", time_ns=7)]
    assert span.events == events


@pytest.mark.parametrize(("operation", "kind", "counts"), [
    ("invoke_agent", SpanKind.INTERNAL, False),
    ("invoke_workflow", SpanKind.INTERNAL, False),
    ("invoke_agent", SpanKind.CLIENT, True),
    ("chat", SpanKind.INTERNAL, True),
])  # fmt: skip
def test_what_a_span_sums_up_is_counted_only_where_it_was_spent(operation: str, kind: SpanKind, counts: bool) -> None:
    usage = {"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 2, "gen_ai.usage.cost": 0.5}
    span = applied({"gen_ai.operation.name": operation, **usage}, kind=kind)
    assert (span.input_tokens, span.output_tokens, span.cost) == ((3, 2, Decimal("0.5")) if counts else (None,) * 3)
    assert span.attributes.items() >= usage.items()


def test_a_recorded_exception_tells_the_kind_of_an_error() -> None:
    event = {"name": "exception", "time_unix_nano": 1, "attributes": {"exception.type": "openai.RateLimitError"}}
    assert applied({}, status=Status.ERROR, events=[event]).error_type == "openai.RateLimitError"
    assert applied({}, events=[event]).error_type is None


def test_the_last_answer_is_shown_where_the_output_repeats_what_led_to_it() -> None:
    said = [("user", "Weather?"), ("assistant", "Let me look."), ("assistant", "Rain.")]
    messages = [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in said]
    assert applied({"gen_ai.output.messages": messages}).output_preview == "Rain."


def test_messages_in_events_are_read_whether_their_body_is_attributes_or_json() -> None:
    events = [
        ("gen_ai.user.message", {"content": "Weather?"}),
        ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "Rain."}}),
        ("gen_ai.content.prompt", {"gen_ai.prompt": '[{"role": "user", "content": "And now?"}]'}),
        ("gen_ai.content.completion", {"gen_ai.completion": "Still rain."}),
    ]
    span = applied(
        {"gen_ai.request.model": "gpt-4"},
        events=[{"name": name, "time_unix_nano": 1, "attributes": attributes} for name, attributes in events],
    )
    assert span.observation_type is ObservationType.GENERATION
    assert (span.events, span.finish_reasons) == ([], ["stop"])
    assert [(m.role, m.parts[0].text) for m in conversation(span).input] == [("user", "Weather?"), ("user", "And now?")]
    assert [m.parts[0].text for m in conversation(span).output] == ["Rain.", "Still rain."]


def test_the_event_that_holds_an_operations_details_is_read_as_its_attributes() -> None:
    details = {"gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}]'}
    event = {"name": "gen_ai.client.inference.operation.details", "time_unix_nano": 1, "attributes": details}
    span = applied({}, events=[event])
    assert span.input_preview == "Weather?"
    assert span.content == {"event:0": event}
