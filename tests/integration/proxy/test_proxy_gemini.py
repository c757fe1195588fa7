"""google-genai, unmodified, through a real proxy; the span read back from a real log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from llmflow_core.content import conversation
from llmflow_testkit.providers import FakeProvider
from llmflow_testkit.providers.gemini_api import FORBIDDEN

from .conftest import Recorded

# The SDK's own session class.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

MODEL = "gemini-2.5-flash"
ANSWER = "You said: Why?"
KEY = "AIza-canary-gemini"
FUNCTION = types.FunctionDeclaration(
    name="get_weather", parameters_json_schema={"type": "object", "properties": {"location": {"type": "string"}}}
)


@pytest.fixture(params=["", "/gemini"])
async def client(proxy_url: str, request: pytest.FixtureRequest) -> AsyncIterator[genai.client.AsyncClient]:
    """By path alone, and by the provider's prefix."""
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=proxy_url + request.param))
    yield client.aio
    await client.aio.aclose()
    client.close()


async def ask(client: genai.client.AsyncClient, contents: Any, stream: bool, **config: Any) -> list[Any]:
    options = types.GenerateContentConfig(**config)
    if not stream:
        return [await client.models.generate_content(model=MODEL, contents=contents, config=options)]
    return [
        chunk
        async for chunk in await client.models.generate_content_stream(model=MODEL, contents=contents, config=options)
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_generate_content(client: genai.client.AsyncClient, recorded: Recorded, stream: bool) -> None:
    responses = await ask(
        client,
        "Why?",
        stream,
        system_instruction="Be brief.",
        temperature=0.5,
        max_output_tokens=100,
        thinking_config=types.ThinkingConfig(include_thoughts=True),
    )
    assert "".join(response.text or "" for response in responses) == ANSWER
    usage = responses[-1].usage_metadata
    span = await recorded.one()
    assert (span.name, span.provider, span.model) == (f"generate_content {MODEL}", "gcp.gemini", MODEL)
    assert (span.observation_type, span.response_model) == ("generation", f"{MODEL}-001")
    assert (span.finish_reasons, span.status) == (["STOP"], "unset")
    assert (span.input_tokens, span.reasoning_tokens) == (usage.prompt_token_count, 40)
    assert span.output_tokens == usage.candidates_token_count + 40
    assert span.attributes["gen_ai.request.temperature"] == 0.5
    assert span.attributes["gen_ai.request.max_tokens"] == 100
    assert span.attributes["gen_ai.response.id"] == responses[0].response_id
    assert span.attributes.get("gen_ai.request.stream") is (True if stream else None)
    assert (span.time_to_first_token_ns is not None) == stream
    said = conversation(span)
    assert [(message.role, message.parts[0].text) for message in said.input] == [
        ("system", "Be brief."),
        ("user", "Why?"),
    ]
    assert [(part.type, part.text) for part in said.output[0].parts] == [
        ("reasoning", "The user wants an answer."),
        ("text", ANSWER),
    ]
    assert not any(b"canary" in value for value in recorded.values)


@pytest.mark.parametrize("stream", [False, True])
async def test_functions(client: genai.client.AsyncClient, recorded: Recorded, stream: bool) -> None:
    responses = await ask(client, "Why?", stream, tools=[types.Tool(function_declarations=[FUNCTION])])
    (call,) = responses[-1].function_calls
    asked = types.Content(role="model", parts=[types.Part(function_call=call)])
    told = types.Part.from_function_response(name="get_weather", response={"result": "sunny"})
    await ask(client, [asked, types.Content(role="user", parts=[told])], stream)
    first, second = await recorded.all(2)
    said = conversation(first)
    (part,) = said.output[0].parts
    assert (part.type, part.name, part.arguments) == ("tool_call", "get_weather", call.args)
    assert [tool["name"] for tool in said.tools] == ["get_weather"]
    before = conversation(second).input
    assert [(message.role, message.parts[0].type) for message in before] == [
        ("assistant", "tool_call"),
        ("tool", "tool_call_response"),
    ]
    assert before[1].parts[0].result == {"result": "sunny"}


async def test_pictures_are_recorded_by_reference(client: genai.client.AsyncClient, recorded: Recorded) -> None:
    picture = types.Part.from_bytes(data=bytes(range(256)) * 8, mime_type="image/png")
    await ask(client, [picture, "What is it?"], stream=False)
    span = await recorded.one()
    (message,) = conversation(span).input
    assert [(part.type, part.size) for part in message.parts] == [("image", 2048), ("text", None)]
    assert not any(b"AAECAwQF" in value for value in recorded.values)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_blocked_prompt(client: genai.client.AsyncClient, recorded: Recorded, stream: bool) -> None:
    (response,) = await ask(client, f"Something {FORBIDDEN}", stream)
    assert response.prompt_feedback.block_reason == "PROHIBITED_CONTENT"
    span = await recorded.one()
    assert (span.finish_reasons, span.status) == (["PROHIBITED_CONTENT"], "unset")
    assert conversation(span).output[0].parts[0].type == "refusal"


async def test_the_other_calls(client: genai.client.AsyncClient, recorded: Recorded) -> None:
    counted = await client.models.count_tokens(model=MODEL, contents="Why?")
    embedded = await client.models.embed_content(model="gemini-embedding-001", contents=["one", "two"])
    assert embedded.embeddings
    assert len(embedded.embeddings) == 2
    assert {model.name async for model in await client.models.list()} == {f"models/{MODEL}"}
    count, embeddings, models = await recorded.all(3)
    assert count.name == "POST /{version}/models/{model}:countTokens"
    assert count.attributes["llmflow.counted.input_tokens"] == counted.total_tokens
    assert (embeddings.name, embeddings.observation_type) == ("embeddings gemini-embedding-001", "embedding")
    assert embeddings.attributes["gen_ai.embeddings.dimension.count"] == 3
    assert models.provider == "gcp.gemini"
    assert models.name.endswith("/models")


@pytest.mark.parametrize("stream", [False, True])
async def test_errors(proxy_url: str, recorded: Recorded, stream: bool) -> None:
    options = types.HttpOptions(base_url=proxy_url, headers={"x-fake": "status=429"})
    client = genai.Client(api_key=KEY, http_options=options)
    with pytest.raises(errors.ClientError, match="exhausted"):
        await ask(client.aio, "Why?", stream)
    span = await recorded.one()
    assert (span.status, span.error_type, span.http_status) == ("error", "RESOURCE_EXHAUSTED", 429)
    assert span.status_message.startswith("Resource has been exhausted")
    await client.aio.aclose()
    client.close()


@pytest.mark.parametrize("stream_error", [0, 2])
async def test_a_stream_as_a_json_array(
    proxy_url: str, fake_provider: FakeProvider, recorded: Recorded, stream_error: int
) -> None:
    """Without `alt=sse` the API frames a stream as one JSON array; the key may be in the query."""
    path = f"/v1beta/models/{MODEL}:streamGenerateContent?key={KEY}"
    body = {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]}
    async with httpx.AsyncClient(base_url=proxy_url) as client:
        response = await client.post(path, json=body, headers={"x-fake": f"stream_error={stream_error}"})
    assert isinstance(response.json(), list)
    assert fake_provider.requests[-1].target == f"/gemini{path}"
    span = await recorded.one()
    assert span.time_to_first_token_ns is not None
    text = conversation(span).output[0].parts[0].text
    if stream_error:
        assert (text, span.status, span.error_type) == ("You said: ", "error", "UNAVAILABLE")
    else:
        assert (text, span.status, span.finish_reasons) == (ANSWER, "unset", ["STOP"])
    assert not any(b"canary" in value for value in recorded.values)


async def test_pictures_of_imagen(proxy_url: str, recorded: Recorded) -> None:
    """By hand: the SDK makes them on Vertex AI only."""
    asked = {"instances": [{"prompt": "A cat"}], "parameters": {"sampleCount": 2, "aspectRatio": "1:1"}}
    async with httpx.AsyncClient(base_url=proxy_url, headers={"x-goog-api-key": KEY}, trust_env=False) as client:
        made = await client.post("/v1beta/models/imagen-4.0-generate-001:predict", json=asked)
    assert len(made.json()["predictions"]) == 2
    span = await recorded.one()
    assert (span.name, span.attributes["gen_ai.request.choice.count"]) == (
        "generate_content imagen-4.0-generate-001",
        2,
    )
    assert (span.attributes["llmflow.request.aspect_ratio"], span.attributes["gen_ai.output.type"]) == ("1:1", "image")
    said = conversation(span)
    assert said.input[0].parts[0].text == "A cat"
    assert [part.type for part in said.output[0].parts] == ["image"] * 2
    assert not any(b"canary" in value for value in recorded.values)


async def test_a_batch_counts_once_however_often_it_is_asked_for(
    client: genai.client.AsyncClient, recorded: Recorded
) -> None:
    begun = await client.batches.create(model=MODEL, src=[types.InlinedRequest(contents="Why?")])
    name = str(begun.name)
    ended = await client.batches.get(name=name)
    assert ended.done
    assert ended.dest
    answers = [one.response.text for one in ended.dest.inlined_responses or [] if one.response]
    assert answers == ["It is so."] * 2
    await client.batches.get(name=name)
    await client.batches.cancel(name=name)
    assert [job.done async for job in await client.batches.list()] == [True]
    created, asked, once, _, again, cancelled, listed = await recorded.all(7)
    assert [span.name.removeprefix("POST ").removeprefix("GET ") for span in (created, asked, cancelled, listed)] == [
        "/{version}/models/{model}:batchGenerateContent",
        "/{version}/batches/{id}",
        "/{version}/batches/{id}:cancel",
        "/{version}/batches",
    ]
    assert (created.attributes["llmflow.resource.requests"], created.attributes["llmflow.resource.name"]) == (1, name)
    assert asked.attributes["llmflow.resource.status"] == "BATCH_STATE_SUCCEEDED"
    assert (once.trace_id, once.span_id, once.start_time_ns) == (again.trace_id, again.span_id, again.start_time_ns)
    assert (once.name, once.model, once.observation_type) == (f"generate_content {MODEL}", MODEL, "generation")
    assert (once.input_tokens, once.output_tokens, once.reasoning_tokens) == (2_000, 1_000, 600)
    assert (once.duration_ns, once.attributes["llmflow.usage.calls"]) == (90 * 10**9, 2)
    assert not any(span.input_tokens for span in (created, asked, cancelled, listed))
    assert not any(b"It is so." in value for value in recorded.values)
