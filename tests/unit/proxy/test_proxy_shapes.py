"""Requests and responses of the two APIs as messages, parameters and usage; streams re-assembled."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmflow_proxy import anthropic_messages, openai_chat, openai_responses
from llmflow_proxy.shape import Reading, Shape, sse_events
from llmflow_testkit.providers import anthropic_api, openai_api

TOOL_SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}, "days": {"type": "integer"}}}
OPENAI_TOOL = {"type": "function", "function": {"name": "get_weather", "description": "d", "parameters": TOOL_SCHEMA}}
ANTHROPIC_TOOL = {"name": "get_weather", "description": "d", "input_schema": TOOL_SCHEMA}
FLAT_TOOL = {"type": "function", "name": "get_weather", "description": "d", "parameters": TOOL_SCHEMA}
HEADERS = {"authorization": "Bearer sk-test", "x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}


def reading_of(shape: Shape, request: dict[str, Any], response: dict[str, Any]) -> Reading:
    reading = Reading()
    shape.read_request(request, reading)
    shape.read_response(response, reading)
    return reading


def facts(reading: Reading) -> dict[str, Any]:
    return {name: value for name, value in reading.attributes.items() if value is not None}


def test_an_openai_request() -> None:
    reading = Reading()
    openai_chat.read_request(
        {
            "model": "gpt-4o",
            "temperature": 0,
            "max_tokens": 150,
            "n": 2,
            "stop": "END",
            "seed": 7,
            "user": "ada",
            "response_format": {"type": "json_schema"},
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "name": "ada", "content": [{"type": "text", "text": "Look:"}, *_openai_files()]},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                        {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{broken"}},
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "42"},
            ],
            "tools": [OPENAI_TOOL],
        },
        reading,
    )
    assert facts(reading) == {
        "openai.api.type": "chat_completions",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.temperature": 0,
        "gen_ai.request.max_tokens": 150,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.request.seed": 7,
        "gen_ai.output.type": "json",
    }
    assert (reading.user, reading.tools) == ("ada", [FLAT_TOOL])
    system, user, assistant, tool = reading.input
    assert system == {"role": "system", "parts": [{"type": "text", "content": "Be kind."}]}
    assert user["name"] == "ada"
    assert [(part["type"], part.get("modality")) for part in user["parts"]] == [
        ("text", None),
        ("uri", "image"),
        ("blob", "image"),
        ("blob", "audio"),
        ("blob", "document"),
        ("file", "document"),
    ]
    assert "SGVsbG8" not in json.dumps(reading.input)
    assert assistant["parts"] == [
        {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
        {"type": "tool_call", "id": "c2", "name": "f", "arguments": "{broken"},
    ]
    assert tool == {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "42"}]}


def _openai_files() -> list[dict[str, Any]]:
    data = base64.b64encode(b"Hello" * 3).decode()
    return [
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{data}", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]


def test_an_openai_response() -> None:
    reading = Reading()
    openai_chat.read_response(
        {
            "id": "chatcmpl-1",
            "model": "o3-2025",
            "choices": [
                {
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "reasoning_content": "hm", "content": "Yes.", "refusal": None},
                },
                {"finish_reason": "content_filter", "message": {"role": "assistant", "refusal": "No."}},
            ],
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 8, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
        },
        reading,
    )
    assert facts(reading) == {
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "o3-2025",
        "gen_ai.response.finish_reasons": ["stop", "content_filter"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.cache_write.input_tokens": 8,
        "gen_ai.usage.reasoning.output_tokens": 40,
    }
    assert reading.output == [
        {
            "role": "assistant",
            "parts": [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "Yes."}],
            "finish_reason": "stop",
        },
        {"role": "assistant", "parts": [{"type": "refusal", "content": "No."}], "finish_reason": "content_filter"},
    ]


@pytest.mark.parametrize("read", [openai_chat.read_request, openai_responses.read_request])
def test_the_metadata_of_a_request_becomes_attributes(read: Callable[[dict[str, Any], Reading], None]) -> None:
    reading = Reading()
    read({"model": "m", "metadata": {"user_id": "ada", "feature": "chat", "model": "x", "n": 1}}, reading)
    assert reading.user == "ada"
    assert (reading.attributes["feature"], reading.attributes["gen_ai.request.model"]) == ("chat", "m")
    assert "user_id" not in reading.attributes
    assert "n" not in reading.attributes


def test_an_anthropic_request() -> None:
    data = base64.b64encode(b"Hello" * 3).decode()
    reading = Reading()
    anthropic_messages.read_request(
        {
            "model": "claude-haiku-4-5",
            "max_tokens": 100,
            "top_k": 5,
            "stream": True,
            "metadata": {"user_id": "ada"},
            "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
                        {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
                        {"type": "text", "text": "Look."},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "s"},
                        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                    ],
                },
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "42"}]},
            ],
            "tools": [ANTHROPIC_TOOL, {"type": "web_search_20250305", "name": "web_search"}],
        },
        reading,
    )
    assert facts(reading) == {
        "gen_ai.request.model": "claude-haiku-4-5",
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.stream": True,
    }
    assert reading.user == "ada"
    assert reading.system == [{"type": "text", "content": "Be kind."}]
    assert reading.tools == [FLAT_TOOL, {"type": "web_search_20250305", "name": "web_search"}]
    first, second, third = reading.input
    assert [part["type"] for part in first["parts"]] == ["blob", "uri", "text"]
    assert second["parts"] == [
        {"type": "reasoning", "content": "hm"},
        {"type": "tool_call", "id": "t1", "name": "f", "arguments": {"a": 1}},
    ]
    assert third["parts"] == [{"type": "tool_call_response", "id": "t1", "response": "42"}]


@pytest.mark.parametrize(
    ("usage", "written", "thought"),
    [
        ({"completion_tokens": 9, "total_tokens": 41, "completion_tokens_details": {"reasoning_tokens": 5}}, 9, 5),
        ({"completion_tokens": 9, "total_tokens": 135, "completion_tokens_details": {"reasoning_tokens": 94}}, 103, 94),
        ({"completion_tokens": 9, "total_tokens": 135}, 103, 94),
        ({"completion_tokens": 9, "total_tokens": 135, "reasoning_tokens": 5}, 9, 5),
        ({"completion_tokens": 9}, 9, None),
    ],
    ids=["counted in", "counted apart", "not even stated", "unlike the total", "without a total"],
)
def test_openai_usage_counts_reasoning_in(usage: dict[str, Any], written: int, thought: int | None) -> None:
    reading = reading_of(openai_chat.SHAPE, {}, {"usage": {"prompt_tokens": 32, **usage}})
    assert facts(reading)["gen_ai.usage.output_tokens"] == written
    assert facts(reading).get("gen_ai.usage.reasoning.output_tokens") == thought


def test_anthropic_usage_counts_cached_input_in() -> None:
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 200,
        "cache_creation": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50},
        "output_tokens": 30,
        "output_tokens_details": {"thinking_tokens": 20},
    }
    reading = Reading()
    anthropic_messages.read_response({"content": [], "stop_reason": "end_turn", "usage": usage}, reading)
    assert facts(reading) == {
        "gen_ai.response.finish_reasons": ["end_turn"],
        "gen_ai.usage.input_tokens": 1210,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.cache_read.input_tokens": 1000,
        "gen_ai.usage.cache_write.input_tokens": 200,
        "gen_ai.usage.reasoning.output_tokens": 20,
        "llmflow.usage.cache_write_5m.input_tokens": 150,
        "llmflow.usage.cache_write_1h.input_tokens": 50,
    }


def test_anthropic_usage_counts_compactions_in() -> None:
    summing_up = {
        "type": "compaction",
        "input_tokens": 180_000,
        "cache_read_input_tokens": 40,
        "cache_creation_input_tokens": 7,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 7},
        "output_tokens": 3500,
    }
    answering = {"type": "message", "input_tokens": 23_000, "output_tokens": 1000}
    another_models = {"type": "advisor_message", "model": "claude-opus-4-6", "input_tokens": 9, "output_tokens": 9}
    usage = {"input_tokens": 23_000, "output_tokens": 1000, "iterations": [summing_up, answering, another_models]}
    reading = Reading()
    anthropic_messages.read_response({"content": [], "usage": usage}, reading)
    assert facts(reading) == {
        "gen_ai.usage.input_tokens": 203_047,
        "gen_ai.usage.output_tokens": 4500,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.cache_write.input_tokens": 7,
        "llmflow.usage.cache_write_1h.input_tokens": 7,
    }


@pytest.mark.parametrize("with_tool", [False, True])
@pytest.mark.parametrize("choices", [1, 3])
def test_an_openai_stream_reads_as_the_whole_answer_would(with_tool: bool, choices: int) -> None:
    request: dict[str, Any] = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Tell me, “why”?"}],
        "n": choices,
        **({"tools": [OPENAI_TOOL]} if with_tool else {}),
    }
    streamed = {**request, "stream": True, "stream_options": {"include_usage": True}}
    whole = json.loads(_openai(request))
    assembled = openai_chat.reassemble(sse_events(_openai(streamed)))
    assert len(whole["choices"]) == choices
    _same(reading_of(openai_chat.SHAPE, request, whole), reading_of(openai_chat.SHAPE, request, assembled))


@pytest.mark.parametrize("with_tool", [False, True])
@pytest.mark.parametrize("thinking", [False, True])
def test_an_anthropic_stream_reads_as_the_whole_answer_would(with_tool: bool, thinking: bool) -> None:
    request: dict[str, Any] = {
        "model": "claude-haiku-4-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be kind. " * 9, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "Tell me, “why”?"}],
        **({"tools": [ANTHROPIC_TOOL]} if with_tool else {}),
        **({"thinking": {"type": "enabled", "budget_tokens": 50}} if thinking else {}),
    }
    whole = json.loads(_anthropic(request))
    assembled = anthropic_messages.reassemble(sse_events(_anthropic({**request, "stream": True})))
    assert whole["usage"]["cache_read_input_tokens"] > 0
    shape = anthropic_messages.SHAPE
    _same(reading_of(shape, request, whole), reading_of(shape, request, assembled))


def test_the_output_of_an_anthropic_stream_that_ended_early_is_not_counted_by_its_start() -> None:
    messages = [{"role": "user", "content": "Why?"}]
    request = {"model": "claude-haiku-4-5", "max_tokens": 100, "stream": True, "messages": messages}
    events = list(sse_events(_anthropic(request)))
    last = next(number for number, event in enumerate(events) if event["type"] == "message_delta")
    whole, cut = (anthropic_messages.reassemble(events[:end]) for end in (last + 1, last))
    assert whole["usage"]["output_tokens"] > 0
    assert "output_tokens" not in cut["usage"]
    assert cut["usage"]["input_tokens"] == whole["usage"]["input_tokens"]


def _openai(request: dict[str, Any]) -> bytes:
    body = json.dumps(request).encode()
    return b"".join(openai_api.reply("POST", "/v1/chat/completions", HEADERS, body, len(body)).chunks)


def _anthropic(request: dict[str, Any]) -> bytes:
    return b"".join(anthropic_api.reply("POST", "/v1/messages", HEADERS, json.dumps(request).encode()).chunks)


def _same(whole: Reading, assembled: Reading) -> None:
    """Equal but for the ids, which the fakes make anew for each call."""
    for reading in (whole, assembled):
        assert reading.attributes.pop("gen_ai.response.id")
        for message in reading.output:
            for part in message["parts"]:
                if part["type"] == "tool_call":
                    assert part.pop("id")
    assert whole.output
    assert assembled == whole


@pytest.mark.parametrize("shape", [openai_chat.SHAPE, anthropic_messages.SHAPE], ids=["openai", "anthropic"])
def test_an_error_inside_a_stream_is_found(shape: Shape) -> None:
    headers = {**HEADERS, "x-fake": "stream_error=4"}
    body = json.dumps(
        {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    ).encode()
    if shape is openai_chat.SHAPE:
        stream = openai_api.reply("POST", "/v1/chat/completions", headers, body, len(body))
    else:
        stream = anthropic_api.reply("POST", "/v1/messages", headers, body)
    assembled = shape.reassemble(sse_events(b"".join(stream.chunks)))
    assert assembled["error"]["message"]
    reading = Reading()
    shape.read_response({name: value for name, value in assembled.items() if name != "error"}, reading)
    assert reading.output[0]["parts"][0]["content"].startswith("You")


def mutants(value: Any) -> Iterator[Any]:
    """`value` with one of its parts, however deep, replaced by something of another type."""
    yield from (None, 7, "text", [], {}, [None], [{}], ["text"], {"type": []})
    if isinstance(value, dict):
        for name, item in value.items():
            yield from ({**value, name: mutant} for mutant in mutants(item))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], mutant, *value[index + 1 :]] for mutant in mutants(item))


@pytest.mark.parametrize("shape", [openai_chat.SHAPE, anthropic_messages.SHAPE], ids=["openai", "anthropic"])
def test_strange_bodies_do_no_harm(shape: Shape) -> None:
    parts = [*_openai_files(), {"type": "tool_result", "content": "x"}, {"type": "image", "source": {"type": "url"}}]
    message = {"role": "user", "content": parts, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    request = {"model": "m", "messages": [message], "tools": [OPENAI_TOOL], "system": "s", "metadata": {"user_id": "u"}}
    answer = {"choices": [{"message": message, "finish_reason": "stop"}], "content": parts, "usage": {"x": {}}}
    for mutant in filter(lambda mutant: isinstance(mutant, dict), mutants(request)):
        assert json.dumps(reading_of(shape, mutant, answer).input)
    for mutant in filter(lambda mutant: isinstance(mutant, dict), mutants(answer)):
        assert json.dumps(reading_of(shape, request, mutant).output)
