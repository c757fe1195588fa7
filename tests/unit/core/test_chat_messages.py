"""Messages in the shapes of model APIs: nothing that they say is lost."""

from __future__ import annotations

from typing import Any

import pytest

from llmflow_core.conventions.chat import messages_of
from llmflow_core.messages import Message, Part

CALL = Part(type="tool_call", id="c", name="f", arguments={"a": 1})
SEARCH = {"type": "web_search_call", "id": "ws", "action": {"query": "weather"}}


@pytest.mark.parametrize(
    ("message", "read"),
    [
        (
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}},
            Message(role="assistant", parts=[Part(type="tool_call", name="f", arguments={"a": 1})]),
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
            Message(role="assistant", parts=[Part(type="tool_call", id="c", name="f", arguments="x")]),
        ),
        (
            {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"},
            Message(role="assistant", parts=[Part(type="tool_call", id="c", name="f", arguments="x")]),
        ),
        (
            {"type": "custom_tool_call_output", "id": "item", "call_id": "c", "output": "y"},
            Message(role="tool", parts=[Part(type="tool_call_response", id="c", result="y")]),
        ),
        (
            {
                "role": "assistant",
                "parts": [
                    {
                        "type": "server_tool_call",
                        "id": "ws",
                        "name": "web_search",
                        "server_tool_call": {"type": "web_search", "arguments": {"a": 1}},
                    },
                    {
                        "type": "server_tool_call_response",
                        "id": "ws",
                        "server_tool_call_response": {"type": "web_search", "results": ["y"], "error": None},
                    },
                ],
            },
            Message(
                role="assistant",
                parts=[
                    Part(type="tool_call", id="ws", name="web_search", arguments={"a": 1}),
                    Part(type="tool_call_response", id="ws", result={"results": ["y"], "error": None}),
                ],
            ),
        ),
        (SEARCH, Message(role="assistant", parts=[Part(type="unknown", value=SEARCH)])),
        (
            {"role": "assistant", "content": None, "audio": {"id": "a", "transcript": "Hello there."}},
            Message(role="assistant", parts=[Part(type="text", text="Hello there.")]),
        ),
        (
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c", "name": "f", "input": {"a": 1}}}]},
            Message(role="assistant", parts=[CALL]),
        ),
        (
            {"role": "user", "content": [{"toolResult": {"toolUseId": "c", "content": [{"text": "y"}]}}]},
            Message(role="user", parts=[Part(type="tool_call_response", id="c", result="y")]),
        ),
        (
            {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "so"}}}]},
            Message(role="assistant", parts=[Part(type="reasoning", text="so")]),
        ),
    ],
    ids=[
        *("function call", "custom call", "custom call item", "its output", "tools of the provider"),
        *("search item", "spoken answer", "Converse call", "Converse result", "Converse thought"),
    ],
)
def test_what_a_message_says(message: dict[str, Any], read: Message) -> None:
    assert messages_of([message], "user") == [read]
