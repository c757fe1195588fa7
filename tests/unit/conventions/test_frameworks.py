"""What the recordings of agent frameworks and SDKs do not show: other versions and providers, and broken values."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson
import pytest

from llmflow_core.content import conversation
from llmflow_core.conventions import apply_conventions
from llmflow_core.messages import Message, Part
from llmflow_core.otlp import attributes_of, parse_traces_json
from llmflow_core.spans import JSON, ObservationType, Span
from llmflow_testkit.recorded_conventions import recorded_bytes

_ODD: list[JSON] = [
    *(None, True, -1.5, "", "[", [[]], [3, None], {"content": 3}, "[{}]", "[[]]"),
    '{"messages": 3, "content": [[]]}',
    '[{"role": 3, "content": {"a": 1}, "tool_calls": [3]}]',
    '[{"type": "tool-result", "output": []}, {"toolUse": 3}]',
]


def applied(attributes: dict[str, JSON], **fields: Any) -> Span:
    fields = {"name": "n", "attributes": attributes, **fields}
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_ns=1, duration_ns=1, **fields)
    apply_conventions(span)
    return span


def text(value: JSON) -> str:
    return orjson.dumps(value).decode()


@pytest.mark.parametrize(("given", "provider"), [
    ("openai.responses", "openai"),
    ("google.generative-ai", "gcp.gemini"),
    ("google.vertex.chat", "gcp.vertex_ai"),
    ("vertex.anthropic.messages", "gcp.vertex_ai"),
    ("amazon-bedrock", "aws.bedrock"),
    ("azure-openai.chat", "azure.ai.openai"),
    ("xai.chat", "x_ai"),
    ("mistral.chat", "mistral_ai"),
    ("somebody.chat", "somebody"),
])  # fmt: skip
def test_the_ai_sdks_providers_have_the_conventions_names(given: str, provider: str) -> None:
    assert applied({"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": given}).provider == provider


def test_the_ai_sdks_parts_of_every_kind_are_read() -> None:
    span = applied(
        {
            "ai.operationId": "ai.streamText.doStream",
            "ai.prompt.messages": text([
                {"role": "user", "content": [{"type": "file", "mediaType": "application/pdf", "data": "https://a/b.pdf"}]},
                {"role": "assistant", "content": [
                    {"type": "reasoning", "text": "Why?"},
                    {"type": "tool-call", "toolCallId": "c", "toolName": "f", "args": {"a": 1}},
                ]},
                {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c", "toolName": "f", "result": 2}]},
            ]),
            "ai.response.reasoning": "Because.",
            "ai.response.text": "So.",
            "ai.response.files": text([{"mediaType": "image/png", "base64": "AAAA"}]),
        }
    )  # fmt: skip
    read = conversation(span)
    assert [message.parts for message in read.input] == [
        [Part(type="file", uri="https://a/b.pdf", media_type="application/pdf")],
        [Part(type="reasoning", text="Why?"), Part(type="tool_call", id="c", name="f", arguments={"a": 1})],
        [Part(type="tool_call_response", id="c", result=2)],
    ]
    answer = [Part(type="reasoning", text="Because."), Part(type="text", text="So.")]
    picture = Part(type="image", uri="data:image/png;base64,AAAA", media_type="image/png")
    assert read.output == [Message(role="assistant", parts=[*answer, picture])]


def test_the_ai_sdk_adds_anthropics_cached_tokens_itself_since_version_6() -> None:
    usage = {"cacheCreationInputTokens": 4, "usage": {"cache_read_input_tokens": 90}}
    attributes = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.usage.inputTokens": 100,
        "ai.usage.inputTokenDetails.noCacheTokens": 6,
        "ai.usage.inputTokenDetails.cacheReadTokens": 90,
        "ai.usage.inputTokenDetails.cacheWriteTokens": 4,
        "ai.response.providerMetadata": text({"anthropic": usage}),
    }
    span = applied(attributes)
    assert (span.input_tokens, span.cache_read_tokens, span.cache_write_tokens) == (100, 90, 4)


@pytest.mark.parametrize(("total", "read", "expected"), [(35, 20, 30), (15, 20, 30), (15, 8, 10), (None, 0, 10)])
def test_strands_cached_tokens_are_added_where_the_model_counts_them_apart(
    total: int | None, read: int, expected: int
) -> None:
    usage = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.total_tokens": total}
    span = applied({**usage, "gen_ai.usage.cache_read.input_tokens": read}, scope="strands.telemetry.tracer")
    assert span.input_tokens == expected


def test_google_adk_left_thoughts_out_of_the_output_once() -> None:
    usage = {"candidates_token_count": 5, "thoughts_token_count": 40}
    response = {"gcp.vertex.agent.llm_response": text({"usage_metadata": usage})}
    for told in (5, 45):
        span = applied({"gen_ai.usage.output_tokens": told, **response}, scope="gcp.vertex.agent", name="call_llm")
        assert span.output_tokens == 45


def test_openlits_price_is_taken_unless_it_knows_none() -> None:
    for told, expected in ((0.25, Decimal("0.25")), (0, None)):
        assert applied({"gen_ai.usage.cost": told}, scope="openlit.instrumentation.openai").cost == expected


def test_what_logfire_scrubbed_is_nobodys_session() -> None:
    scrubbed = "[Scrubbed due to 'session']"
    span = applied({"logfire.span_type": "span", "session.id": scrubbed, "user.id": scrubbed, "logfire.tags": ["a"]})
    assert (span.session_id, span.user_id, span.tags) == (None, None, ["a"])


def test_a_gateways_provider_has_the_conventions_name() -> None:
    span = applied({"llm.model": "claude-haiku", "llm.provider": "bedrock", "llm.tokens.prompt": 7})
    assert (span.provider, span.observation_type, span.input_tokens) == ("aws.bedrock", ObservationType.GENERATION, 7)


@pytest.mark.parametrize(
    "library",
    [
        "google-adk-schema-1",
        "logfire-4",
        "openlit",
        "pydantic-ai",
        "pydantic-ai-events",
        "strands-agents",
        "vercel-ai-5",
    ],
)
def test_broken_values_of_recorded_attributes_lose_nothing_and_raise_nothing(library: str) -> None:
    for resource_spans in parse_traces_json(recorded_bytes(library)).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for recorded in scope_spans.spans:
                events = [
                    {"name": event.name, "time_unix_nano": 1, "attributes": attributes_of(event.attributes)}
                    for event in recorded.events
                ]
                for attributes, broken_events in _broken(attributes_of(recorded.attributes), events):
                    span = applied(
                        dict(attributes), events=broken_events, name=recorded.name, scope=scope_spans.scope.name
                    )
                    conversation(span)
                    assert {**span.attributes, **span.content}.items() >= attributes.items()


def _broken(attributes: dict[str, JSON], events: list[dict[str, JSON]]) -> Iterator[tuple[dict[str, JSON], list[JSON]]]:
    """Attributes and events with one value that is not what it should be."""
    for odd in _ODD:
        for name in attributes:
            yield {**attributes, name: odd}, list(events)
        for number, event in enumerate(events):
            for name in event["attributes"]:
                other = {**event, "attributes": {**event["attributes"], name: odd}}
                yield attributes, [*events[:number], other, *events[number + 1 :]]
