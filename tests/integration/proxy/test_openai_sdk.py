"""Every part of OpenAI's API by its real SDK, unmodified, through a real proxy; the span read back from a real log."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel

from llmflow_core.content import conversation
from llmflow_core.messages import Part
from llmflow_core.spans import Span
from llmflow_testkit.providers import FakeProvider
from llmflow_testkit.providers.openai_media_api import SOUND, TRANSCRIPT
from llmflow_testkit.providers.openai_resources_api import BATCH_MODEL, CONTENT
from llmflow_testkit.providers.openai_responses_api import REASONING, REFUSAL

from .conftest import Recorded

SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}}}
TOOL: Any = {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False}
ARGUMENTS = {"location": "some location, “quoted”"}
ANSWER = "You said: Why?"
STREAM = pytest.mark.parametrize("stream", [False, True])


class Weather(BaseModel):
    location: str
    days: int


@pytest.fixture
async def client(proxy_url: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{proxy_url}/v1", api_key="sk-canary-openai", max_retries=0) as client:
        yield client


def parts(span: Span, side: str = "output") -> list[Part]:
    """All parts of one side of a span's conversation."""
    return [part for message in getattr(conversation(span), side) for part in message.parts]


async def respond(client: AsyncOpenAI, stream: bool, **arguments: Any) -> Any:
    """The response, of a stream the one that its last event tells."""
    arguments = {"model": "gpt-4o", "input": "Why?", **arguments}
    if not stream:
        return await client.responses.create(**arguments)
    events = [event async for event in await client.responses.create(**arguments, stream=True)]
    return events[-1].response


@STREAM
async def test_a_response(client: AsyncOpenAI, recorded: Recorded, stream: bool) -> None:
    response = await respond(
        client,
        stream,
        instructions="Be brief.",
        temperature=0.5,
        max_output_tokens=150,
        previous_response_id="resp_before",
        conversation="conv_1",
        user="ada",
        reasoning={"effort": "low", "summary": "auto"},
    )
    assert response.output_text == ANSWER
    span = await recorded.one()
    assert (span.name, span.provider, span.model) == ("chat gpt-4o", "openai", "gpt-4o")
    assert (span.response_model, span.finish_reasons) == ("gpt-4o-2024-08-06", ["completed"])
    assert (span.input_tokens, span.output_tokens) == (response.usage.input_tokens, response.usage.output_tokens)
    assert (span.reasoning_tokens, span.user_id, span.session_id) == (64, "ada", "conv_1")
    facts = {
        "openai.api.type": "responses",
        "gen_ai.response.id": response.id,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 150,
        "gen_ai.request.reasoning.level": "low",
        "llmflow.request.previous_response_id": "resp_before",
        "llmflow.response.status": "completed",
    }
    assert {name: span.attributes[name] for name in facts} == facts
    assert span.attributes.get("gen_ai.request.stream", False) == stream
    assert (span.time_to_first_token_ns is not None) == stream
    assert [(part.type, part.text) for part in parts(span)] == [("reasoning", REASONING), ("text", ANSWER)]
    assert [(message.role, message.parts[0].text) for message in conversation(span).input] == [
        ("system", "Be brief."),
        ("user", "Why?"),
    ]


@STREAM
async def test_function_calls_of_a_response(client: AsyncOpenAI, recorded: Recorded, stream: bool) -> None:
    response = await respond(client, stream, tools=[TOOL])
    (call,) = response.output
    history = [
        {"role": "user", "content": [{"type": "input_text", "text": "Why?"}]},
        call.model_dump(exclude_none=True),
        {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."},
    ]
    await respond(client, stream, input=history, tools=[TOOL])
    first, second = await recorded.all(2)
    (part,) = parts(first)
    assert (part.type, part.id, part.name, part.arguments) == ("tool_call", call.call_id, "get_weather", ARGUMENTS)
    assert conversation(first).tools == [TOOL]
    asked, called, result = conversation(second).input
    assert (asked.role, called.role, result.role) == ("user", "assistant", "tool")
    assert called.parts == [part]
    assert (result.parts[0].id, result.parts[0].result) == (call.call_id, "Rain.")


@STREAM
async def test_built_in_tools_of_a_response(client: AsyncOpenAI, recorded: Recorded, stream: bool) -> None:
    mcp = {
        "type": "mcp",
        "server_label": "dice",
        "server_url": "https://dice.example/mcp",
        "authorization": "canary-authorization",
        "headers": {"X-Key": "canary-header"},
    }
    tools: list[Any] = [{"type": "web_search"}, {"type": "code_interpreter", "container": {"type": "auto"}}, mcp]
    await respond(client, stream, tools=[*tools, {"type": "image_generation"}])
    span = await recorded.one()
    said = parts(span)
    assert [(part.type, part.name) for part in said] == [
        ("tool_call", "web_search"),
        ("tool_call", "code_interpreter"),
        ("tool_call_response", None),
        ("tool_call", "roll"),
        ("tool_call_response", None),
        ("tool_call", "image_generation"),
        ("image", None),
        ("text", None),
    ]
    assert said[1].arguments["code"] == "print(6 * 7)"
    assert said[3].arguments["arguments"] == {"dice": 2}
    assert said[6].size == 8 + 256 * 16
    assert not any(b"canary" in value for value in recorded.values)


@STREAM
async def test_structured_output(client: AsyncOpenAI, recorded: Recorded, stream: bool) -> None:
    if stream:
        async with client.responses.stream(model="gpt-4o", input="Weather?", text_format=Weather) as events:
            response = await events.get_final_response()
    else:
        response = await client.responses.parse(model="gpt-4o", input="Weather?", text_format=Weather)
    assert response.output_parsed == Weather(location="some location, “quoted”", days=42)
    completion = await client.chat.completions.parse(
        model="gpt-4o", messages=[{"role": "user", "content": "Weather?"}], response_format=Weather
    )
    assert completion.choices[0].message.parsed == response.output_parsed
    for span in await recorded.all(2):
        assert span.attributes["gen_ai.output.type"] == "json"
        assert json.loads(parts(span)[0].text or "") == {"location": "some location, “quoted”", "days": 42}


@STREAM
async def test_how_a_response_can_end(client: AsyncOpenAI, recorded: Recorded, stream: bool) -> None:
    await respond(client, stream, max_output_tokens=1)
    refused = await respond(client, stream, extra_headers={"x-fake": "refuse=1"})
    assert refused.output[0].content[0].refusal == REFUSAL
    failed = await respond(client, stream, extra_headers={"x-fake": "fail=1"})
    assert failed.status == "failed"
    cut, refusal, failure = await recorded.all(3)
    assert (cut.finish_reasons, cut.status) == (["max_output_tokens"], "unset")
    assert [(part.type, part.text) for part in parts(refusal)] == [("refusal", REFUSAL)]
    assert (failure.status, failure.error_type, failure.finish_reasons) == ("error", "server_error", ["failed"])
    assert "llmflow.usage.estimated" not in failure.attributes


async def test_an_error_inside_a_stream_of_a_response(client: AsyncOpenAI, recorded: Recorded) -> None:
    stream = await client.responses.create(
        model="gpt-4o", input="Why?", stream=True, extra_headers={"x-fake": "stream_error=1"}
    )
    assert [event.type async for event in stream][-2:] == ["error", "response.failed"]
    span = await recorded.one()
    assert (span.status, span.error_type, span.http_status) == ("error", "server_error", 200)
    assert span.status_message.startswith("The server had an error")
    assert span.output_tokens is None


@STREAM
async def test_a_legacy_completion(client: AsyncOpenAI, recorded: Recorded, stream: bool) -> None:
    arguments: Any = {"model": "gpt-3.5-turbo-instruct", "prompt": ["Why?", "How?"], "max_tokens": 9, "user": "ada"}
    if stream:
        arguments |= {"stream": True, "stream_options": {"include_usage": True}}
        chunks: Any = [chunk async for chunk in await client.completions.create(**arguments)]
        usage = chunks[-1].usage
    else:
        usage = (await client.completions.create(**arguments)).usage
    assert usage
    span = await recorded.one()
    assert (span.name, span.observation_type) == ("text_completion gpt-3.5-turbo-instruct", "generation")
    assert (span.input_tokens, span.output_tokens) == (usage.prompt_tokens, usage.completion_tokens)
    assert (span.finish_reasons, span.user_id) == (["stop", "stop"], "ada")
    assert [part.text for part in parts(span, "input")] == ["Why?", "How?"]
    assert [part.text for part in parts(span)] == [ANSWER, "You said: How?"]


async def test_usage_that_a_stream_does_not_state_is_estimated(client: AsyncOpenAI, recorded: Recorded) -> None:
    messages: Any = [{"role": "user", "content": "Why?"}]
    async for _ in await client.chat.completions.create(model="gpt-4o", messages=messages, stream=True):
        pass
    async for _ in await client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Why?", stream=True):
        pass
    for span in await recorded.all(2):
        assert span.attributes["llmflow.usage.estimated"] is True
        # "You said: Why?" has 14 characters.
        assert (span.input_tokens, span.output_tokens) == (4, 4)


async def test_nothing_is_estimated_for_a_stream_that_failed(client: AsyncOpenAI, recorded: Recorded) -> None:
    messages: Any = [{"role": "user", "content": "Why?"}]
    with pytest.raises(openai.APIError, match="had an error"):
        async for _ in await client.chat.completions.create(
            model="gpt-4o", messages=messages, stream=True, extra_headers={"x-fake": "stream_error=3"}
        ):
            pass
    span = await recorded.one()
    assert (span.status, span.output_tokens) == ("error", None)
    assert "llmflow.usage.estimated" not in span.attributes


async def test_nothing_is_estimated_for_a_caller_that_left_before_the_first_token(
    client: AsyncOpenAI, recorded: Recorded
) -> None:
    with pytest.raises(openai.APITimeoutError):
        await client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": "Why?"}],
            stream=True,
            extra_headers={"x-fake": "first_delay=30"},
            timeout=0.3,
        )
    span = await recorded.one()
    assert (span.attributes["llmflow.cancelled"], span.input_tokens, span.output_tokens) == (True, None, None)
    assert "llmflow.usage.estimated" not in span.attributes


async def test_what_a_caller_got_before_it_left_is_estimated(client: AsyncOpenAI, recorded: Recorded) -> None:
    stream = await client.responses.create(
        model="gpt-4o", input="Why?", stream=True, extra_headers={"x-fake": "words=10000&delay=0.001"}
    )
    async for event in stream:
        if event.type == "response.output_text.delta":
            break
    await stream.close()
    span = await recorded.one()
    assert (span.attributes["llmflow.cancelled"], span.attributes["llmflow.usage.estimated"]) == (True, True)
    assert 0 < (span.output_tokens or 0) < 10_000
    assert (parts(span)[0].text or "").startswith("the ")


@pytest.mark.parametrize("given", [{}, {"encoding_format": "float"}, {"dimensions": 256}])
async def test_embeddings(client: AsyncOpenAI, recorded: Recorded, given: dict[str, Any]) -> None:
    texts = [f"text {number}" for number in range(25)]
    answer = await client.embeddings.create(model="text-embedding-3-small", input=texts, **given)
    length = given.get("dimensions", 1536)
    assert [len(item.embedding) for item in answer.data] == [length] * 25
    span = await recorded.one()
    assert (span.name, span.observation_type) == ("embeddings text-embedding-3-small", "embedding")
    assert (span.input_tokens, span.output_tokens) == (answer.usage.prompt_tokens, None)
    assert span.attributes["gen_ai.embeddings.dimension.count"] == length
    assert span.attributes["llmflow.request.input.count"] == 25
    # The SDK asks for base64 unless told otherwise.
    assert span.attributes["gen_ai.request.encoding_formats"] == [given.get("encoding_format", "base64")]
    assert [part.text for part in parts(span, "input")] == texts[:20]
    assert parts(span) == []
    assert len(recorded.values[0]) < 5000


@STREAM
async def test_images(client: AsyncOpenAI, recorded: Recorded, stream: bool) -> None:
    if stream:
        events = [
            event
            async for event in await client.images.generate(
                model="gpt-image-1", prompt="A cat", size="1024x1024", stream=True, partial_images=1
            )
        ]
        assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    else:
        answer = await client.images.generate(model="gpt-image-1", prompt="A cat", size="1024x1024")
        assert answer.data
        assert answer.data[0].b64_json
    span = await recorded.one()
    assert (span.name, span.attributes["gen_ai.output.type"]) == ("generate_content gpt-image-1", "image")
    assert span.attributes["llmflow.request.size"] == "1024x1024"
    assert (span.input_tokens, span.output_tokens) == (1, 1056)
    assert [part.text for part in parts(span, "input")] == ["A cat"]
    (picture,) = parts(span)
    assert (picture.type, picture.media_type, picture.size) == ("image", "image/png", 4104)
    assert (picture.digest or "").startswith("sha256:")


@STREAM
async def test_edited_images(client: AsyncOpenAI, recorded: Recorded, stream: bool) -> None:
    pictures = [("a.png", b"\x89PNG one", "image/png"), ("b.png", b"\x89PNG the other", "image/png")]
    if stream:
        async for _ in await client.images.edit(model="gpt-image-1", image=pictures, prompt="A hat", stream=True):
            pass
    else:
        await client.images.edit(model="gpt-image-1", image=pictures, prompt="A hat", mask=pictures[0], n=2)
    span = await recorded.one()
    assert span.attributes["url.full"].endswith("/v1/images/edits")
    given = parts(span, "input")
    assert (given[0].text, [part.size for part in given[1:3]]) == ("A hat", [8, 14])
    assert given[1].digest == f"sha256:{hashlib.sha256(pictures[0][1]).hexdigest()}"
    assert len(given) == (3 if stream else 4)
    assert len(parts(span)) == (1 if stream else 2)
    assert span.attributes["gen_ai.usage.image.input_tokens"] == 600


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_image_variations_by_address(client: AsyncOpenAI, recorded: Recorded) -> None:
    answer = await client.images.create_variation(image=("a.png", b"\x89PNG", "image/png"), model="dall-e-2")
    assert answer.data
    assert answer.data[0].url
    (picture,) = parts(await recorded.one())
    assert (picture.type, picture.uri) == ("image", answer.data[0].url)


async def test_speech(client: AsyncOpenAI, recorded: Recorded) -> None:
    async with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input="Hello there", instructions="Cheerfully", response_format="mp3"
    ) as response:
        assert b"".join([chunk async for chunk in response.iter_bytes()]) == SOUND
    streamed = await client.audio.speech.create(
        model="gpt-4o-mini-tts", voice="alloy", input="Hello there", stream_format="sse"
    )
    assert b"speech.audio.done" in streamed.content
    whole, events = await recorded.all(2)
    assert (whole.name, whole.attributes["gen_ai.output.type"]) == ("generate_content gpt-4o-mini-tts", "speech")
    assert whole.attributes["llmflow.request.voice"] == "alloy"
    assert whole.attributes["llmflow.usage.input_characters"] == 11
    assert [part.text for part in parts(whole, "input")] == ["Cheerfully", "Hello there"]
    digest = f"sha256:{hashlib.sha256(SOUND).hexdigest()}"
    for span, media_type in ((whole, "audio/mpeg"), (events, None)):
        (sound,) = parts(span)
        assert (sound.type, sound.media_type, sound.size, sound.digest) == ("audio", media_type, len(SOUND), digest)
    assert (events.output_tokens, whole.output_tokens) == (101, None)


@pytest.mark.parametrize("how", ["json", "stream", "text", "verbose_json"])
async def test_transcriptions(client: AsyncOpenAI, recorded: Recorded, how: Any) -> None:
    arguments: Any = {"model": "gpt-4o-transcribe", "prompt": "About foxes", "language": "en", "temperature": 0.2}
    arguments |= {"stream": True} if how == "stream" else {"response_format": how}
    answer: Any = await client.audio.transcriptions.create(file=("fox.mp3", SOUND), **arguments)
    if how == "stream":
        assert [event.type async for event in answer][-1] == "transcript.text.done"
    span = await recorded.one()
    assert span.name == "generate_content gpt-4o-transcribe"
    sound, prompt = parts(span, "input")
    assert (sound.type, sound.media_type, sound.size) == ("audio", "audio/mpeg", len(SOUND))
    assert sound.digest == f"sha256:{hashlib.sha256(SOUND).hexdigest()}"
    assert (prompt.text, span.attributes["gen_ai.request.temperature"]) == ("About foxes", 0.2)
    assert (parts(span)[0].text or "").strip() == TRANSCRIPT
    if how in ("json", "stream"):
        assert (span.input_tokens, span.output_tokens) == (14, 5)
        assert span.attributes["gen_ai.usage.audio.input_tokens"] == 14
    if how == "verbose_json":
        assert span.attributes["llmflow.usage.audio.input_seconds"] == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_translations(client: AsyncOpenAI, recorded: Recorded) -> None:
    answer = await client.audio.translations.create(model="whisper-1", file=("fuchs.wav", b"RIFF", "audio/wav"))
    assert answer.text == TRANSCRIPT
    span = await recorded.one()
    assert (span.name, parts(span)[0].text) == ("generate_content whisper-1", TRANSCRIPT)


async def test_moderations(client: AsyncOpenAI, recorded: Recorded) -> None:
    answer = await client.moderations.create(model="omni-moderation-latest", input=["be kind", "kill them"])
    assert [result.flagged for result in answer.results] == [False, True]
    span = await recorded.one()
    assert (span.name, span.model) == ("POST /v1/moderations", "omni-moderation-latest")
    assert span.attributes["llmflow.moderation.flagged"] is True
    assert span.attributes["llmflow.moderation.categories"] == ["violence"]
    assert [part.text for part in parts(span, "input")] == ["be kind", "kill them"]
    assert [part.value["categories"] for part in parts(span)] == [[], ["violence"]]


async def test_files(client: AsyncOpenAI, recorded: Recorded, fake_provider: FakeProvider) -> None:
    content = b'{"custom_id": "one"}\n' * 3
    uploaded = await client.files.create(file=("in.jsonl", io.BytesIO(content)), purpose="batch")
    assert uploaded.bytes == len(content)
    assert [file.object async for file in client.files.list()] == ["file"]
    await client.files.retrieve("file-1")
    fetched = await client.files.content("file-2")
    assert fetched.content == CONTENT
    assert (await client.files.delete("file-1")).deleted
    spans = await recorded.all(5)
    assert [(span.name, span.observation_type) for span in spans] == [
        ("POST /v1/files", "span"),
        ("GET /v1/files", "span"),
        ("GET /v1/files/{id}", "span"),
        ("GET /v1/files/{id}/content", "span"),
        ("DELETE /v1/files/{id}", "span"),
    ]
    upload, listed, retrieved, downloaded, deleted = (span.attributes for span in spans)
    assert (upload["llmflow.request.file.name"], upload["llmflow.request.file.size"]) == ("in.jsonl", len(content))
    assert upload["llmflow.request.file.digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert (upload["llmflow.resource.purpose"], upload["llmflow.resource.id"]) == ("batch", uploaded.id)
    assert listed["llmflow.resource.count"] == 1
    assert (retrieved["llmflow.resource.id"], retrieved["llmflow.resource.status"]) == ("file-1", "processed")
    assert downloaded["llmflow.response.file.size"] == len(CONTENT)
    assert deleted["llmflow.resource.deleted"] is True
    assert all(span.content == {} for span in spans)


async def test_batches_uploads_and_models(client: AsyncOpenAI, recorded: Recorded) -> None:
    batch = await client.batches.create(
        completion_window="24h", endpoint="/v1/chat/completions", input_file_id="file-in"
    )
    await client.batches.retrieve(batch.id)
    await client.batches.cancel(batch.id)
    upload = await client.uploads.create(bytes=140, filename="a.jsonl", mime_type="text/jsonl", purpose="batch")
    part = await client.uploads.parts.create(upload.id, data=b"{}\n")
    await client.uploads.complete(upload.id, part_ids=[part.id])
    await client.models.retrieve("gpt-4o")
    spans = await recorded.all(8)
    assert [span.name for span in spans] == [
        "POST /v1/batches",
        "GET /v1/batches/{id}",
        f"chat {BATCH_MODEL}",
        "POST /v1/batches/{id}/cancel",
        "POST /v1/uploads",
        "POST /v1/uploads/{id}/parts",
        "POST /v1/uploads/{id}/complete",
        "GET /v1/models/{id}",
    ]
    done = spans[1].attributes
    assert (done["llmflow.resource.status"], done["llmflow.resource.request_counts.completed"]) == ("completed", 2)
    assert done["llmflow.resource.output_file_id"] == "file-out"
    assert spans[5].attributes["llmflow.request.file.size"] == 3
    assert (spans[7].attributes["llmflow.resource.id"], spans[7].observation_type) == ("gpt-4o", "span")


async def test_a_batch_counts_once_however_often_it_is_asked_for(client: AsyncOpenAI, recorded: Recorded) -> None:
    found = await client.batches.retrieve("batch_1")
    await client.batches.retrieve("batch_1")
    assert found.usage
    _, once, _, again = await recorded.all(4)
    assert (once.trace_id, once.span_id, once.start_time_ns) == (again.trace_id, again.span_id, again.start_time_ns)
    assert (once.name, once.model, once.observation_type) == (f"chat {BATCH_MODEL}", BATCH_MODEL, "generation")
    assert (once.input_tokens, once.output_tokens) == (found.usage.input_tokens, found.usage.output_tokens)
    assert (once.cache_read_tokens, once.reasoning_tokens) == (2_000, 300)
    assert once.start_time_ns == found.created_at * 10**9
    assert once.duration_ns == 90 * 10**9
    listed = [batch.id async for batch in client.batches.list()]
    spans = await recorded.all(6)
    assert spans[5].attributes["gen_ai.response.id"] == listed[0]


async def test_each_attempt_of_a_retried_call_is_a_span(proxy_url: str, recorded: Recorded) -> None:
    async with AsyncOpenAI(base_url=f"{proxy_url}/v1", api_key="sk", max_retries=2) as client:
        with pytest.raises(openai.RateLimitError):
            await client.responses.create(model="gpt-4o", input="Why?", extra_headers={"x-fake": "status=429"})
    spans = await recorded.all(3)
    assert [span.attributes.get("http.request.resend_count") for span in spans] == [None, 1, 2]
    assert {(span.name, span.error_type) for span in spans} == {("chat gpt-4o", "rate_limit_exceeded")}


async def test_a_missing_response_is_an_error_by_its_template(client: AsyncOpenAI, recorded: Recorded) -> None:
    with pytest.raises(openai.NotFoundError, match="resp_1"):
        await client.responses.retrieve("resp_1")
    span = await recorded.one()
    assert (span.name, span.status, span.error_type) == (
        "GET /v1/responses/{id}",
        "error",
        "invalid_request_error",
    )
