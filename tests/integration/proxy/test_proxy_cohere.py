"""Cohere's SDK, unmodified, through a real proxy; the span read back from a real log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import cohere
import pytest

from llmflow_core.content import conversation

from .conftest import Recorded

MODEL = "command-a-03-2025"
MESSAGES: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}}}
TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
ANSWER = "You said: Why?"


@pytest.fixture
async def client(proxy_url: str) -> AsyncIterator[cohere.AsyncClientV2]:
    async with cohere.AsyncClientV2(api_key="canary-cohere", base_url=f"{proxy_url}/cohere") as client:
        yield client


async def test_chat_in_one_piece(client: cohere.AsyncClientV2, recorded: Recorded) -> None:
    response = await client.chat(model=MODEL, messages=MESSAGES, temperature=0.5, max_tokens=100, p=0.9)
    assert response.message.content
    usage = response.usage
    span = await recorded.one()
    assert (span.name, span.provider, span.model) == (f"chat {MODEL}", "cohere", MODEL)
    assert (span.finish_reasons, span.attributes["gen_ai.response.id"]) == (["COMPLETE"], response.id)
    assert usage
    assert usage.billed_units
    assert (span.input_tokens, span.output_tokens) == (
        usage.billed_units.input_tokens,
        usage.billed_units.output_tokens,
    )
    assert usage.tokens
    assert span.attributes["llmflow.usage.processed.input_tokens"] == usage.tokens.input_tokens
    assert span.attributes["llmflow.usage.processed.cached_tokens"] == 448
    assert span.attributes["gen_ai.request.top_p"] == 0.9
    said = conversation(span)
    assert [(message.role, message.parts[0].text) for message in [*said.input, *said.output]] == [
        ("system", "Be brief."),
        ("user", "Why?"),
        ("assistant", ANSWER),
    ]
    assert not any(b"canary" in value for value in recorded.values)


async def test_chat_streamed(client: cohere.AsyncClientV2, recorded: Recorded) -> None:
    events = [event async for event in client.chat_stream(model=MODEL, messages=MESSAGES)]
    pieces = [event.delta.message.content.text for event in events if event.type == "content-delta"]  # type: ignore[union-attr]
    assert "".join(piece or "" for piece in pieces) == ANSWER
    span = await recorded.one()
    assert (span.finish_reasons, span.status) == (["COMPLETE"], "unset")
    assert span.output_tokens
    assert span.time_to_first_token_ns is not None
    assert conversation(span).output[0].parts[0].text == ANSWER


@pytest.mark.parametrize("stream", [False, True])
async def test_tools(client: cohere.AsyncClientV2, recorded: Recorded, stream: bool) -> None:
    if stream:
        async for _ in client.chat_stream(model=MODEL, messages=MESSAGES, tools=TOOLS):
            pass
    else:
        await client.chat(model=MODEL, messages=MESSAGES, tools=TOOLS)
    span = await recorded.one()
    said = conversation(span)
    plan, call = said.output[0].parts
    assert (plan.type, plan.text) == ("reasoning", "I will look.")
    assert (call.type, call.name, call.arguments) == (
        "tool_call",
        "get_weather",
        {"location": "some location, “quoted”"},
    )
    assert call.id
    assert said.tools == [{"type": "function", "name": "get_weather", "parameters": SCHEMA}]
    assert span.finish_reasons == ["TOOL_CALL"]


async def test_embed_and_rerank(client: cohere.AsyncClientV2, recorded: Recorded) -> None:
    await client.embed(model="embed-v4.0", texts=["one", "two"], input_type="search_query", embedding_types=["float"])
    await client.rerank(model="rerank-v3.5", query="Why?", documents=["a", "b", "c"], top_n=2)
    embed, rerank = await recorded.all(2)
    assert (embed.name, embed.observation_type, embed.input_tokens) == ("embeddings embed-v4.0", "embedding", 2)
    assert embed.attributes["gen_ai.embeddings.dimension.count"] == 4
    assert (rerank.name, rerank.observation_type) == ("rerank rerank-v3.5", "reranker")
    assert rerank.attributes["llmflow.usage.search_units"] == 1
    said = conversation(rerank)
    assert said.input[0].parts[0].text == "Why?"
    assert [result["index"] for result in said.output[0].parts[0].value["results"]] == [0, 1]


async def test_errors(client: cohere.AsyncClientV2, recorded: Recorded) -> None:
    options: Any = {"additional_headers": {"x-fake": "status=429"}, "max_retries": 0}
    with pytest.raises(cohere.TooManyRequestsError):
        await client.chat(model=MODEL, messages=MESSAGES, request_options=options)
    span = await recorded.one()
    assert (span.status, span.error_type, span.http_status) == ("error", "429", 429)
    assert span.status_message.startswith("You are using a Trial key")


async def test_an_error_inside_a_stream(client: cohere.AsyncClientV2, recorded: Recorded) -> None:
    options: Any = {"additional_headers": {"x-fake": "stream_error=3"}}
    async for _ in client.chat_stream(model=MODEL, messages=MESSAGES, request_options=options):
        pass
    span = await recorded.one()
    assert (span.status, span.status_message) == ("error", "The model is overloaded.")
    assert conversation(span).output[0].parts[0].text == "You "


@pytest.mark.parametrize("stream", [False, True])
async def test_chat_of_version_1(proxy_url: str, recorded: Recorded, stream: bool) -> None:
    place = {"location": {"type": "str", "description": "Where", "required": True}}
    tool: Any = {"name": "get_weather", "description": "The weather", "parameter_definitions": place}
    history: Any = [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Hello"}]
    asked: Any = {"model": MODEL, "preamble": "Be brief.", "chat_history": history, "message": "Why?"}
    async with cohere.AsyncClient(api_key="canary-cohere", base_url=f"{proxy_url}/cohere") as client:
        for tools in ([], [tool]):
            if stream:
                assert [event async for event in client.chat_stream(**asked, tools=tools)]
            else:
                assert await client.chat(**asked, tools=tools)
    spans = await recorded.all(2)
    assert [(span.name, span.finish_reasons) for span in spans] == [(f"chat {MODEL}", ["COMPLETE"])] * 2
    assert all(span.input_tokens and span.output_tokens for span in spans)
    said, called = map(conversation, spans)
    assert [(message.role, message.parts[0].text) for message in [*said.input, *said.output]] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Why?"),
        ("assistant", ANSWER),
    ]
    (call,) = called.output[0].parts
    assert (call.name, call.arguments) == ("get_weather", {"location": "some location, “quoted”"})
    assert called.tools == [
        {"type": "function", "name": "get_weather", "description": "The weather", "parameters": place}
    ]
    assert not any(b"canary" in value for value in recorded.values)
