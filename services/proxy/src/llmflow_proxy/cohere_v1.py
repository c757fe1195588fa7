"""Cohere's chat of version 1 (POST /v1/chat), which older clients still speak."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.cohere import read_parameters, read_usage
from llmflow_proxy.media import by_reference
from llmflow_proxy.shape import Reading, Shape, dicts, mapping

_ROLES = {"CHATBOT": "assistant", "USER": "user", "SYSTEM": "system", "TOOL": "tool"}


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, parameters, history, message, results of tools, documents and tools of a chat request."""
    read_parameters(body, reading)
    if preamble := body.get("preamble"):
        reading.system.append({"type": "text", "content": by_reference(preamble)})
    if documents := body.get("documents"):
        reading.system.append({"type": "documents", "documents": by_reference(documents)})
    reading.input = [_message(message) for message in dicts(body.get("chat_history"))]
    if message := body.get("message"):
        reading.input.append({"role": "user", "parts": [{"type": "text", "content": by_reference(message)}]})
    if results := dicts(body.get("tool_results")):
        reading.input.append({"role": "tool", "parts": [_result(result) for result in results]})
    reading.tools = [
        {
            "type": "function",
            "name": tool.get("name"),
            "description": tool.get("description"),
            "parameters": tool.get("parameter_definitions"),
        }
        for tool in dicts(body.get("tools"))
    ]


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """Answer, usage and id of a chat response."""
    reason = body.get("finish_reason")
    reading.attributes["gen_ai.response.id"] = body.get("response_id") or body.get("generation_id")
    reading.attributes["gen_ai.response.finish_reasons"] = [reason] if reason else None
    said = _message({"role": "CHATBOT", "message": body.get("text"), "tool_calls": body.get("tool_calls")})
    if said["parts"]:
        reading.output.append({**said, "finish_reason": reason})
    read_usage(mapping(body.get("meta")), reading.attributes)


def _message(message: Mapping[str, Any]) -> dict[str, JSON]:
    parts: list[JSON] = []
    if text := message.get("message"):
        parts.append({"type": "text", "content": by_reference(text)})
    parts += [_result(result) for result in dicts(message.get("tool_results"))]
    parts += [
        {"type": "tool_call", "id": None, "name": call.get("name"), "arguments": by_reference(call.get("parameters"))}
        for call in dicts(message.get("tool_calls"))
    ]
    role = str(message.get("role"))
    return {"role": _ROLES.get(role.upper(), role), "parts": parts}


def _result(result: Mapping[str, Any]) -> JSON:
    """What a tool answered; version 1 knows calls by their names only."""
    name = mapping(result.get("call")).get("name")
    return {"type": "tool_call_response", "id": name, "response": by_reference(result.get("outputs"))}


def reassemble(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The whole response, which the last event of a stream holds; of a stream that broke off what there was."""
    body: dict[str, Any] = {}
    text: list[str] = []
    for event in events:
        match event.get("event_type"):
            case "stream-start":
                body["generation_id"] = event.get("generation_id")
            case "text-generation":
                text.append(str(event.get("text", "")))
            case "tool-calls-generation":
                body["tool_calls"] = event.get("tool_calls")
            case "stream-end":
                body |= {"finish_reason": event.get("finish_reason"), **mapping(event.get("response"))}
            case None if event.get("message"):
                body["error"] = event["message"]
    return {"text": "".join(text), **body}


SHAPES = {"/v1/chat": Shape("chat", read_request, read_response, reassemble)}
