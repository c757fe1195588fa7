"""The fake Cohere: chat of versions 2 and 1, embeddings, reranking."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from llmflow_testkit.providers.replies import Answer, Options, Reply, answer, event, identity, json_reply, tokens

_HEADERS = [
    ("access-control-expose-headers", "X-Debug-Trace-ID"),
    ("cache-control", "no-cache, no-store, no-transform, must-revalidate, private, max-age=0"),
    ("x-endpoint-monthly-call-limit", "1000"),
    ("x-trial-endpoint-call-limit", "20"),
    ("x-trial-endpoint-call-remaining", "19"),
    ("server", "envoy"),
]


def reply(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer as api.cohere.com does."""
    options = Options.of(headers)
    if not headers.get("authorization", "").removeprefix("Bearer ").strip() or options.status == 401:
        return _error(401, "invalid api token")
    if options.status == 429:
        return _error(429, "You are using a Trial key, which is limited to 20 API calls / minute.")
    if options.status:
        return _error(options.status, "internal server error")
    match method, path:
        case "POST", "/v2/chat":
            return _chat(json.loads(body), options)
        case "POST", "/v1/chat":
            return _chat_v1(json.loads(body), options)
        case "POST", "/v2/embed":
            return _embed(json.loads(body))
        case "POST", "/v2/rerank":
            return _rerank(json.loads(body))
    return _error(404, "404 page not found")


def _error(status: int, message: str) -> Reply:
    return json_reply(status, _HEADERS, {"id": str(uuid.uuid4()), "message": message})


def _answer(request: dict[str, Any], options: Options) -> Answer:
    last = request["messages"][-1]
    offered = [] if last["role"] == "tool" else request.get("tools") or []
    function = offered[0]["function"] if offered else None
    content = last.get("content")
    text = content if isinstance(content, str) else " ".join(part.get("text", "") for part in content or [])
    return answer(text, function, (function or {}).get("parameters") or {}, options)


def _usage(request: dict[str, Any], said: Answer) -> dict[str, Any]:
    asked, spent = tokens(json.dumps(request["messages"])), tokens("".join(said.pieces))
    return {
        "billed_units": {"input_tokens": asked, "output_tokens": spent},
        "tokens": {"input_tokens": asked + 500, "output_tokens": spent + 2},
        "cached_tokens": 448,
    }


def _calls(said: Answer) -> list[dict[str, Any]]:
    function = {"name": said.tool, "arguments": json.dumps(said.arguments)}
    return [{"id": identity("get_weather_"), "type": "function", "function": function}]


def _chat(request: dict[str, Any], options: Options) -> Reply:
    said = _answer(request, options)
    ending = {"finish_reason": "TOOL_CALL" if said.tool else "COMPLETE", "usage": _usage(request, said)}
    name = str(uuid.uuid4())
    if request.get("stream"):
        return _stream(name, said, ending, options)
    if said.tool:
        message = {"role": "assistant", "tool_plan": "I will look.", "tool_calls": _calls(said)}
    else:
        message = {"role": "assistant", "content": [{"type": "text", "text": said.text}]}
    return json_reply(200, _HEADERS, {"id": name, "message": message, **ending})


def _stream(name: str, said: Answer, ending: dict[str, Any], options: Options) -> Reply:
    def named(kind: str, **members: Any) -> bytes:
        return event({"type": kind, **members}, kind)

    def delta(kind: str, message: dict[str, Any], index: int | None = 0) -> bytes:
        place = {} if index is None else {"index": index}
        return named(kind, **place, delta={"message": message})

    begun = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    chunks = [named("message-start", id=name, delta={"message": begun})]
    if said.tool:
        call = _calls(said)[0]
        empty = {**call, "function": {"name": said.tool, "arguments": ""}}
        chunks += [delta("tool-plan-delta", {"tool_plan": piece}, None) for piece in ("I will", " look.")]
        chunks.append(delta("tool-call-start", {"tool_calls": empty}))
        chunks += [
            delta("tool-call-delta", {"tool_calls": {"function": {"arguments": piece}}}) for piece in said.pieces
        ]
        chunks.append(named("tool-call-end", index=0))
    else:
        chunks.append(delta("content-start", {"content": {"type": "text", "text": ""}}))
        chunks += [delta("content-delta", {"content": {"text": piece}}) for piece in said.pieces]
        chunks.append(named("content-end", index=0))
    if options.stream_error:
        ending = {"finish_reason": "ERROR", "error": "The model is overloaded."}
        chunks = chunks[: options.stream_error]
    chunks += [named("message-end", id=name, delta=ending), event("[DONE]")]
    return Reply(200, [("content-type", "text/event-stream"), *_HEADERS], chunks, streamed=True)


def _chat_v1(request: dict[str, Any], options: Options) -> Reply:
    tool = (request.get("tools") or [None])[0] if not request.get("tool_results") else None
    parameters = {"properties": {name: {"type": "string"} for name in (tool or {}).get("parameter_definitions", {})}}
    said = answer(request["message"], tool, parameters, options)
    asked, spent = tokens(request["message"]), tokens("".join(said.pieces))
    whole = {
        "response_id": str(uuid.uuid4()),
        "generation_id": str(uuid.uuid4()),
        "text": said.text,
        "finish_reason": "COMPLETE",
        **({"tool_calls": [{"name": said.tool, "parameters": said.arguments}]} if said.tool else {}),
        "meta": {"billed_units": {"input_tokens": asked, "output_tokens": spent}},
    }
    if not request.get("stream"):
        return json_reply(200, _HEADERS, whole)
    events: list[dict[str, Any]] = [{"event_type": "stream-start", "generation_id": whole["generation_id"]}]
    if said.tool:
        events.append({"event_type": "tool-calls-generation", "tool_calls": whole["tool_calls"]})
    else:
        events += [{"event_type": "text-generation", "text": piece} for piece in said.pieces]
    events.append({"event_type": "stream-end", "finish_reason": "COMPLETE", "response": whole})
    lines = [json.dumps({"is_finished": event is events[-1], **event}).encode() + b"\n" for event in events]
    return Reply(200, [("content-type", "application/stream+json"), *_HEADERS], lines, streamed=True)


def _embed(request: dict[str, Any]) -> Reply:
    texts = request.get("texts") or []
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": sum(map(tokens, texts))}}
    vectors = {"float": [[0.25, -0.5, 0.125, 0.0] for _ in texts]}
    body = {
        "id": str(uuid.uuid4()),
        "texts": texts,
        "embeddings": vectors,
        "meta": meta,
        "response_type": "embeddings_by_type",
    }
    return json_reply(200, _HEADERS, body)


def _rerank(request: dict[str, Any]) -> Reply:
    count = min(len(request["documents"]), request.get("top_n") or len(request["documents"]))
    results = [{"index": place, "relevance_score": 0.9 - place / 10} for place in range(count)]
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return json_reply(200, _HEADERS, {"id": str(uuid.uuid4()), "results": results, "meta": meta})
