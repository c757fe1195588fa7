"""OpenAI's streams that end early or in an error, and estimates for what they did not count."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from llmflow_proxy import openai_chat, openai_completions, openai_media, openai_responses
from llmflow_proxy.estimate import estimate_usage
from llmflow_proxy.shape import Reading, Shape, sse_events
from llmflow_testkit.providers import openai_api
from llmflow_testkit.providers.openai_responses_api import REASONING

TOOL = {"type": "function", "name": "get_weather", "parameters": {"properties": {"location": {"type": "string"}}}}


def events(path: str, request: dict[str, Any], fake: str = "") -> list[dict[str, Any]]:
    headers = {"authorization": "Bearer sk", "content-type": "application/json", "x-fake": fake}
    body = json.dumps({"model": "gpt-4o", "stream": True, **request}).encode()
    return list(sse_events(b"".join(openai_api.reply("POST", path, headers, body, len(body)).chunks)))


def reading_of(shape: Shape, request: dict[str, Any], response: dict[str, Any]) -> Reading:
    reading = Reading()
    shape.read_request(request, reading)
    shape.read_response(response, reading)
    return reading


def until(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The events up to the last of a type, as if the caller had left then."""
    last = max(number for number, event in enumerate(found) if event["type"] == kind)
    return found[: last + 1]


def test_a_response_that_was_broken_off_is_made_of_its_pieces() -> None:
    request = {"input": "Why?", "reasoning": {"effort": "low", "summary": "auto"}}
    broken_off = until(events("/v1/responses", request, "words=10"), "response.output_text.delta")
    response = openai_responses.reassemble(broken_off[:-3])
    reading = reading_of(openai_responses.SHAPE, request, response)
    (message,) = reading.output
    assert message["parts"] == [
        {"type": "reasoning", "content": REASONING},
        {"type": "text", "content": "the quick brown fox jumps over a "},
    ]
    assert message["finish_reason"] is None
    assert reading.attributes["llmflow.response.status"] == "in_progress"
    assert reading.attributes["gen_ai.response.finish_reasons"] is None


def test_a_function_call_that_was_broken_off() -> None:
    found = events("/v1/responses", {"input": "Why?", "tools": [TOOL]})
    first = next(number for number, event in enumerate(found) if event["type"].endswith("arguments.delta"))
    response = openai_responses.reassemble(found[: first + 1])
    (part,) = reading_of(openai_responses.SHAPE, {}, response).output[0]["parts"]
    assert (part["type"], part["name"], part["arguments"]) == ("tool_call", "get_weather", '{"locat')


def test_pieces_whose_announcement_was_not_captured() -> None:
    found = [
        {"type": "response.refusal.delta", "output_index": 1, "content_index": 0, "delta": "No"},
        {"type": "response.refusal.delta", "output_index": 1, "content_index": 0, "delta": "."},
        {"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "Hm"},
    ]
    response = openai_responses.reassemble(found)
    assert [item["type"] for item in response["output"]] == ["reasoning", "message"]
    assert reading_of(openai_responses.SHAPE, {}, response).output[0]["parts"] == [
        {"type": "reasoning", "content": "Hm"},
        {"type": "refusal", "content": "No."},
    ]


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_error_event(wrapped: bool) -> None:
    error = {"code": "rate_limit_exceeded", "message": "Slow down", "param": None}
    event = {"type": "error", "error": error} if wrapped else {"type": "error", **error}
    assert openai_responses.reassemble([event])["error"] == error


def test_responses_items_of_every_kind() -> None:
    items = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": "https://example.com/cat.png"},
                {"type": "input_image", "file_id": "file-1"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,SGVsbG8="},
                {"type": "input_file", "file_url": "https://example.com/a.pdf"},
            ],
        },
        {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "input": "select 1"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "1"},
        {"type": "computer_call", "call_id": "c2", "action": {"type": "click", "x": 1}},
        {
            "type": "computer_call_output",
            "call_id": "c2",
            "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64," + "Aa1+" * 200},
        },
        {"type": "item_reference", "id": "msg_1"},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"},
    ]
    reading = Reading()
    openai_responses.read_request({"input": items, "text": {"format": {"type": "json_object"}}}, reading)
    assert [(message["role"], [part.get("type") for part in message["parts"]]) for message in reading.input] == [
        ("developer", ["text"]),
        ("user", ["uri", "file", "blob", "uri"]),
        ("assistant", ["tool_call"]),
        ("tool", ["tool_call_response"]),
        ("assistant", ["tool_call"]),
        ("tool", ["tool_call_response"]),
        ("assistant", ["item_reference"]),
        ("assistant", []),
    ]
    assert "Aa1+" * 20 not in json.dumps(reading.input)
    assert reading.attributes["gen_ai.output.type"] == "json"


def chunk(delta: dict[str, Any], index: int | None = 0, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, **more}]}


def call(index: int | None, arguments: str, **more: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": index, **more, "function": {"arguments": arguments}}]})


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(
            [call(None, "", id="a"), call(None, "{}"), chunk({"content": "x"}, index=None)], id="without an index"
        ),
        pytest.param([chunk({"content": "x"}), call(0, "{", id="a"), call(0, "}", id="a")], id="with the id repeated"),
    ],
)
def test_what_states_no_place_is_put_together(found: list[dict[str, Any]]) -> None:
    (message,) = reading_of(openai_chat.SHAPE, {}, openai_chat.reassemble(found)).output
    assert message["parts"] == [
        {"type": "text", "content": "x"},
        {"type": "tool_call", "id": "a", "name": None, "arguments": {}},
    ]


def test_calls_that_share_an_index_are_as_many_as_their_ids() -> None:
    found = [call(0, '{"x": 1}', id="a"), call(0, '{"x": 2}', id="b"), call(0, '{"x"', id="c"), call(0, ": 3}")]
    (message,) = reading_of(openai_chat.SHAPE, {}, openai_chat.reassemble(found)).output
    assert [(part["id"], part["arguments"]) for part in message["parts"]] == [
        ("a", {"x": 1}),
        ("b", {"x": 2}),
        ("c", {"x": 3}),
    ]


def test_usage_inside_a_choice() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    response = openai_chat.reassemble([chunk({"content": "x"}), chunk({}, finish_reason="stop", usage=usage)])
    assert response["usage"] == usage


def test_an_event_that_is_an_error() -> None:
    error = {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}
    response = openai_chat.reassemble([chunk({"content": "x"}), error])
    assert response["error"] == error


def test_events_that_only_lenient_readers_understand() -> None:
    found = sse_events(
        b'\xef\xbb\xbfdata: {"a": "cut \\ud83d"}\n\n'
        b'data: {"a": "\\ude00, \\ud83d\\ude00, \\\\ud83d"}\n\n'
        b'data: {"a": NaN}\n\ndata: {"a\n\ndata: [DONE]\n\n'
    )
    cut, rest, number = (event["a"] for event in found)
    assert (cut, rest) == ("cut \ufffd", "\ufffd, \N{GRINNING FACE}, \\ud83d")
    assert math.isnan(number)


def test_a_broken_off_completion_and_its_error() -> None:
    broken = openai_completions.reassemble(events("/v1/completions", {"prompt": "Why?"}, "words=9&stream_error=2"))
    assert broken["choices"] == [{"text": "the quick ", "finish_reason": None}]
    assert broken["error"]["type"] == "server_error"


def test_a_broken_off_picture_is_its_sketch() -> None:
    found = events("/v1/images/generations", {"model": "gpt-image-1", "prompt": "A cat"})
    assert len(openai_media.reassemble_images(found)["data"]) == 1
    sketch = openai_media.reassemble_images(found[:1])
    assert (len(sketch["data"]), sketch.get("usage")) == (1, None)
    assert openai_media.reassemble_images([{"error": {"message": "no"}}]) == {"error": {"message": "no"}}


def estimated(
    shape: Shape, request: dict[str, Any], response: dict[str, Any], operation: str = "chat"
) -> tuple[Any, ...]:
    reading = reading_of(shape, request, response)
    estimate_usage(operation, reading)
    names = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "llmflow.usage.estimated")
    return tuple(reading.attributes.get(name) for name in names)


QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "x" * 400}]}


def answered(**message: Any) -> dict[str, Any]:
    return {"choices": [{"message": message}]}


def test_an_estimate_counts_bytes_of_text_and_arguments() -> None:
    assert estimated(openai_chat.SHAPE, QUESTION, answered(content="y" * 40)) == (103, 10, True)
    assert estimated(openai_chat.SHAPE, QUESTION, answered(content="日本語" * 4)) == (103, 9, True)
    call = {"function": {"name": "f", "arguments": '{"a": "' + "z" * 72 + '"}'}}
    assert estimated(openai_chat.SHAPE, QUESTION, answered(tool_calls=[call])) == (103, 20, True)
    prompt = {"prompt": [1, 2, 3, 4]}
    said = {"choices": [{"text": "y" * 8}]}
    assert estimated(openai_completions.SHAPE, prompt, said, "text_completion") == (7, 2, True)


def test_only_what_is_not_stated_is_estimated() -> None:
    stated = {**answered(content="y" * 40), "usage": {"prompt_tokens": 7}}
    assert estimated(openai_chat.SHAPE, QUESTION, stated) == (7, 10, True)


def test_a_picture_is_not_counted_as_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "Aa1+" * 1000}}
    asked = {"messages": [{"role": "user", "content": [picture]}]}
    assert estimated(openai_chat.SHAPE, asked, answered(content="y" * 40)) == (3, 10, True)


@pytest.mark.parametrize(
    ("response", "operation", "expected"),
    [
        (answered(content=""), "chat", (None, None, None)),
        (answered(role="assistant"), "chat", (None, None, None)),
        ({"choices": []}, "chat", (None, None, None)),
        ({**answered(content="yes"), "usage": {"prompt_tokens": 1, "completion_tokens": 2}}, "chat", (1, 2, None)),
        (answered(content="yes"), "embeddings", (None, None, None)),
        ({"usage": {"prompt_tokens": 1}}, "chat", (1, None, None)),
    ],
)
def test_what_is_not_estimated(response: dict[str, Any], operation: str, expected: tuple[Any, ...]) -> None:
    assert estimated(openai_chat.SHAPE, QUESTION, response, operation) == expected
