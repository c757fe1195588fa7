"""Ollama's SDK, unmodified, through a real proxy; the span read back from a real log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import ollama
import pytest

from llmflow_core.content import conversation

from .conftest import Recorded

MESSAGES: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}}}
TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
ANSWER = "You said: Why?"


@pytest.fixture
async def client(proxy_url: str) -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(host=f"{proxy_url}/ollama") as client:
        yield client


async def chat(client: ollama.AsyncClient, stream: bool, **arguments: Any) -> list[Any]:
    if not stream:
        return [await client.chat(model="llama3.2", messages=MESSAGES, **arguments)]
    return [part async for part in await client.chat(model="llama3.2", messages=MESSAGES, stream=True, **arguments)]


@pytest.mark.parametrize("stream", [False, True])
async def test_chat(client: ollama.AsyncClient, recorded: Recorded, stream: bool) -> None:
    options = {"temperature": 0.5, "num_predict": 100}
    parts = await chat(client, stream, options=options, think=True)
    assert "".join(part.message.content or "" for part in parts) == ANSWER
    span = await recorded.one()
    assert (span.name, span.provider, span.model) == ("chat llama3.2", "ollama", "llama3.2")
    assert (span.input_tokens, span.output_tokens) == (parts[-1].prompt_eval_count, parts[-1].eval_count)
    assert (span.finish_reasons, span.status) == (["stop"], "unset")
    assert span.attributes["gen_ai.request.max_tokens"] == 100
    assert span.attributes["llmflow.response.load_time"] == 0.25
    assert span.attributes.get("gen_ai.request.stream") is (True if stream else None)
    assert (span.time_to_first_token_ns is not None) == stream
    said = conversation(span)
    assert [message.role for message in said.input] == ["system", "user"]
    reasoning, text = said.output[0].parts
    assert reasoning.type == "reasoning"
    assert (text.type, text.text) == ("text", ANSWER)


@pytest.mark.parametrize("stream", [False, True])
async def test_tools(client: ollama.AsyncClient, recorded: Recorded, stream: bool) -> None:
    await chat(client, stream, tools=TOOLS)
    said = conversation(await recorded.one())
    (call,) = said.output[0].parts
    assert (call.type, call.name, call.arguments) == (
        "tool_call",
        "get_weather",
        {"location": "some location, “quoted”"},
    )
    assert [tool["name"] for tool in said.tools] == ["get_weather"]


@pytest.mark.parametrize("stream", [False, True])
async def test_generate(client: ollama.AsyncClient, recorded: Recorded, stream: bool) -> None:
    if stream:
        async for _ in await client.generate(model="llama3.2", prompt="Why?", system="Be brief.", stream=True):
            pass
    else:
        await client.generate(model="llama3.2", prompt="Why?", system="Be brief.")
    span = await recorded.one()
    assert span.name == "text_completion llama3.2"
    said = conversation(span)
    assert [(message.role, message.parts[0].text) for message in [*said.input, *said.output]] == [
        ("system", "Be brief."),
        ("user", "Why?"),
        ("assistant", ANSWER),
    ]


async def test_embed_and_list(client: ollama.AsyncClient, recorded: Recorded) -> None:
    await client.embed(model="nomic-embed-text", input=["one", "two"])
    await client.list()
    embed, tags = await recorded.all(2)
    assert (embed.name, embed.observation_type) == ("embeddings nomic-embed-text", "embedding")
    assert (embed.input_tokens, embed.attributes["gen_ai.embeddings.dimension.count"]) == (2, 3)
    assert (tags.name, tags.provider) == ("GET /api/tags", "ollama")


async def test_errors(client: ollama.AsyncClient, proxy_url: str, recorded: Recorded) -> None:
    with pytest.raises(ollama.ResponseError, match="not found"):
        await client.chat(model="missing", messages=MESSAGES)
    async with ollama.AsyncClient(host=f"{proxy_url}/ollama", headers={"x-fake": "stream_error=2"}) as overloaded:
        with pytest.raises(ollama.ResponseError, match="running the model"):
            await chat(overloaded, True)
    missing, broken = await recorded.all(2)
    assert (missing.error_type, missing.status_message) == ("404", "model 'missing' not found")
    assert (broken.status, broken.status_message) == ("error", "an error was encountered while running the model")
    assert conversation(broken).output[0].parts[0].text == "You said: "
