"""Providers that speak OpenAI's API with differences of their own, by their SDKs or OpenAI's, through a real proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import groq
import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from mistralai.client import Mistral
from openai import AsyncAzureOpenAI, AsyncOpenAI
from pydantic import SecretStr

from llmflow_core.content import conversation
from llmflow_core.spans import Span

from .conftest import Recorded

MESSAGES: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}}}
TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
ANSWER = "You said: Why?"


def said_by(span: Span) -> list[tuple[str, str | None]]:
    return [(part.type, part.text) for part in conversation(span).output[0].parts]


def clean(recorded: Recorded) -> bool:
    return not any(b"canary" in value for value in recorded.values)


@pytest.fixture
async def mistral(proxy_url: str) -> AsyncIterator[Mistral]:
    async with Mistral(api_key="canary-mistral", server_url=f"{proxy_url}/mistral") as client:
        yield client


@pytest.mark.parametrize("stream", [False, True])
async def test_mistral(mistral: Mistral, recorded: Recorded, stream: bool) -> None:
    arguments: Any = {"model": "magistral-medium-latest", "messages": MESSAGES, "temperature": 0.5}
    if stream:
        async with await mistral.chat.stream_async(**arguments) as events:
            chunks = [event.data async for event in events]
        usage: Any = chunks[-1].usage
    else:
        usage = (await mistral.chat.complete_async(**arguments)).usage
    span = await recorded.one()
    assert (span.name, span.provider) == ("chat magistral-medium-latest", "mistral_ai")
    assert (span.input_tokens, span.output_tokens) == (usage.prompt_tokens, usage.completion_tokens)
    assert (span.finish_reasons, span.time_to_first_token_ns is not None) == (["stop"], stream)
    assert said_by(span) == [("reasoning", "The user wants an answer."), ("text", ANSWER)]
    assert clean(recorded)


@pytest.mark.parametrize("stream", [False, True])
async def test_mistral_tools(mistral: Mistral, recorded: Recorded, stream: bool) -> None:
    arguments: Any = {"model": "mistral-large-latest", "messages": MESSAGES, "tools": TOOLS}
    if stream:
        async with await mistral.chat.stream_async(**arguments) as events:
            async for _ in events:
                pass
    else:
        await mistral.chat.complete_async(**arguments)
    (call,) = conversation(await recorded.one()).output[0].parts
    assert (call.type, call.name, call.arguments) == (
        "tool_call",
        "get_weather",
        {"location": "some location, “quoted”"},
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_groq(proxy_url: str, recorded: Recorded, stream: bool) -> None:
    model = "llama-3.3-70b-versatile"
    async with groq.AsyncGroq(api_key="canary-groq", base_url=f"{proxy_url}/groq", max_retries=0) as client:
        if stream:
            chunks = [
                chunk
                async for chunk in await client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
            ]
            assert chunks[-1].x_groq
            usage: Any = chunks[-1].x_groq.usage
        else:
            usage = (await client.chat.completions.create(model=model, messages=MESSAGES)).usage
    span = await recorded.one()
    assert (span.name, span.provider, span.status) == (f"chat {model}", "groq", "unset")
    assert (span.input_tokens, span.output_tokens) == (usage.prompt_tokens, usage.completion_tokens)
    assert span.attributes["gen_ai.latency.time_in_queue"] == 0.05
    assert said_by(span) == [("text", ANSWER)]
    assert clean(recorded)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", ["deepseek", "openrouter", "perplexity", "vllm"])
async def test_openais_sdk_with_others(proxy_url: str, recorded: Recorded, provider: str, stream: bool) -> None:
    base_url = f"{proxy_url}/{provider}" + ("/v1" if provider in ("openrouter", "vllm") else "")
    asked: Any = {"model": "some-model", "messages": MESSAGES}
    async with AsyncOpenAI(base_url=base_url, api_key="canary-key", max_retries=0) as client:
        if stream:
            async for _ in await client.chat.completions.create(**asked, stream=True):
                pass
        else:
            await client.chat.completions.create(**asked)
    span = await recorded.one()
    assert (span.name, span.provider, span.http_status) == ("chat some-model", provider, 200)
    assert said_by(span)[-1] == ("text", ANSWER)
    assert span.input_tokens
    if provider == "deepseek":
        assert (span.cache_read_tokens, span.reasoning_tokens) == (span.input_tokens // 2, 7)
        assert said_by(span)[0] == ("reasoning", "The user wants an answer.")
    elif provider == "openrouter":
        assert (float(span.cost or 0), span.attributes["llmflow.response.upstream_provider"]) == (0.00125, "DeepInfra")
    elif provider == "perplexity":
        assert float(span.cost or 0) == 0.008
        assert span.attributes["llmflow.response.citations"] == ["https://example.com/a"]
    assert clean(recorded)


@pytest.mark.parametrize("stream", [False, True])
async def test_azure(proxy_url: str, recorded: Recorded, stream: bool) -> None:
    async with AsyncAzureOpenAI(
        azure_endpoint=f"{proxy_url}/azure", api_key="canary-azure", api_version="2024-10-21", max_retries=0
    ) as client:
        asked: Any = {"model": "my-deployment", "messages": MESSAGES}
        if stream:
            async for _ in await client.chat.completions.create(**asked, stream=True):
                pass
        else:
            await client.chat.completions.create(**asked)
    async with AsyncOpenAI(
        base_url=f"{proxy_url}/azure/openai/v1", api_key="unused", default_headers={"api-key": "canary-azure"}
    ) as client:
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    by_deployment, by_version = await recorded.all(2)
    assert (by_deployment.name, by_deployment.provider) == ("chat my-deployment", "azure.ai.openai")
    assert by_deployment.attributes["url.full"].endswith(
        "/azure/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21"
    )
    assert by_version.name == "chat gpt-4o"
    assert said_by(by_deployment) == said_by(by_version) == [("text", ANSWER)]
    assert clean(recorded)


@pytest.mark.parametrize("stream", [False, True])
async def test_langchain(proxy_url: str, recorded: Recorded, stream: bool) -> None:
    model = ChatOpenAI(model="gpt-4o", base_url=f"{proxy_url}/v1", api_key=SecretStr("sk-canary"), max_retries=0)
    messages = [SystemMessage("Be brief."), HumanMessage("Why?")]
    if stream:
        text = "".join([str(chunk.content) async for chunk in model.astream(messages)])
    else:
        text = str((await model.ainvoke(messages)).content)
    assert text == ANSWER
    span = await recorded.one()
    assert (span.name, span.provider, said_by(span)) == ("chat gpt-4o", "openai", [("text", ANSWER)])
    assert span.output_tokens
    assert clean(recorded)
