"""boto3, unmodified, through a real proxy; the span read back from a real log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from llmflow_core.content import conversation
from llmflow_testkit.providers import FakeProvider

from .conftest import Recorded

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ANSWER = "You said: Why?"
MESSAGES = [{"role": "user", "content": [{"text": "Why?"}]}]
SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}}}
TOOLS = {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": SCHEMA}}}]}


def client_of(proxy_url: str) -> Any:
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=f"{proxy_url}/bedrock",
        aws_access_key_id="AKIACANARYBEDROCK000",
        aws_secret_access_key="canary-secret",
        config=Config(retries={"max_attempts": 0}),
    )


@pytest.fixture
def client(proxy_url: str) -> Iterator[Any]:
    client = client_of(proxy_url)
    yield client
    client.close()


def converse(client: Any, stream: bool, **arguments: Any) -> list[Any]:
    asked = {"modelId": MODEL, "messages": MESSAGES, **arguments}
    if stream:
        with closing(client.converse_stream(**asked)["stream"]) as events:
            return list(events)
    return [client.converse(**asked)]


@pytest.mark.parametrize("stream", [False, True])
async def test_converse(client: Any, recorded: Recorded, fake_provider: FakeProvider, stream: bool) -> None:
    config = {"maxTokens": 100, "temperature": 0.5}
    answered = await asyncio.to_thread(converse, client, stream, system=[{"text": "Be brief."}], inferenceConfig=config)
    usage = answered[-1]["metadata"]["usage"] if stream else answered[0]["usage"]
    span = await recorded.one()
    assert (span.name, span.provider, span.model) == (f"chat {MODEL}", "aws.bedrock", MODEL)
    assert span.input_tokens == usage["inputTokens"] + 64 + 32
    assert (span.output_tokens, span.cache_read_tokens, span.cache_write_tokens) == (usage["outputTokens"], 64, 32)
    assert (span.finish_reasons, span.status) == (["end_turn"], "unset")
    assert span.attributes["gen_ai.request.max_tokens"] == 100
    assert span.attributes.get("gen_ai.request.stream") is (True if stream else None)
    assert (span.time_to_first_token_ns is not None) == stream
    said = conversation(span)
    assert [(message.role, message.parts[0].text) for message in [*said.input, *said.output]] == [
        ("system", "Be brief."),
        ("user", "Why?"),
        ("assistant", ANSWER),
    ]
    sent = fake_provider.requests[-1].header("authorization") or ""
    assert sent.startswith("AWS4-HMAC-SHA256 Credential=AKIACANARYBEDROCK000/")
    assert not any(b"CANARY" in value or b"AWS4" in value for value in recorded.values)


@pytest.mark.parametrize("stream", [False, True])
async def test_tools(client: Any, recorded: Recorded, stream: bool) -> None:
    await asyncio.to_thread(converse, client, stream, toolConfig=TOOLS)
    span = await recorded.one()
    said = conversation(span)
    (call,) = said.output[0].parts
    assert (call.type, call.name, call.arguments) == (
        "tool_call",
        "get_weather",
        {"location": "some location, “quoted”"},
    )
    assert call.id
    assert said.tools == [{"type": "function", "name": "get_weather", "description": None, "parameters": SCHEMA}]
    assert span.finish_reasons == ["tool_use"]


def invoke(client: Any, model: str, body: dict[str, Any], stream: bool) -> list[bytes]:
    asked = {"modelId": model, "body": json.dumps(body)}
    if stream:
        with closing(client.invoke_model_with_response_stream(**asked)["body"]) as events:
            return [event["chunk"]["bytes"] for event in events]
    with closing(client.invoke_model(**asked)["body"]) as answer:
        return [answer.read()]


@pytest.mark.parametrize("stream", [False, True])
async def test_invoke_of_anthropic(client: Any, recorded: Recorded, stream: bool) -> None:
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Why?"}],
    }
    await asyncio.to_thread(invoke, client, MODEL, body, stream)
    span = await recorded.one()
    assert (span.name, span.model) == (f"chat {MODEL}", MODEL)
    assert (span.finish_reasons, span.time_to_first_token_ns is not None) == (["end_turn"], stream)
    assert span.input_tokens
    assert span.output_tokens
    assert conversation(span).output[0].parts[0].text == ANSWER


@pytest.mark.parametrize("stream", [False, True])
async def test_invoke_of_llama(client: Any, recorded: Recorded, stream: bool) -> None:
    model = "meta.llama3-3-70b-instruct-v1:0"
    await asyncio.to_thread(invoke, client, model, {"prompt": "Why?", "max_gen_len": 100}, stream)
    span = await recorded.one()
    assert (span.model, span.attributes["gen_ai.request.max_tokens"]) == (model, 100)
    assert (span.input_tokens, span.finish_reasons) == (1, ["stop"])
    said = conversation(span)
    assert [(message.role, message.parts[0].text) for message in [*said.input, *said.output]] == [
        ("user", "Why?"),
        ("assistant", ANSWER),
    ]


async def test_embeddings(client: Any, recorded: Recorded) -> None:
    await asyncio.to_thread(invoke, client, "amazon.titan-embed-text-v2:0", {"inputText": "Why?"}, False)
    span = await recorded.one()
    assert (span.observation_type, span.input_tokens) == ("embedding", 1)
    assert span.name == "embeddings amazon.titan-embed-text-v2:0"


async def test_a_bearer_key(proxy_url: str, recorded: Recorded) -> None:
    """Bedrock's API keys sign nothing. (boto3 sends them over TLS only.)"""
    path = f"/bedrock/model/{quote(MODEL, safe='')}/converse"
    async with httpx.AsyncClient(base_url=proxy_url, headers={"authorization": "Bearer canary-bearer"}) as client:
        response = await client.post(path, json={"messages": MESSAGES})
    assert response.json()["stopReason"] == "end_turn"
    span = await recorded.one()
    assert (span.status, span.model) == ("unset", MODEL)
    assert not any(b"canary" in value for value in recorded.values)


@pytest.mark.parametrize("stream", [False, True])
async def test_errors(client: Any, recorded: Recorded, stream: bool) -> None:
    asked = "stream_error=3" if stream else "status=429"
    client.meta.events.register(
        "before-send.bedrock-runtime.*", lambda request, **_: request.headers.__setitem__("x-fake", asked)
    )
    with pytest.raises((ClientError, EventStreamError), match="please wait"):
        await asyncio.to_thread(converse, client, stream)
    span = await recorded.one()
    kind = "throttlingException" if stream else "ThrottlingException"
    assert (span.status, span.error_type) == ("error", kind)
    assert span.status_message.startswith("Too many")
    if stream:
        assert conversation(span).output[0].parts[0].text == "You said: "
