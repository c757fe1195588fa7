"""Ollama's own API: chat, generate and embed, streamed as one JSON object a line unless asked otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.media import blob, by_reference
from llmflow_proxy.shape import Reading, Shape, dicts, mapping, never_streamed, strings

_OPTIONS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "num_predict": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
}
#: How many of the texts of one call are recorded; the others are counted.
_RECORDED_TEXTS = 20
_NANOSECONDS = 1e9


def read_chat_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, options, messages and tools of /api/chat."""
    _read_parameters(body, reading.attributes)
    reading.input = [_message(message) for message in dicts(body.get("messages"))]
    reading.tools = [{"type": "function", **mapping(tool.get("function"))} for tool in dicts(body.get("tools"))]


def read_generate_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, options and prompt of /api/generate."""
    _read_parameters(body, reading.attributes)
    if isinstance(system := body.get("system"), str) and system:
        reading.system = [{"type": "text", "content": by_reference(system)}]
    reading.input = [_message({"role": "user", "content": body.get("prompt"), "images": body.get("images")})]


def _read_parameters(body: Mapping[str, Any], attributes: dict[str, JSON]) -> None:
    options = mapping(body.get("options"))
    stop = options.get("stop")
    attributes["gen_ai.request.model"] = body.get("model")
    attributes.update({name: options.get(option) for option, name in _OPTIONS.items()})
    attributes["gen_ai.request.stop_sequences"] = [stop] if isinstance(stop, str) else stop
    attributes["gen_ai.request.stream"] = None if body.get("stream") is False else True
    attributes["gen_ai.output.type"] = "json" if body.get("format") else None
    attributes["llmflow.request.thinking"] = body.get("think")


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """Answer, usage and times of /api/chat and /api/generate."""
    attributes = reading.attributes
    reason = body.get("done_reason")
    attributes["gen_ai.response.model"] = body.get("model")
    attributes["gen_ai.response.finish_reasons"] = [reason] if reason else None
    message = mapping(body.get("message"))
    if not message and ("response" in body or "thinking" in body):
        message = {"content": body.get("response"), "thinking": body.get("thinking")}
    if message:
        reading.output.append({**_message({"role": "assistant", **message}), "finish_reason": reason})
    _read_usage(body, attributes)


def _read_usage(body: Mapping[str, Any], attributes: dict[str, JSON]) -> None:
    attributes["gen_ai.usage.input_tokens"] = body.get("prompt_eval_count")
    attributes["gen_ai.usage.output_tokens"] = body.get("eval_count")
    for name in ("load", "prompt_eval", "eval"):
        if isinstance(duration := body.get(f"{name}_duration"), (int, float)):
            attributes[f"llmflow.response.{name}_time"] = duration / _NANOSECONDS


def _message(message: dict[str, Any]) -> dict[str, JSON]:
    role, content = str(message.get("role")), message.get("content")
    if role == "tool":
        identity = message.get("tool_name") or message.get("name")
        answer = {"type": "tool_call_response", "id": identity, "response": by_reference(content)}
        return {"role": role, "parts": [answer]}
    parts: list[JSON] = []
    if thinking := message.get("thinking"):
        parts.append({"type": "reasoning", "content": thinking})
    if isinstance(content, str) and content:
        parts.append({"type": "text", "content": by_reference(content)})
    parts += [blob("image", None, image) for image in strings(message.get("images"))]
    for call in dicts(message.get("tool_calls")):
        function = mapping(call.get("function"))
        arguments = by_reference(function.get("arguments"))
        parts.append({"type": "tool_call", "id": call.get("id"), "name": function.get("name"), "arguments": arguments})
    return {"role": role, "parts": parts}


def reassemble(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The response that the lines of a stream add up to: text grows, tool calls come whole, the last line counts."""
    body: dict[str, Any] = {}
    texts: dict[str, list[str]] = {}
    message: dict[str, Any] = {}
    calls: list[Any] = []
    for event in events:
        inner = mapping(event.get("message"))
        body |= {name: value for name, value in event.items() if name not in ("message", "response", "thinking")}
        message |= {name: value for name, value in inner.items() if name not in ("content", "thinking", "tool_calls")}
        calls += dicts(inner.get("tool_calls"))
        for source, name in ((inner, "content"), (inner, "thinking"), (event, "response"), (event, "thinking")):
            if isinstance(piece := source.get(name), str):
                texts.setdefault(name, []).append(piece)
    joined: dict[str, Any] = {name: "".join(pieces) for name, pieces in texts.items()}
    if "response" in joined:
        return body | joined
    return body | {"message": {**message, **joined, "tool_calls": calls}} if message or joined else body


def read_embed_request(body: dict[str, Any], reading: Reading) -> None:
    """Model and the first texts of /api/embed and /api/embeddings."""
    given = body.get("input", body.get("prompt"))
    texts = strings(given if isinstance(given, list) else [given])
    reading.attributes["gen_ai.request.model"] = body.get("model")
    reading.attributes["gen_ai.embeddings.dimension.count"] = body.get("dimensions")
    reading.attributes["llmflow.request.input.count"] = len(texts)
    parts = [{"type": "text", "content": by_reference(text)} for text in texts[:_RECORDED_TEXTS]]
    reading.input = [{"role": "user", "parts": parts}] if parts else []


def read_embed_response(body: dict[str, Any], reading: Reading) -> None:
    """Usage and the size of the vectors, which are not recorded themselves."""
    reading.attributes["gen_ai.response.model"] = body.get("model")
    _read_usage(body, reading.attributes)
    embeddings = body.get("embeddings")
    vector = embeddings[0] if isinstance(embeddings, list) and embeddings else body.get("embedding")
    if isinstance(vector, list):
        reading.attributes["gen_ai.embeddings.dimension.count"] = len(vector)


_EMBED = Shape("embeddings", read_embed_request, read_embed_response, never_streamed)

SHAPES = {
    "/api/chat": Shape("chat", read_chat_request, read_response, reassemble),
    "/api/generate": Shape("text_completion", read_generate_request, read_response, reassemble),
    "/api/embed": _EMBED,
    "/api/embeddings": _EMBED,
}
