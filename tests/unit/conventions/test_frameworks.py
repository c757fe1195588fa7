"""What the recordings of agent frameworks and SDKs do not show: other versions, other providers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from llmflow_core.content import conversation
from llmflow_core.conventions import apply_conventions
from llmflow_core.messages import Message, Part
from llmflow_core.spans import JSON, ObservationType, Span
from llmflow_testkit.recorded_conventions import recorded_spans


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


def test_the_ai_sdk_passed_bedrocks_count_on_without_cached_tokens_before_version_6() -> None:
    attributes = {
        "ai.operationId": "ai.streamText.doStream",
        "ai.model.provider": "amazon-bedrock",
        "ai.usage.inputTokens": 6,
        "ai.usage.cachedInputTokens": 90,
        "ai.response.providerMetadata": text({"bedrock": {"usage": {"cacheWriteInputTokens": 4}}}),
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


def test_openais_agents_sdk_has_no_session_where_the_application_names_none() -> None:
    for told, session in (("null", None), ("conversation-42", "conversation-42")):
        attributes = {"group_id": told, "gen_ai.system": "openai"}
        span = applied(attributes, scope="logfire.openai_agents", name="OpenAI Agents trace: {name}")
        assert (span.session_id, span.provider, span.observation_type) == (session, None, ObservationType.CHAIN)


@pytest.mark.parametrize(
    ("library", "stated"),
    [
        ("agent-framework", "gen_ai.usage.input_tokens"),
        ("pydantic-ai", "gen_ai.aggregated_usage.input_tokens"),
        ("pydantic-ai-events", "gen_ai.usage.input_tokens"),
        ("strands-agents", "gen_ai.usage.input_tokens"),
        ("strands-agents-latest", "gen_ai.usage.input_tokens"),
        ("vercel-ai", "gen_ai.usage.input_tokens"),
    ],
)
def test_the_tokens_counted_below_an_agent_are_those_that_it_states(library: str, stated: str) -> None:
    spans = recorded_spans(library)
    agents = [span for span in spans if span.observation_type == ObservationType.AGENT and stated in span.attributes]
    assert agents
    for agent in agents:
        below, found = {agent.span_id}, 0
        for span in spans:  # in order of start, so parents come before their children
            if span.parent_span_id in below:
                below.add(span.span_id)
                found += span.input_tokens or 0
        assert (agent.input_tokens, found) == (None, agent.attributes[stated])
