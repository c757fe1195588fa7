"""The real OpenAI and Anthropic SDKs, unmodified, through a real proxy; the span read back from a real log."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from llmflow_core.content import conversation
from llmflow_testkit.providers import FakeProvider

from .conftest import Recorded

MESSAGES: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}}}
OPENAI_TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
ANTHROPIC_TOOLS: Any = [{"name": "get_weather", "input_schema": SCHEMA}]
ANSWER = "You said: Why?"
CALL = ("tool_call", "get_weather", {"location": "some location, “quoted”"})


@pytest.fixture
async def openai_client(proxy_url: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{proxy_url}/v1", api_key="sk-canary-openai", max_retries=0) as client:
        yield client


@pytest.fixture
async def anthropic_client(proxy_url: str) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=proxy_url, api_key="sk-ant-canary", max_retries=0) as client:
        yield client


async def test_openai_in_one_piece(openai_client: AsyncOpenAI, recorded: Recorded) -> None:
    completion = await openai_client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, temperature=0.5, max_tokens=150, user="ada"
    )
    assert completion.choices[0].message.content == ANSWER
    assert completion.usage
    span = await recorded.one()
    assert (span.name, span.provider, span.model) == ("chat gpt-4o", "openai", "gpt-4o")
    assert (span.response_model, span.finish_reasons) == ("gpt-4o-2024-08-06", ["stop"])
    assert (span.input_tokens, span.output_tokens) == (
        completion.usage.prompt_tokens,
        completion.usage.completion_tokens,
    )
    assert (span.status, span.http_status, span.user_id) == ("unset", 200, "ada")
    assert span.attributes["gen_ai.response.id"] == completion.id
    assert span.attributes["gen_ai.request.temperature"] == 0.5
    assert span.attributes["gen_ai.request.max_tokens"] == 150
    said = conversation(span)
    assert [(message.role, message.parts[0].text) for message in [*said.input, *said.output]] == [
        ("system", "Be brief."),
        ("user", "Why?"),
        ("assistant", ANSWER),
    ]


@pytest.mark.parametrize("include_usage", [False, True])
async def test_openai_streamed(openai_client: AsyncOpenAI, recorded: Recorded, include_usage: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if include_usage else {}
    stream = await openai_client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, **options)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    span = await recorded.one()
    assert conversation(span).output[0].parts[0].text == ANSWER
    assert span.attributes["gen_ai.request.stream"] is True
    assert span.time_to_first_token_ns is not None
    assert 0 < span.time_to_first_token_ns <= span.duration_ns
    assert span.output_tokens
    assert span.attributes.get("llmflow.usage.estimated", False) != include_usage


@pytest.mark.parametrize("stream", [False, True])
async def test_openai_tools(openai_client: AsyncOpenAI, recorded: Recorded, stream: bool) -> None:
    if stream:
        async with openai_client.chat.completions.stream(
            model="gpt-4o", messages=MESSAGES, tools=OPENAI_TOOLS
        ) as events:
            completion: Any = await events.get_final_completion()
    else:
        completion = await openai_client.chat.completions.create(model="gpt-4o", messages=MESSAGES, tools=OPENAI_TOOLS)
    (call,) = completion.choices[0].message.tool_calls
    span = await recorded.one()
    said = conversation(span)
    (part,) = said.output[0].parts
    assert (part.type, part.name, part.arguments) == CALL
    assert (part.id, span.finish_reasons) == (call.id, ["tool_calls"])
    assert said.tools == [{"type": "function", "name": "get_weather", "parameters": SCHEMA}]


@pytest.mark.parametrize("stream", [False, True])
async def test_anthropic(anthropic_client: AsyncAnthropic, recorded: Recorded, stream: bool) -> None:
    arguments: Any = {
        "model": "claude-haiku-4-5",
        "max_tokens": 2000,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "Why?"}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "metadata": {"user_id": "ada"},
    }
    if stream:
        async with anthropic_client.messages.stream(**arguments) as events:
            message: Any = await events.get_final_message()
    else:
        message = await anthropic_client.messages.create(**arguments)
    assert message.content[-1].text == ANSWER
    span = await recorded.one()
    assert (span.name, span.provider) == ("chat claude-haiku-4-5", "anthropic")
    assert (span.response_model, span.finish_reasons) == ("claude-haiku-4-5-20251001", ["end_turn"])
    usage = message.usage
    assert span.input_tokens == usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens
    assert (span.output_tokens, span.user_id) == (usage.output_tokens, "ada")
    assert (span.cache_read_tokens, span.cache_write_tokens) == (
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
    )
    said = conversation(span)
    assert [(message.role, message.parts[0].text) for message in said.input] == [
        ("system", "Be brief."),
        ("user", "Why?"),
    ]
    assert [(part.type, part.text) for part in said.output[0].parts] == [
        ("reasoning", "The user wants an answer."),
        ("text", ANSWER),
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_anthropic_tools(anthropic_client: AsyncAnthropic, recorded: Recorded, stream: bool) -> None:
    arguments: Any = {
        "model": "claude-haiku-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Why?"}],
        "tools": ANTHROPIC_TOOLS,
    }
    if stream:
        async with anthropic_client.messages.stream(**arguments) as events:
            await events.until_done()
    else:
        await anthropic_client.messages.create(**arguments)
    (part,) = conversation(await recorded.one()).output[0].parts
    assert (part.type, part.name, part.arguments) == CALL


async def test_other_calls_of_the_sdks_pass_too(
    openai_client: AsyncOpenAI, anthropic_client: AsyncAnthropic, recorded: Recorded
) -> None:
    assert {model.id async for model in openai_client.models.list()} >= {"gpt-4o"}
    assert {model.id async for model in anthropic_client.models.list()} >= {"claude-haiku-4-5"}
    await anthropic_client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hi"}])
    spans = await recorded.all(3)
    assert [(span.name, span.provider, span.observation_type) for span in spans] == [
        ("GET /v1/models", "openai", "span"),
        ("GET /v1/models", "anthropic", "span"),
        ("POST /v1/messages/count_tokens", "anthropic", "span"),
    ]


async def test_the_headers_of_the_guide(
    openai_client: AsyncOpenAI, recorded: Recorded, fake_provider: FakeProvider
) -> None:
    trace_id = str(uuid.uuid4())
    headers = {
        "X-Trace-Id": trace_id,
        "X-Trace-Step": "planning",
        "X-Trace-User-Id": "user-123",
        "X-Trace-Session-Id": "session-abc",
        "X-Trace-Feature": "chat-widget",
        "X-LLMFlow-Project": "trips",
        "X-LLMFlow-Service": "planner",
    }
    await openai_client.chat.completions.create(model="gpt-4o", messages=MESSAGES, extra_headers=headers)
    span = await recorded.one()
    assert (span.trace_id, span.project, span.service) == (uuid.UUID(trace_id).bytes, "trips", "planner")
    assert (span.user_id, span.session_id) == ("user-123", "session-abc")
    assert (span.attributes["step"], span.attributes["feature"]) == ("planning", "chat-widget")
    sent = {name for name, _ in fake_provider.requests[-1].headers}
    assert not any(name.startswith(("x-trace-", "x-llmflow-")) for name in sent)
    assert "authorization" in sent


async def test_openai_errors(openai_client: AsyncOpenAI, recorded: Recorded) -> None:
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
        await openai_client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, extra_headers={"x-fake": "status=401&leak=1"}
        )
    with pytest.raises(openai.RateLimitError) as limited:
        await openai_client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, extra_headers={"x-fake": "status=429"}
        )
    assert limited.value.response.headers["retry-after"] == "1"
    unauthorized, refused = await recorded.all(2)
    assert (unauthorized.status, unauthorized.error_type, unauthorized.http_status) == ("error", "invalid_api_key", 401)
    assert unauthorized.status_message.startswith("Incorrect API key provided: [redacted]")
    assert (refused.error_type, refused.http_status) == ("rate_limit_exceeded", 429)
    assert refused.attributes["http.response.header.retry-after"] == ["1"]
    assert not any(b"canary" in value for value in recorded.values)


async def test_retries_of_the_sdk_are_counted(proxy_url: str, recorded: Recorded) -> None:
    async with AsyncOpenAI(base_url=f"{proxy_url}/v1", api_key="sk", max_retries=1) as client:
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(
                model="gpt-4o", messages=MESSAGES, extra_headers={"x-fake": "status=429"}
            )
    first, second = await recorded.all(2)
    assert "http.request.resend_count" not in first.attributes
    assert second.attributes["http.request.resend_count"] == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_anthropic_errors(anthropic_client: AsyncAnthropic, recorded: Recorded, stream: bool) -> None:
    asked = "stream_error=4" if stream else "status=529"
    arguments: Any = {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        async with anthropic_client.messages.stream(**arguments, extra_headers={"x-fake": asked}) as events:
            await events.until_done()
    span = await recorded.one()
    assert (span.status, span.status_message, span.error_type) == ("error", "Overloaded", "overloaded_error")
