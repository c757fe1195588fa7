"""The framings of streams: whole, cut anywhere, and longer than what was captured of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmflow_proxy import bedrock, cohere, eventstream, gemini, ollama
from llmflow_proxy.capture import Budget, Capture
from llmflow_proxy.shape import Reading, Shape
from llmflow_proxy.streams import events_of, framing_of
from llmflow_testkit.providers import bedrock_api, cohere_api, gemini_api, ollama_api
from llmflow_testkit.providers.replies import Reply

LIMIT = 1 << 20
HEADERS = {"authorization": "Bearer k", "x-goog-api-key": "k"}
QUESTION: dict[str, Any] = {"role": "user", "content": "Why?"}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "Why?"}]}]}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]}


def _gemini(query: str, headers: dict[str, str]) -> Reply:
    path = "/v1beta/models/m:streamGenerateContent"
    return gemini_api.reply("POST", path, query, headers, json.dumps(CONTENTS).encode())


def _posted(reply: Callable[..., Reply], path: str, body: dict[str, Any]) -> Callable[[dict[str, str]], Reply]:
    return lambda headers: reply("POST", path, headers, json.dumps(body).encode())


STREAMS: dict[str, tuple[Shape, Callable[[dict[str, str]], Reply]]] = {
    "gemini-sse": (gemini.SHAPES["/models/{model}:streamGenerateContent"], lambda headers: _gemini("alt=sse", headers)),
    "gemini-array": (gemini.SHAPES["/models/{model}:streamGenerateContent"], lambda headers: _gemini("", headers)),
    "cohere": (
        cohere.SHAPES["/v2/chat"],
        _posted(cohere_api.reply, "/v2/chat", {"model": "m", "messages": [QUESTION], "stream": True}),
    ),
    "ollama": (
        ollama.SHAPES["/api/chat"],
        _posted(ollama_api.reply, "/api/chat", {"model": "m", "messages": [QUESTION]}),
    ),
    "bedrock": (
        bedrock.SHAPES["/model/{model}/converse-stream"],
        _posted(bedrock_api.reply, "/model/m/converse-stream", CONVERSE),
    ),
}


def read(name: str, words: int, held: int = LIMIT, cut: int | None = None) -> tuple[Reading, int]:
    shape, reply = STREAMS[name]
    answered = reply({**HEADERS, "x-fake": f"words={words}"})
    stream = b"".join(answered.chunks)
    capture = Capture(held, Budget(LIMIT))
    for start in range(0, len(stream[:cut]), 1000):
        capture.add(stream[:cut][start : start + 1000])
    framing = framing_of(dict(answered.headers)["content-type"], shape)
    assert framing
    reading = Reading()
    body = shape.reassemble(events_of(capture, framing, "", LIMIT))
    shape.read_response({key: value for key, value in body.items() if key != "error"}, reading)
    return reading, len(stream)


def text_of(reading: Reading) -> str:
    return "".join(part.get("content", "") for message in reading.output for part in message["parts"])


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_longer_than_its_capture_keeps_its_end(name: str) -> None:
    whole, size = read(name, 800)
    cut, _ = read(name, 800, held=20_000)
    assert size > 40_000
    assert text_of(whole).startswith("the quick brown fox")
    assert text_of(cut).startswith("the quick brown fox")
    for fact in ("gen_ai.usage.output_tokens", "gen_ai.response.finish_reasons"):
        assert cut.attributes[fact] == whole.attributes[fact]
        assert whole.attributes[fact]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_anywhere_gives_what_came(name: str) -> None:
    whole, size = read(name, 12)
    for cut in range(0, size, 7):
        part, _ = read(name, 12, cut=cut)
        assert text_of(whole).startswith(text_of(part))


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_event_stream_messages_are_found_in_noise(payload: bytes, noise: bytes) -> None:
    frame = bedrock_api.frame(payload, event_type="chunk", message_type="event")
    wanted = ({":event-type": "chunk", ":message-type": "event"}, payload)
    assert list(eventstream.messages(noise + frame + noise + frame + frame[:-1])) == [wanted, wanted]


def test_a_damaged_message_is_passed_over() -> None:
    frame = bedrock_api.frame(b"payload", event_type="chunk")
    for place in range(len(frame)):
        damaged = bytearray(frame)
        damaged[place] ^= 1
        assert list(eventstream.messages(bytes(damaged) + frame)) == [({":event-type": "chunk"}, b"payload")]


def test_plain_json_is_no_stream_but_where_the_api_says_so() -> None:
    assert framing_of("application/json", cohere.SHAPES["/v2/chat"]) is None
    assert framing_of("application/json; charset=UTF-8", STREAMS["gemini-array"][0])
    assert framing_of("text/event-stream; charset=utf-8", None)
    assert framing_of("audio/mpeg", None) is None
