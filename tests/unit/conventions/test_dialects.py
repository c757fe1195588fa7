"""What the recordings do not show: older versions, rarer attributes, other bodies."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from llmflow_core.content import conversation
from llmflow_core.conventions import apply_conventions
from llmflow_core.messages import Message, Part
from llmflow_core.spans import ObservationType, Score, Span, Status


def applied(attributes: dict[str, Any], **fields: Any) -> Span:
    span = Span(
        trace_id=b"t" * 16, span_id=b"s" * 8, name="n", start_time_ns=1, duration_ns=1, attributes=attributes, **fields
    )
    apply_conventions(span)
    return span


def said(text: str, role: str = "user") -> Message:
    return Message(role=role, parts=[Part(type="text", text=text)])


class TestOpenInference:
    kind = {"openinference.span.kind": "LLM"}  # noqa: RUF012 - never changed

    def test_cached_tokens_that_came_apart_are_added_to_the_input(self) -> None:
        counts = {
            "llm.token_count.prompt": 10,
            "llm.token_count.prompt_details.cache_read": 60,
            "llm.token_count.prompt_details.cache_write": 30,
        }
        assert applied(self.kind | counts).input_tokens == 100
        assert applied(self.kind | counts | {"llm.token_count.prompt": 90}).input_tokens == 90

    def test_annotations_and_evaluations_are_scores(self) -> None:
        span = applied(
            self.kind
            | {
                "annotations.0.annotation.name": "helpful",
                "annotations.0.annotation.score": 1,
                "annotations.0.annotation.annotator_kind": "HUMAN",
                "evaluations.0.evaluation.name": "toxic",
                "evaluations.0.evaluation.label": "no",
                "evaluations.0.evaluation.explanation": "nothing bad",
            }
        )
        assert span.scores == [
            Score(name="helpful", value=1.0, source="annotation"),
            Score(name="toxic", label="no", comment="nothing bad"),
        ]

    def test_parts_of_every_kind_are_read(self) -> None:
        message = "llm.input_messages.0.message"
        parts = f"{message}.contents"
        span = applied(
            self.kind
            | {
                f"{message}.role": "user",
                f"{parts}.1.message_content.type": "audio",
                f"{parts}.1.message_content.audio.audio.url": "https://a/b.wav",
                f"{parts}.1.message_content.audio.audio.mime_type": "audio/wav",
                f"{parts}.0.message_content.type": "text",
                f"{parts}.0.message_content.text": "Listen",
                f"{parts}.2.message_content.type": "data",
                f"{parts}.2.message_content.data": "x",
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.function_call_name": "play",
                "llm.output_messages.0.message.function_call_arguments_json": '{"n": 1}',
            }
        )
        read = conversation(span)
        assert read.input[0].parts == [
            Part(type="text", text="Listen"),
            Part(type="audio", uri="https://a/b.wav", media_type="audio/wav"),
            Part(type="unknown", value={"type": "data", "data": "x"}),
        ]
        assert read.output[0].parts == [Part(type="tool_call", name="play", arguments={"n": 1})]

    def test_completions_without_messages_are_read(self) -> None:
        span = applied(
            self.kind | {"llm.prompts.0.prompt.text": "Once", "llm.choices.0.completion.text": "upon a time"}
        )
        assert conversation(span).input == [said("Once")]
        assert conversation(span).output == [said("upon a time", "assistant")]

    def test_a_span_of_two_dialects_is_read_in_the_one_that_has_its_messages(self) -> None:
        messages = '[{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]'
        assert conversation(applied(self.kind | {"gen_ai.input.messages": messages})).input == [said("Hi")]


class TestLangfuse:
    @pytest.mark.parametrize(
        ("usage", "tokens"),
        [
            ({"input": 10, "output": 5, "total": 15}, (10, 5, None, None, None)),
            ({"input": 10, "input_cache_read": 60, "output": 5, "output_reasoning": 2}, (70, 7, 60, None, 2)),
            ({"promptTokens": 10, "completionTokens": 5}, (10, 5, None, None, None)),
            (
                {
                    "input_tokens": 10,
                    "cache_read_input_tokens": 60,
                    "cache_creation_input_tokens": 30,
                    "cache_creation_ephemeral_5m_input_tokens": 30,
                    "cache_creation": {"ephemeral_5m_input_tokens": 30},
                    "output_tokens": 5,
                },
                (100, 5, 60, 30, None),
            ),
            (
                {
                    "prompt_tokens": 100,
                    "prompt_tokens_details": {"cached_tokens": 60},
                    "completion_tokens": 5,
                    "completion_tokens_details": {"reasoning_tokens": 2},
                },
                (100, 5, 60, None, 2),
            ),
            ({}, (None, None, None, None, None)),
        ],
    )
    def test_no_token_is_counted_twice(self, usage: dict[str, Any], tokens: tuple[int | None, ...]) -> None:
        span = applied({"langfuse.observation.usage_details": orjson.dumps(usage).decode()})
        found = (span.input_tokens, span.output_tokens, span.cache_read_tokens, span.cache_write_tokens)
        assert (*found, span.reasoning_tokens) == tokens

    def test_the_parts_of_a_cost_are_added_where_no_total_came(self) -> None:
        span = applied({"langfuse.observation.cost_details": '{"input": 0.1, "input_cache_read": 0.2, "output": 0.4}'})
        assert (span.input_cost, span.output_cost, span.cost) == (Decimal("0.3"), Decimal("0.4"), Decimal("0.7"))

    def test_the_level_tells_of_errors(self) -> None:
        span = applied({"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "too slow"})
        assert (span.status, span.status_message) == (Status.ERROR, "too slow")

    @pytest.mark.parametrize(
        ("moment", "after"),
        [('"1970-01-01T00:00:01Z"', 10**9 - 1), ("1970-01-01T00:00:01", 10**9 - 1), ("never", None), (7, None)],
    )
    def test_the_first_token_came_after_the_start(self, moment: Any, after: int | None) -> None:
        span = applied({"langfuse.observation.completion_start_time": moment})
        assert span.time_to_first_token_ns == after

    def test_a_traces_input_and_output_are_those_of_the_span_that_has_them(self) -> None:
        span = applied({"langfuse.trace.input": '{"q": 1}', "langfuse.trace.output": "done"})
        assert conversation(span).input == [Message(role="input", parts=[Part(type="json", value={"q": 1})])]
        assert conversation(span).output == [said("done", "output")]

    def test_spans_of_other_libraries_keep_their_own_meaning(self) -> None:
        span = applied(
            {
                "langfuse.environment": "staging",
                "langfuse.trace.tags": ["red"],
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o",
            },
            resource_attributes={"deployment.environment.name": "production", "langfuse.release": "7"},
        )
        assert (span.observation_type, span.model, span.environment) == (
            ObservationType.GENERATION,
            "gpt-4o",
            "staging",
        )
        assert (span.tags, span.release) == (["red"], "7")


def test_mlflow_tells_costs_and_prompts() -> None:
    span = applied(
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.llm.model": '"claude-sonnet-4-5"',
            "mlflow.llm.provider": '"anthropic"',
            "mlflow.llm.cost": '{"input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3}',
            "mlflow.linkedPrompts": '[{"name": "capitals", "version": "3"}]',
            "session.id": '"session-1"',
        }
    )
    assert (span.model, span.response_model, span.provider) == ("claude-sonnet-4-5", None, "anthropic")
    assert (span.input_cost, span.output_cost, span.cost) == (Decimal("0.1"), Decimal("0.2"), Decimal("0.3"))
    assert (span.prompt_name, span.prompt_version, span.session_id) == ("capitals", "3", "session-1")


def test_langsmith_tells_costs() -> None:
    usage = {"input_tokens": 9, "output_tokens": 1, "input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3}
    span = applied({"langsmith.span.kind": "llm", "langsmith.metadata.usage_metadata": orjson.dumps(usage).decode()})
    assert (span.input_tokens, span.cost, span.output_cost) == (9, Decimal("0.3"), Decimal("0.2"))


def test_litellms_proxy_tells_what_its_callers_said() -> None:
    span = applied(
        {
            "metadata.requester_metadata": "{'session_id': 'session-1', 'tags': ['red'], 'n': None}",
            "metadata.user_api_key_end_user_id": "user-1",
        },
        scope="litellm",
    )
    assert (span.session_id, span.tags, span.user_id) == ("session-1", ["red"], "user-1")


@pytest.mark.parametrize(
    "hostile", ["{1:" + "-" * 3900 + "1}", "{" * 3900, "{1:" + "[" * 3900, "{" + "1" * 100_000, "{}"]
)
def test_what_is_no_python_literal_is_left_alone(hostile: str) -> None:
    span = applied({"metadata.requester_metadata": hostile, "metadata.usage_object": hostile}, scope="litellm")
    assert (span.session_id, span.cache_read_tokens) == (None, None)


TOOLS = [{"name": "get_weather"}]
CALL = Part(type="tool_call", id="c1", name="get_weather", arguments={"city": "Paris"})


@pytest.mark.parametrize(
    ("request_body", "answer_body", "call"),
    [
        (
            {"system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}], "tools": TOOLS},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Paris"}}],
                "stop_reason": "tool_use",
            },
            CALL,
        ),
        (
            {"instructions": "Be brief.", "input": "Hi", "tools": TOOLS},
            {
                "output": [
                    {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city": "Paris"}'}
                ]
            },
            CALL,
        ),
        (
            {
                "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
                "config": {"system_instruction": {"parts": [{"text": "Be brief."}]}, "tools": TOOLS},
            },
            {
                "candidates": [
                    {
                        "content": {
                            "role": "model",
                            "parts": [{"functionCall": {"id": "c1", "name": "get_weather", "args": {"city": "Paris"}}}],
                        },
                        "finishReason": "STOP",
                    }
                ]
            },
            CALL,
        ),
        (
            {
                "messages": [
                    [
                        {"lc": 1, "type": "constructor", "kwargs": {"content": "Be brief.", "type": "system"}},
                        {"lc": 1, "type": "constructor", "kwargs": {"content": "Hi", "type": "human"}},
                    ]
                ],
                "tools": TOOLS,
            },
            {
                "generations": [
                    [
                        {
                            "text": "",
                            "generation_info": {"finish_reason": "tool_calls"},
                            "message": {
                                "type": "ai",
                                "data": {
                                    "content": "",
                                    "tool_calls": [{"id": "c1", "name": "get_weather", "args": {"city": "Paris"}}],
                                },
                            },
                        }
                    ]
                ]
            },
            CALL,
        ),
    ],
    ids=["anthropic", "openai responses", "gemini", "langchain"],
)
def test_whole_bodies_are_read_as_messages(request_body: Any, answer_body: Any, call: Part) -> None:
    span = applied(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.input": orjson.dumps(request_body).decode(),
            "langfuse.observation.output": orjson.dumps(answer_body).decode(),
        }
    )
    read = conversation(span)
    assert read.input == [said("Be brief.", "system"), said("Hi")]
    assert read.tools == TOOLS
    assert [message.parts for message in read.output] == [[call]]
