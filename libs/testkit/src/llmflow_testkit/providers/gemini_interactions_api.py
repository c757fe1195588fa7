"""The fake interactions API of Gemini: a model that thinks, searches and answers, or calls its first function."""

from __future__ import annotations

import json
from typing import Any

from llmflow_testkit.providers.replies import Options, Reply, answer, identity, json_reply, tokens

_CREATED = "2026-11-20T10:00:00Z"
_SEARCH = {"type": "google_search_call", "id": "search_1", "arguments": {"queries": ["why"]}}
_FOUND = {"type": "google_search_result", "call_id": "search_1", "result": [{"search_suggestions": "why not"}]}


def reply(body: bytes, headers: list[tuple[str, str]], options: Options) -> Reply:
    """Answer POST /v1beta/interactions."""
    request = json.loads(body)
    interaction = _interaction(request, options)
    if not request.get("stream"):
        return json_reply(200, headers, interaction)
    chunks = [f"event: {event['event_type']}\ndata: {json.dumps(event)}\n\n".encode() for event in _events(interaction)]
    return Reply(200, [("content-type", "text/event-stream"), *headers], [*chunks, b"data: [DONE]\n\n"], streamed=True)


def _interaction(request: dict[str, Any], options: Options) -> dict[str, Any]:
    given = json.dumps(request["input"])
    tools = request.get("tools") or []
    tool = next((one for one in tools if one["type"] == "function"), None) if "function_result" not in given else None
    text = request["input"] if isinstance(request["input"], str) else "it"
    said = answer(text, tool, (tool or {}).get("parameters", {}), options)
    thought = {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "The user wonders."}]}
    steps: list[dict[str, Any]] = [thought]
    if any(one["type"] == "google_search" for one in tools):
        steps += [_SEARCH, _FOUND]
    if said.tool:
        steps.append({"type": "function_call", "id": "call_1", "name": said.tool, "arguments": said.arguments})
    else:
        steps.append({"type": "model_output", "content": [{"type": "text", "text": "".join(said.pieces)}]})
    asked, spent, thoughts = tokens(given), tokens("".join(said.pieces)), 40
    return {
        "id": identity("v1_"),
        "object": "interaction",
        "model": request.get("model"),
        "status": "requires_action" if said.tool else "completed",
        "created": _CREATED,
        "updated": _CREATED,
        "service_tier": "standard",
        "steps": steps,
        "usage": {
            "total_input_tokens": asked,
            "input_tokens_by_modality": [{"modality": "text", "tokens": asked}],
            "total_cached_tokens": 0,
            "total_output_tokens": spent,
            "total_tool_use_tokens": 100 if len(steps) > 2 else 0,
            "total_thought_tokens": thoughts,
            "total_tokens": asked + spent + thoughts + (100 if len(steps) > 2 else 0),
            "grounding_tool_count": [{"type": "google_search", "count": 1}] if len(steps) > 2 else [],
        },
    }


def _events(interaction: dict[str, Any]) -> list[dict[str, Any]]:
    begun = {name: interaction[name] for name in ("id", "object", "model", "created", "updated")}
    events: list[dict[str, Any]] = [
        {"event_type": "interaction.created", "interaction": {**begun, "status": "in_progress"}}
    ]
    for index, step in enumerate(interaction["steps"]):
        events.append({"event_type": "step.start", "index": index, "step": _empty(step)})
        events += [{"event_type": "step.delta", "index": index, "delta": delta} for delta in _deltas(step)]
        events.append({"event_type": "step.stop", "index": index})
    ended = {name: value for name, value in interaction.items() if name != "steps"}
    return [*events, {"event_type": "interaction.completed", "interaction": ended}]


def _empty(step: dict[str, Any]) -> dict[str, Any]:
    match step["type"]:
        case "function_call" | "google_search_call":
            return {**step, "arguments": {}}
        case "google_search_result":
            return {**step, "result": []}
        case kind:
            return {"type": kind}


def _deltas(step: dict[str, Any]) -> list[dict[str, Any]]:
    match step["type"]:
        case "thought":
            words = step["summary"][0]["text"].partition(" ")
            pieces = [{"type": "thought_summary", "content": {"type": "text", "text": word}} for word in words]
            return [*pieces, {"type": "thought_signature", "signature": step["signature"]}]
        case "function_call":
            text = json.dumps(step["arguments"])
            return [{"type": "arguments_delta", "arguments": piece} for piece in (text[:5], text[5:])]
        case "google_search_call":
            return [{"type": "google_search_call", "arguments": step["arguments"]}]
        case "google_search_result":
            return [{"type": "google_search_result", "result": step["result"]}]
    return [{"type": "text", "text": piece} for piece in step["content"][0]["text"].partition(" ")]
