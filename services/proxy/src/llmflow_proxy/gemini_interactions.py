"""Google's interactions (POST /v1beta/interactions), of models and of agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.gemini import charged_searches, counts_by_modality, modality_of
from llmflow_proxy.media import blob, by_reference, media
from llmflow_proxy.shape import Reading, Shape, dicts, index_of, mapping, never_streamed, parsed, whole

_PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "seed": "gen_ai.request.seed",
    "thinking_level": "gen_ai.request.reasoning.level",
    "tool_choice": "llmflow.request.tool_choice",
}
_MODALITY_COUNTS = {
    "input_tokens_by_modality": "gen_ai.usage.{}.input_tokens",
    "output_tokens_by_modality": "gen_ai.usage.{}.output_tokens",
    "cached_tokens_by_modality": "llmflow.usage.cache_read.{}.input_tokens",
}
_MEDIA = ("image", "audio", "video", "document")
_ROLES = {"user": "user", "user_input": "user", "function_result": "tool"}
_UNFINISHED = ("queued", "in_progress")
#: What a step of a stream is gathered in.
_OWN = ("pieces", "asked")


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """Model or agent, parameters, system instruction, input and tools of a request body."""
    attributes, config = reading.attributes, mapping(body.get("generation_config"))
    attributes["gen_ai.request.model"] = body.get("model")
    attributes["gen_ai.agent.id"] = body.get("agent")
    attributes.update({name: config.get(parameter) for parameter, name in _PARAMETERS.items()})
    attributes["gen_ai.request.stream"] = True if body.get("stream") else None
    for name in ("background", "previous_interaction_id", "service_tier", "cached_content"):
        attributes[f"llmflow.request.{name}"] = body.get(name)
    if isinstance(instruction := body.get("system_instruction"), str) and instruction:
        reading.system = [{"type": "text", "content": by_reference(instruction)}]
    reading.input = _messages(body.get("input"))
    reading.tools = [by_reference(tool) for tool in dicts(body.get("tools"))]


def _messages(given: JSON) -> list[dict[str, JSON]]:
    """An input, which is a text, content, or steps; earlier versions of the API had turns with a role."""
    if isinstance(given, str):
        given = {"type": "text", "text": given}
    messages: list[dict[str, JSON]] = []
    for item in dicts([given] if isinstance(given, dict) else given):
        kind = item.get("role") or item.get("type")
        is_said = kind == "text" or kind in _MEDIA
        role = "user" if is_said else _ROLES.get(str(kind), "assistant")
        parts = _parts(item)
        if messages and messages[-1]["role"] == role == "user" and is_said:
            messages[-1]["parts"] += parts
        else:
            messages.append({"role": role, "parts": parts})
    return messages


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """Steps, usage, status and ids of a response body. All that the model did are parts of one message."""
    attributes, status = reading.attributes, body.get("status")
    reason = None if status in _UNFINISHED else status
    attributes["gen_ai.response.id"] = body.get("id")
    attributes["gen_ai.response.model"] = body.get("model")
    attributes["gen_ai.response.finish_reasons"] = [reason] if reason else None
    attributes["llmflow.response.status"] = status
    attributes["llmflow.response.service_tier"] = body.get("service_tier")
    steps = dicts(body.get("steps")) or dicts(body.get("outputs"))
    if parts := [part for step in steps if step.get("type") != "user_input" for part in _parts(step)]:
        reading.output = [{"role": "assistant", "parts": parts, "finish_reason": reason}]
    _read_usage(mapping(body.get("usage")), attributes)


def _read_usage(usage: Mapping[str, Any], attributes: dict[str, JSON]) -> None:
    """The API counts thoughts and the prompts of its own tools apart; the conventions count them in."""
    asked, said = usage.get("total_input_tokens"), usage.get("total_output_tokens")
    tools, thoughts = usage.get("total_tool_use_tokens"), usage.get("total_thought_tokens")
    attributes["gen_ai.usage.input_tokens"] = asked + whole(tools) if isinstance(asked, int) else None
    attributes["gen_ai.usage.output_tokens"] = said + whole(thoughts) if isinstance(said, int) else None
    attributes["gen_ai.usage.cache_read.input_tokens"] = usage.get("total_cached_tokens")
    attributes["gen_ai.usage.reasoning.output_tokens"] = thoughts
    attributes["llmflow.usage.tool_use.input_tokens"] = tools or None
    counts = counts_by_modality(usage, _MODALITY_COUNTS, "tokens")
    attributes.update({name: count or None for name, count in counts.items()})
    used = {str(tool.get("type")): whole(tool.get("count")) for tool in dicts(usage.get("grounding_tool_count"))}
    model = attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model")
    attributes["llmflow.usage.web_search.requests"] = charged_searches(used.get("google_search", 0), model)


def _parts(item: Mapping[str, Any]) -> list[JSON]:
    """The parts of a step, of a turn or of content."""
    kind = str(item.get("type"))
    if kind in ("user_input", "model_output") or "role" in item:
        content = item.get("content")
        if isinstance(content, str):
            return [{"type": "text", "content": by_reference(content)}]
        return [part for one in dicts([content] if isinstance(content, dict) else content) for part in _parts(one)]
    if kind == "text":
        return [{"type": "text", "content": by_reference(item.get("text"))}]
    if kind == "thought":
        summary = item.get("summary")
        thoughts = dicts([summary] if isinstance(summary, dict) else summary)
        return [{"type": "reasoning", "content": by_reference(one["text"])} for one in thoughts if one.get("text")]
    if kind in _MEDIA:
        return [_media(kind, item)]
    if kind == "function_call":
        call = {"type": "tool_call", "id": item.get("id"), "name": item.get("name")}
        return [{**call, "arguments": by_reference(parsed(item.get("arguments")))}]
    if kind == "function_result":
        answer = {"type": "tool_call_response", "id": item.get("call_id"), "response": by_reference(item.get("result"))}
        return [{**answer, "is_error": True} if item.get("is_error") else answer]
    name, _, side = kind.rpartition("_")
    if side == "call":
        asked = {"type": name, "arguments": by_reference(parsed(item.get("arguments")))}
        return [{"type": "server_tool_call", "id": item.get("id"), "name": name, "server_tool_call": asked}]
    if side == "result":
        found = {"type": name, "result": by_reference(item.get("result"))}
        return [{"type": "server_tool_call_response", "id": item.get("call_id"), "server_tool_call_response": found}]
    return [by_reference(dict(item))]


def _media(kind: str, item: Mapping[str, Any]) -> JSON:
    media_type = item.get("mime_type")
    modality = modality_of(media_type) if isinstance(media_type, str) else kind
    if isinstance(data := item.get("data"), str):
        return blob(modality, media_type, data)
    return media(modality, str(item.get("uri") or ""), media_type)


def reassemble(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The interaction that the events of a stream add up to."""
    body: dict[str, Any] = {}
    steps: dict[int, dict[str, Any]] = {}
    for event in events:
        kind = str(event.get("event_type"))
        if kind.startswith("interaction."):
            told = mapping(event.get("interaction")) or {"status": event.get("status")}
            body.update({name: value for name, value in told.items() if value is not None})
        elif kind in ("step.start", "content.start"):
            begun = mapping(event.get("step")) or mapping(event.get("content"))
            steps[index_of(event)] = {name: value for name, value in begun.items() if name not in _OWN}
        elif kind in ("step.delta", "content.delta"):
            _extend(steps.setdefault(index_of(event), {}), mapping(event.get("delta")))
        elif kind == "error":
            body["error"] = event.get("error")
    if steps and not body.get("steps"):
        body["steps"] = [_finished(steps[index]) for index in sorted(steps)]
    return body


def _extend(step: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a piece to a step: content to what it says, JSON text to what it asks for, all else as it is."""
    kind = str(delta.get("type"))
    if kind == "text" or kind in _MEDIA:
        step.setdefault("type", "model_output")
        step.setdefault("pieces", []).append(delta)
    elif kind == "thought_summary":
        step.setdefault("type", "thought")
        step.setdefault("pieces", []).append(mapping(delta.get("content")))
    elif kind == "arguments_delta":
        step.setdefault("asked", []).append(str(delta.get("arguments") or ""))
    else:
        step.update({name: value for name, value in delta.items() if name != "type" and name not in _OWN})


def _finished(step: dict[str, Any]) -> dict[str, Any]:
    pieces, asked = step.pop("pieces", []), step.pop("asked", [])
    if asked:
        step["arguments"] = "".join(asked)
    content: list[dict[str, Any]] = []
    for piece in pieces:
        if content and piece.get("type") == content[-1].get("type") == "text":
            content[-1]["text"].append(str(piece.get("text", "")))
        else:
            content.append(
                {**piece, "text": [str(piece.get("text", ""))]} if piece.get("type") == "text" else dict(piece)
            )
    joined = [{**one, "text": "".join(one["text"])} if isinstance(one.get("text"), list) else one for one in content]
    if not joined:
        return step
    if step.get("type") == "text":
        return {**step, "text": "".join(str(one.get("text", "")) for one in joined)}
    return {**step, "summary" if step.get("type") == "thought" else "content": joined}


def read_stored(body: dict[str, Any], reading: Reading) -> None:
    """Which interaction was asked for, and how far it is. What it took counts where it was made."""
    for name in ("id", "status", "model", "agent", "created", "updated"):
        reading.attributes[f"llmflow.resource.{name}"] = body.get(name)


_STORED = Shape(None, lambda body, reading: None, read_stored, never_streamed, methods=frozenset())

SHAPES = {
    "/interactions": Shape("generate_content", read_request, read_response, reassemble),
    "/interactions/{id}": _STORED,
    "/interactions/{id}/cancel": _STORED,
}
