"""Cohere: chat of version 2, embeddings and reranking."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.media import by_reference, media
from llmflow_proxy.shape import Reading, Shape, dicts, mapping, never_streamed, parsed, strings
from llmflow_proxy.stated_cost import stated_cost

_PARAMETERS = {
    "model": "gen_ai.request.model",
    "temperature": "gen_ai.request.temperature",
    "p": "gen_ai.request.top_p",
    "k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "tool_choice": "llmflow.request.tool_choice",
    "thinking": "llmflow.request.thinking",
    "safety_mode": "llmflow.request.safety_mode",
}
_OUTPUT_TYPES = {"text": "text", "json_object": "json"}
#: How many of the texts of one call are recorded; the others are counted.
_RECORDED_TEXTS = 20


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, parameters, messages, documents and tools of a chat request."""
    read_parameters(body, reading)
    reading.input = [_message(message) for message in dicts(body.get("messages"))]
    if documents := body.get("documents"):
        reading.system.append({"type": "documents", "documents": by_reference(documents)})
    reading.tools = [{"type": "function", **mapping(tool.get("function"))} for tool in dicts(body.get("tools"))]


def read_parameters(body: dict[str, Any], reading: Reading) -> None:
    """Model and parameters of a chat request, of either version."""
    attributes = reading.attributes
    attributes.update({name: body.get(parameter) for parameter, name in _PARAMETERS.items()})
    attributes["gen_ai.request.stream"] = True if body.get("stream") else None
    attributes["gen_ai.output.type"] = _OUTPUT_TYPES.get(str(mapping(body.get("response_format")).get("type")))


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """Answer, usage and id of a chat response."""
    attributes = reading.attributes
    reason = body.get("finish_reason")
    attributes["gen_ai.response.id"] = body.get("id")
    attributes["gen_ai.response.finish_reasons"] = [reason] if reason else None
    if message := mapping(body.get("message")):
        reading.output.append({**_message({"role": "assistant", **message}), "finish_reason": reason})
    read_usage(mapping(body.get("usage")), attributes)


def read_usage(usage: Mapping[str, Any], attributes: dict[str, JSON]) -> None:
    """What is billed counts; what the model was given besides (the service's own prompts) is kept apart, and so are
    the cached tokens, which are among the processed ones and not among the billed."""
    billed, processed = mapping(usage.get("billed_units")), mapping(usage.get("tokens"))
    for side in ("input", "output"):
        count = billed.get(f"{side}_tokens", processed.get(f"{side}_tokens"))
        attributes[f"gen_ai.usage.{side}_tokens"] = _whole(count)
        attributes[f"llmflow.usage.processed.{side}_tokens"] = _whole(processed.get(f"{side}_tokens"))
    attributes["llmflow.usage.processed.cached_tokens"] = _whole(usage.get("cached_tokens"))
    attributes["llmflow.usage.search_units"] = _whole(billed.get("search_units"))
    attributes["llmflow.usage.images"] = _whole(billed.get("images"))


def _whole(count: Any) -> int | None:
    """The API writes counts as floating point numbers."""
    return int(count) if isinstance(count, (int, float)) and math.isfinite(count) else None


def _message(message: dict[str, Any]) -> dict[str, JSON]:
    role, content = str(message.get("role")), message.get("content")
    if role == "tool":
        response = by_reference(content) if isinstance(content, str) else [_part(part) for part in dicts(content)]
        return {
            "role": role,
            "parts": [{"type": "tool_call_response", "id": message.get("tool_call_id"), "response": response}],
        }
    parts: list[JSON] = []
    if plan := message.get("tool_plan"):
        parts.append({"type": "reasoning", "content": plan})
    if isinstance(content, str):
        content = [{"type": "text", "text": content}] if content else []
    parts += [_part(part) for part in dicts(content)]
    for call in dicts(message.get("tool_calls")):
        function = mapping(call.get("function"))
        arguments = by_reference(parsed(function.get("arguments")))
        parts.append({"type": "tool_call", "id": call.get("id"), "name": function.get("name"), "arguments": arguments})
    return {"role": role, "parts": parts}


def _part(part: dict[str, Any]) -> JSON:
    match part.get("type"):
        case "text":
            return {"type": "text", "content": by_reference(part.get("text"))}
        case "thinking":
            return {"type": "reasoning", "content": part.get("thinking")}
        case "image_url":
            return media("image", str(mapping(part.get("image_url")).get("url", "")))
        case _:
            return by_reference(part)


def reassemble(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The response that the events of a chat stream add up to (Cohere's "Streaming responses")."""
    body: dict[str, Any] = {}
    content: dict[Any, dict[str, Any]] = {}
    calls: dict[Any, dict[str, Any]] = {}
    plan: list[str] = []
    for event in events:
        index, delta = str(event.get("index", 0)), mapping(event.get("delta"))
        message = mapping(delta.get("message"))
        match event.get("type"):
            case "message-start":
                body["id"] = event.get("id")
            case "content-start" | "content-delta":
                _extend(content.setdefault(index, {}), mapping(message.get("content")))
            case "tool-plan-delta":
                plan.append(str(message.get("tool_plan", "")))
            case "tool-call-start" | "tool-call-delta":
                call = calls.setdefault(index, {"function": {}})
                given = mapping(message.get("tool_calls"))
                call["id"] = given.get("id") or call.get("id")
                _extend(call["function"], mapping(given.get("function")))
            case "message-end":
                body |= {name: delta.get(name) for name in ("finish_reason", "usage", "error") if delta.get(name)}
            case None if event.get("message"):
                body["error"] = event["message"]
    if content or calls or plan:
        body["message"] = {
            "role": "assistant",
            "tool_plan": "".join(plan),
            "content": [_finished(part) for part in content.values()],
            "tool_calls": [{**call, "function": _finished(call["function"])} for call in calls.values()],
        }
    return body


def _extend(target: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Text grows, kept as the list of its pieces; types and names come once."""
    for name, value in piece.items():
        if not isinstance(value, str):
            continue
        if name in ("type", "name"):
            target[name] = value or target.get(name)
        else:
            target.setdefault(name, []).append(value)


def _finished(value: dict[str, Any]) -> dict[str, Any]:
    return {name: "".join(item) if isinstance(item, list) else item for name, item in value.items()}


def read_embed_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, parameters and the first of the texts and images to embed."""
    attributes = reading.attributes
    attributes["gen_ai.request.model"] = body.get("model")
    attributes["gen_ai.embeddings.dimension.count"] = body.get("output_dimension")
    attributes["gen_ai.request.encoding_formats"] = body.get("embedding_types")
    attributes["llmflow.request.input_type"] = body.get("input_type")
    parts: list[JSON] = [{"type": "text", "content": by_reference(text)} for text in strings(body.get("texts"))]
    parts += [media("image", image) for image in strings(body.get("images"))]
    parts += [_part(part) for item in dicts(body.get("inputs")) for part in dicts(item.get("content"))]
    attributes["llmflow.request.input.count"] = len(parts)
    if parts:
        reading.input = [{"role": "user", "parts": parts[:_RECORDED_TEXTS]}]


def read_embed_response(body: dict[str, Any], reading: Reading) -> None:
    """Usage and the size of the vectors, which are not recorded themselves."""
    reading.attributes["gen_ai.response.id"] = body.get("id")
    read_usage(mapping(body.get("meta")), reading.attributes)
    embeddings = body.get("embeddings")
    vectors = embeddings.get("float") if isinstance(embeddings, dict) else embeddings
    if isinstance(vectors, list) and vectors and isinstance(vectors[0], list):
        reading.attributes["gen_ai.embeddings.dimension.count"] = len(vectors[0])


def read_rerank_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, query and documents."""
    reading.attributes["gen_ai.request.model"] = body.get("model")
    reading.attributes["gen_ai.request.top_k"] = body.get("top_n", body.get("top_k"))
    documents = body.get("documents") if isinstance(body.get("documents"), list) else []
    reading.attributes["llmflow.request.input.count"] = len(documents or [])
    reading.input = [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": by_reference(body.get("query"))},
                {"type": "documents", "documents": by_reference(documents)},
            ],
        }
    ]


def read_rerank_response(body: dict[str, Any], reading: Reading) -> None:
    """The order found, and what it took: in Cohere's words, or in those of others who rerank (Jina, Voyage, Together,
    vLLM)."""
    attributes, usage = reading.attributes, mapping(body.get("usage"))
    attributes["gen_ai.response.id"] = body.get("id")
    attributes["gen_ai.response.model"] = body.get("model")
    read_usage(mapping(body.get("meta")), attributes)
    if usage:
        attributes["gen_ai.usage.input_tokens"] = usage.get("prompt_tokens", usage.get("total_tokens"))
        attributes["gen_ai.usage.cost"] = stated_cost(usage)
    results = dicts(body.get("results")) or dicts(body.get("data"))
    reading.output = [{"role": "assistant", "parts": [{"type": "ranking", "results": results}]}]


_CHAT = Shape("chat", read_request, read_response, reassemble)
_EMBED = Shape("embeddings", read_embed_request, read_embed_response, never_streamed, bulky=True)
RERANK = Shape("rerank", read_rerank_request, read_rerank_response, never_streamed)

SHAPES = {
    "/v2/chat": _CHAT,
    "/v2/embed": _EMBED,
    "/v1/embed": _EMBED,
    "/v2/rerank": RERANK,
    "/v1/rerank": RERANK,
}
