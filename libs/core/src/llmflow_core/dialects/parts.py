"""LLMFlow's messages in the shapes of others: the GenAI conventions' message schema, and OpenAI's chat API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import orjson

from llmflow_core.messages import Message, Part
from llmflow_core.spans import JSON

_DATA = "data:"
_BASE64 = ";base64,"


def json_text(value: JSON) -> str:
    """A value as JSON text; one that JSON cannot hold as Python writes it."""
    try:
        return orjson.dumps(value, default=str).decode()
    except (orjson.JSONEncodeError, TypeError):
        return str(value)


def shown(value: JSON) -> str:
    """Text as it is, anything else as JSON text."""
    return value if isinstance(value, str) else json_text(value)


def genai_messages(messages: Iterable[Message]) -> str:
    """Messages as the JSON text of the GenAI conventions' attributes."""
    return json_text([genai_message(message) for message in messages])


def genai_message(message: Message) -> dict[str, Any]:
    """One of them."""
    return {
        "role": message.role,
        "parts": [genai_part(part) for part in message.parts],
        **({"name": message.name} if message.name else {}),
        **({"finish_reason": message.finish_reason} if message.finish_reason else {}),
    }


def genai_part(part: Part) -> JSON:
    """One part of it."""
    match part.type:
        case "tool_call":
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
        case "tool_call_response":
            return {"type": "tool_call_response", "id": part.id, "response": part.result}
        case "image" | "audio" | "file":
            return _media(part)
        case "json":
            return {"type": "json", "content": part.value}
        case "unknown":
            return part.value
        case kind:
            return {"type": kind, "content": part.text}


def _media(part: Part) -> dict[str, Any]:
    if part.type == "file" and part.name:
        return {"type": "file", "modality": "file", "filename": part.name, "file_id": part.uri}
    described = {
        "modality": part.type,
        "mime_type": part.media_type,
        "uri": part.uri,
        "size": part.size,
        "digest": part.digest,
    }
    kind = "blob" if part.uri is None else "uri"
    if part.uri and part.media_type and part.uri.startswith(f"{_DATA}{part.media_type}{_BASE64}"):
        kind = "blob"
        described |= {"uri": None, "content": part.uri.partition(_BASE64)[2]}
    return {"type": kind, **{name: value for name, value in described.items() if value is not None}}


def one_answer_each(messages: Iterable[Message]) -> Iterator[Message]:
    """Messages of which each that holds a tool's answer holds nothing else, and is the tool's; what a call of a tool is
    in is the assistant's."""
    for message in messages:
        said: list[Part] = []
        for part in message.parts:
            if part.type != "tool_call_response":
                said.append(part)
                continue
            if said:
                yield _spoken(message, said)
                said = []
            yield Message(role="tool", name=message.name if message.role == "tool" else None, parts=[part])
        if said or not message.parts:
            yield _spoken(message, said)


def _spoken(message: Message, parts: list[Part]) -> Message:
    calls = any(part.type == "tool_call" for part in parts)
    return replace(message, role="assistant" if calls and message.role == "tool" else message.role, parts=parts)


def openai_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Messages as OpenAI's chat API has them."""
    return [_openai_message(message) for message in one_answer_each(messages)]


def _openai_message(message: Message) -> dict[str, Any]:
    named = {"name": message.name} if message.name else {}
    if message.parts and message.parts[0].type == "tool_call_response":
        answer = message.parts[0]
        return {"role": "tool", "tool_call_id": answer.id or "", "content": shown(answer.result), **named}
    calls = [part for part in message.parts if part.type == "tool_call"]
    shaped = {
        "role": message.role,
        "content": _openai_content([part for part in message.parts if part.type != "tool_call"]),
        **named,
    }
    if calls:
        shaped["tool_calls"] = [
            {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": shown(part.arguments)}}
            for part in calls
        ]
    return shaped


def _openai_content(parts: list[Part]) -> JSON:
    if not parts:
        return None
    if len(parts) == 1 and parts[0].type == "text":
        return parts[0].text
    return [_openai_part(part) for part in parts]


def _openai_part(part: Part) -> JSON:
    match part.type:
        case "text":
            return {"type": "text", "text": part.text}
        case "image" if part.uri:
            return {"type": "image_url", "image_url": {"url": part.uri}}
        case _:
            return genai_part(part)
