"""The fake OpenAI: which of its APIs answers, and chat completions. It keeps nothing between calls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from llmflow_testkit.providers import openai_media_api, openai_resources_api, openai_responses_api, openai_texts_api
from llmflow_testkit.providers.openai_wire import SERVER_ERROR, error, events, missing, ok, refusal, snapshot
from llmflow_testkit.providers.replies import (
    Answer,
    Options,
    Reply,
    answer,
    event,
    identity,
    structured_answer,
    tokens,
)

_FINGERPRINT = "fp_44709d6fcb"


def reply(method: str, path: str, headers: Mapping[str, str], body: bytes, size: int) -> Reply:
    """Answer as api.openai.com does. `body` is the request's, possibly cut short; `size` its whole length."""
    options = Options.of(headers)
    key = headers.get("authorization", "").removeprefix("Bearer ").strip()
    if refused := refusal(options, key):
        return refused
    if method == "POST" and path in _JSON_APIS:
        return _JSON_APIS[path](json.loads(body), options)
    media_type = headers.get("content-type", "")
    if method == "POST" and (found := openai_media_api.reply(path, media_type, body, options)):
        return found
    if found := openai_resources_api.reply(method, path, media_type, body, size):
        return found
    return error(404, f"Invalid URL ({method} {path})", "invalid_request_error", None)


def _chat(request: dict[str, Any], options: Options) -> Reply:
    if not isinstance(request.get("messages"), list):
        return missing("messages")
    said = _answer(request, options)
    usage = _usage(request, said, options)
    head = {
        "id": identity("chatcmpl-"),
        "object": "chat.completion.chunk" if request.get("stream") else "chat.completion",
        "created": int(time.time()),
        "model": snapshot(request["model"]),
    }
    tail = {"service_tier": "default", "system_fingerprint": _FINGERPRINT}
    if request.get("stream"):
        return _stream(request, said, usage, {**head, **tail}, options)
    finish = "tool_calls" if said.tool else "stop"
    choices = [
        {"index": n, "message": _message(said), "logprobs": None, "finish_reason": finish}
        for n in range(request.get("n") or 1)
    ]
    return ok({**head, "choices": choices, "usage": usage, **tail})


def _answer(request: dict[str, Any], options: Options) -> Answer:
    last = request["messages"][-1]
    offered = [] if last.get("role") == "tool" or request.get("tool_choice") == "none" else request.get("tools") or []
    function = offered[0]["function"] if offered else None
    wanted = request.get("response_format") or {}
    if not function and wanted.get("type") == "json_schema":
        return structured_answer(wanted["json_schema"]["schema"])
    return answer(_text(last.get("content")), function, (function or {}).get("parameters") or {}, options)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content)
    return content or ""


def _usage(request: dict[str, Any], said: Answer, options: Options) -> dict[str, Any]:
    asked = sum(3 + tokens(_text(message.get("content"))) for message in request["messages"])
    spent = tokens("".join(said.pieces)) * (request.get("n") or 1) + options.reasoning
    return {
        "prompt_tokens": asked,
        "completion_tokens": spent,
        "total_tokens": asked + spent,
        "prompt_tokens_details": {"cached_tokens": options.cached or asked // 1024 * 1024, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": options.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _message(said: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if said.tool:
        function = {"name": said.tool, "arguments": json.dumps(said.arguments)}
        message["tool_calls"] = [{"id": identity("call_"), "type": "function", "function": function}]
    return {**message, "refusal": None, "annotations": []}


def _stream(
    request: dict[str, Any], said: Answer, usage: dict[str, Any], base: dict[str, Any], options: Options
) -> Reply:
    with_usage = bool((request.get("stream_options") or {}).get("include_usage"))

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choices = [
            {"index": n, "delta": delta, "logprobs": None, "finish_reason": finish}
            for n in range(request.get("n") or 1)
        ]
        return event({**base, "choices": choices, **({"usage": None} if with_usage else {})})

    first: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
    if said.tool:
        function = {"name": said.tool, "arguments": ""}
        call = {"index": 0, "id": identity("call_"), "type": "function", "function": function}
        chunks = [chunk({"role": "assistant", "content": None, "tool_calls": [call], "refusal": None})]
        chunks += [chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in said.pieces]
    else:
        chunks = [chunk(first), *(chunk({"content": piece}) for piece in said.pieces)]
    chunks.append(chunk({}, "tool_calls" if said.tool else "stop"))
    if with_usage:
        chunks.append(event({**base, "choices": [], "usage": usage}))
    chunks.append(event("[DONE]"))
    if options.stream_error:
        broken = {"error": {"message": SERVER_ERROR, "type": "server_error", "param": None, "code": None}}
        chunks = [*chunks[: options.stream_error], event(broken), event("[DONE]")]
    return events(chunks)


_JSON_APIS: dict[str, Callable[[dict[str, Any], Options], Reply]] = {
    "/v1/chat/completions": _chat,
    "/v1/responses": openai_responses_api.respond,
    "/v1/completions": openai_texts_api.complete,
    "/v1/embeddings": openai_texts_api.embed,
    "/v1/moderations": openai_texts_api.moderate,
}
