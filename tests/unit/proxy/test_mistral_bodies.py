"""Mistral's conversations with agents, by the events and bodies of its documentation."""

from __future__ import annotations

from typing import Any

import pytest

from llmflow_proxy.mistral import SHAPES
from llmflow_proxy.shape import Reading

SEARCH = {"type": "tool.execution", "id": "tool_exec_1", "name": "web_search", "arguments": '{"query": "a"}'}
CITED = {"type": "tool_reference", "tool": "web_search", "title": "A", "url": "https://example.com"}
USAGE = {
    "prompt_tokens": 188, "completion_tokens": 55, "total_tokens": 7355, "connector_tokens": 7112,
    "connectors": {"web_search": 1},
}  # fmt: skip
CALL = {
    "type": "function.call", "id": "fc_1", "tool_call_id": "call_1", "name": "weather", "arguments": '{"city": "Rome"}'
}  # fmt: skip
WHOLE = {
    "object": "conversation.response",
    "conversation_id": "conv_1",
    "outputs": [
        SEARCH,
        {
            "type": "message.output",
            "id": "msg_1",
            "role": "assistant",
            "model": "mistral-medium-latest",
            "content": [{"type": "text", "text": "It was a."}, CITED],
        },
        CALL,
    ],
    "usage": USAGE,
}
SAID = {"type": "message.output.delta", "id": "msg_1", "role": "assistant", "model": "mistral-medium-latest"}
CALLED = {**CALL, "type": "function.call.delta"}
EVENTS: list[dict[str, Any]] = [
    {"type": "conversation.response.started", "conversation_id": "conv_1"},
    {**SEARCH, "type": "tool.execution.started", "arguments": ""},
    {**SEARCH, "type": "tool.execution.delta"},
    {**SEARCH, "type": "tool.execution.done"},
    {**SAID, "content": "It was"},
    {**SAID, "content": {"type": "text", "text": " a."}},
    {**SAID, "content": CITED},
    {**CALLED, "arguments": '{"city": '},
    {**CALLED, "arguments": '"Rome"}'},
    {"type": "conversation.response.done", "usage": USAGE},
]
SHAPE = SHAPES["/conversations/{id}"]


@pytest.mark.parametrize("body", [WHOLE, SHAPE.reassemble(EVENTS)], ids=["whole", "streamed"])
def test_a_conversation_takes_what_its_connectors_add(body: dict[str, Any]) -> None:
    reading = Reading()
    SHAPE.read_response(body, reading)
    attributes = reading.attributes
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (7300, 55)
    assert attributes["llmflow.usage.connectors.web_search"] == 1
    assert attributes["gen_ai.conversation.id"] == "conv_1"
    assert attributes["gen_ai.response.model"] == "mistral-medium-latest"
    search, answer, call = (message["parts"] for message in reading.output)
    assert search[0]["server_tool_call"] == {"type": "web_search", "arguments": {"query": "a"}}
    assert answer == [{"type": "text", "content": "It was a."}, CITED]
    assert call == [{"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Rome"}}]


def test_a_conversation_is_asked_with_texts_and_results() -> None:
    reading = Reading()
    result = {"type": "function.result", "tool_call_id": "call_1", "result": '{"celsius": 30}'}
    SHAPE.read_request({"agent_id": "ag_1", "inputs": [{"role": "user", "content": "Hi"}, result]}, reading)
    assert reading.attributes["gen_ai.agent.id"] == "ag_1"
    asked, answered = reading.input
    assert asked == {"role": "user", "parts": [{"type": "text", "content": "Hi"}]}
    assert answered["parts"] == [{"type": "tool_call_response", "id": "call_1", "response": {"celsius": 30}}]


def test_an_error_ends_a_conversation() -> None:
    failed = {"type": "conversation.response.error", "code": 3000, "message": "no"}
    assert SHAPE.reassemble([*EVENTS[:5], failed])["error"] == {"code": 3000, "message": "no"}
