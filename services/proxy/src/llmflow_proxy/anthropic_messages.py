"""Anthropic's messages (POST /v1/messages)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.media import blob, by_reference, media
from llmflow_proxy.shape import Apart, Reading, Shape, dicts, index_of, mapping, parsed
from llmflow_proxy.stated_cost import stated_cost

_PARAMETERS = {
    "model": "gen_ai.request.model",
    "max_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "tool_choice": "llmflow.request.tool_choice",
    "thinking": "llmflow.request.thinking",
    "service_tier": "llmflow.request.service_tier",
    "speed": "llmflow.request.speed",
    "inference_geo": "llmflow.request.inference_geo",
}
_MODALITIES = {"image": "image", "document": "document"}


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, parameters, system prompt, messages and tools of a request body."""
    attributes = reading.attributes
    attributes.update({name: body.get(parameter) for parameter, name in _PARAMETERS.items()})
    attributes["gen_ai.request.stream"] = True if body.get("stream") else None
    reading.system = _parts(body.get("system"))
    reading.input = [_message(message) for message in dicts(body.get("messages"))]
    reading.tools = [_tool(tool) for tool in dicts(body.get("tools"))]
    if isinstance(user := mapping(body.get("metadata")).get("user_id"), str):
        reading.user = user


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """Answer, usage and ids of a response body."""
    attributes = reading.attributes
    reason = body.get("stop_reason")
    attributes["gen_ai.response.id"] = body.get("id")
    attributes["gen_ai.response.model"] = body.get("model")
    attributes["gen_ai.response.finish_reasons"] = [reason] if reason else None
    if (sequence := body.get("stop_sequence")) is not None:
        attributes["llmflow.response.stop_sequence"] = sequence
    if "content" in body:
        message = _message({"role": "assistant", "content": body["content"]})
        reading.output.append({**message, "finish_reason": reason})
    usage = mapping(body.get("usage"))
    _read_usage(usage, attributes)
    advice = (one for one in dicts(usage.get("iterations")) if one.get("type") == "advisor_message")
    reading.apart = [_advised(one, str(place), reading) for place, one in enumerate(advice)]


def _advised(taken: Mapping[str, Any], identity: str, asked_by: Reading) -> Apart:
    """A call that the advisor tool made of its own model: billed at that model's prices, and counted by no total. What
    it said is among the answer's content."""
    reading = Reading(user=asked_by.user)
    reading.attributes["gen_ai.request.model"] = reading.attributes["gen_ai.response.model"] = taken.get("model")
    reading.attributes["gen_ai.response.id"] = asked_by.attributes["gen_ai.response.id"]
    _read_usage(taken, reading.attributes)
    return Apart(identity, reading=reading)


def _read_usage(usage: Mapping[str, Any], attributes: dict[str, JSON]) -> None:
    """The API counts cached input apart from `input_tokens`; the conventions count it in. What it took to sum up a
    conversation that had become too long is billed as well, and counted by none of the totals."""
    billed = [usage, *(one for one in dicts(usage.get("iterations")) if one.get("type") == "compaction")]
    fresh, read, written = (
        _total(billed, name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    attributes["gen_ai.usage.input_tokens"] = fresh + (read or 0) + (written or 0) if fresh is not None else None
    attributes["gen_ai.usage.output_tokens"] = _total(billed, "output_tokens")
    attributes["gen_ai.usage.cache_read.input_tokens"] = read
    attributes["gen_ai.usage.cache_write.input_tokens"] = written
    thought = mapping(usage.get("output_tokens_details")).get("thinking_tokens")
    attributes["gen_ai.usage.reasoning.output_tokens"] = thought
    for kept in ("5m", "1h"):
        count = _total([mapping(one.get("cache_creation")) for one in billed], f"ephemeral_{kept}_input_tokens")
        attributes[f"llmflow.usage.cache_write_{kept}.input_tokens"] = count or None
    for name, count in mapping(usage.get("server_tool_use")).items():
        attributes[f"llmflow.usage.server_tool_use.{name}"] = count or None
    # All of them change the price.
    for name in ("service_tier", "speed", "inference_geo"):
        attributes[f"llmflow.response.{name}"] = usage.get(name)
    attributes["gen_ai.usage.cost"] = stated_cost(usage)


def _total(counts: Iterable[Mapping[str, Any]], name: str) -> int | None:
    known = [count for one in counts if isinstance(count := one.get(name), int)]
    return sum(known) if known else None


def _message(message: dict[str, Any]) -> dict[str, JSON]:
    return {"role": str(message.get("role")), "parts": _parts(message.get("content"))}


def _parts(content: JSON) -> list[JSON]:
    if isinstance(content, str):
        return [{"type": "text", "content": by_reference(content)}] if content else []
    return [_part(block) for block in dicts(content)]


def _part(block: dict[str, Any]) -> JSON:
    kind = str(block.get("type"))
    if kind == "text":
        return {"type": "text", "content": by_reference(block.get("text"))}
    if kind == "redacted_thinking":
        return {"type": "reasoning", "content": "[redacted]"}
    if kind == "thinking":
        return {"type": "reasoning", "content": block.get("thinking")}
    if kind == "tool_use":
        arguments = by_reference(block.get("input"))
        return {"type": "tool_call", "id": block.get("id"), "name": block.get("name"), "arguments": arguments}
    if kind == "tool_result":
        return _tool_result(block)
    if kind in _MODALITIES:
        return _media(_MODALITIES[kind], mapping(block.get("source")))
    if kind == "server_tool_use":
        call = {"type": block.get("name"), "input": by_reference(block.get("input"))}
        return {
            "type": "server_tool_call", "id": block.get("id"), "name": block.get("name"), "server_tool_call": call
        }  # fmt: skip
    if kind.endswith("_tool_result"):
        response = {"type": kind, "content": by_reference(block.get("content"))}
        return {
            "type": "server_tool_call_response", "id": block.get("tool_use_id"), "server_tool_call_response": response
        }  # fmt: skip
    return by_reference(block)


def _tool_result(block: dict[str, Any]) -> JSON:
    content = block.get("content")
    response = by_reference(content) if isinstance(content, str) else _parts(content)
    part = {"type": "tool_call_response", "id": block.get("tool_use_id"), "response": response}
    return {**part, "is_error": True} if block.get("is_error") else part


def _media(modality: str, source: Mapping[str, Any]) -> JSON:
    media_type = source.get("media_type")
    match source.get("type"):
        case "base64":
            return blob(modality, media_type, str(source.get("data", "")))
        case "url":
            return media(modality, str(source.get("url", "")), media_type)
        case "file":
            return {"type": "file", "modality": modality, "mime_type": media_type, "file_id": source.get("file_id")}
        case "text":
            return {"type": "text", "content": by_reference(source.get("data"))}
        case "content":
            return {"type": modality, "content": _parts(source.get("content"))}
        case _:
            return by_reference({"type": modality, "source": source})


def _tool(tool: dict[str, Any]) -> JSON:
    """Own tools in the conventions' flat shape; Anthropic's built-in ones (which name a type) as they came."""
    if tool.get("type", "custom") != "custom":
        return tool
    flat = {"type": "function", "name": tool.get("name"), "description": tool.get("description")}
    return {**flat, "parameters": tool.get("input_schema")}


def reassemble(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The message that the events of a stream add up to (Anthropic's "Streaming messages"). Of one that ended early
    nobody has counted the output: what its first event says is no count of it."""
    body: dict[str, Any] = {}
    counted = False
    blocks: dict[int, dict[Any, Any]] = {}
    for event in events:
        match event.get("type"):
            case "message_start":
                body = dict(mapping(event.get("message")))
            case "content_block_start":
                blocks[index_of(event)] = dict(mapping(event.get("content_block")))
            case "content_block_delta":
                _extend(blocks.setdefault(index_of(event), {}), mapping(event.get("delta")))
            case "message_delta":
                counted = True
                body.update({name: value for name, value in mapping(event.get("delta")).items() if value is not None})
                newer = {name: count for name, count in mapping(event.get("usage")).items() if count is not None}
                body["usage"] = {**mapping(body.get("usage")), **newer}
            case "error":
                body["error"] = event.get("error")
    if body.get("usage") and not counted:
        body["usage"] = {name: count for name, count in mapping(body["usage"]).items() if name != "output_tokens"}
    if body or blocks:
        body["content"] = [_finished(blocks[index]) for index in sorted(blocks)]
    return body


#: The pieces of each kind of delta, and the member of the block that they make up.
_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("partial_json", "input"),
}


def _extend(block: dict[Any, Any], delta: Mapping[str, Any]) -> None:
    """Collect a piece under the key ("pieces", member), where no member of the block itself can be."""
    kind = str(delta.get("type"))
    if kind in _DELTAS:
        piece, member = _DELTAS[kind]
        block.setdefault("type", "tool_use" if member == "input" else member)
        block.setdefault(("pieces", member), []).append(str(delta.get(piece, "")))
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or []), delta.get("citation")]


def _finished(block: dict[Any, Any]) -> dict[str, Any]:
    finished = {name: value for name, value in block.items() if isinstance(name, str)}
    for (_, member), pieces in ((name, value) for name, value in block.items() if isinstance(name, tuple)):
        text = "".join(pieces)
        finished[member] = (
            (parsed(text) if text else {}) if member == "input" else f"{finished.get(member) or ''}{text}"
        )
    return finished


SHAPE = Shape("chat", read_request, read_response, reassemble)
