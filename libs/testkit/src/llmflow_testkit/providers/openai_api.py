"""The fake OpenAI: chat completions, models, files."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from llmflow_testkit.providers.replies import Answer, Options, Reply, answer, event, identity, json_reply, tokens

MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo", "gpt-4", "o3-mini")
_SNAPSHOTS = {"gpt-4o": "gpt-4o-2024-08-06", "gpt-4o-mini": "gpt-4o-mini-2024-07-18", "gpt-4": "gpt-4-0613"}
_FINGERPRINT = "fp_44709d6fcb"


def reply(method: str, path: str, headers: Mapping[str, str], body: bytes, size: int) -> Reply:
    """Answer as api.openai.com does. `body` is the request's, possibly cut short; `size` its whole length."""
    options = Options.of(headers)
    key = headers.get("authorization", "").removeprefix("Bearer ").strip()
    if refused := _refusal(options, key):
        return refused
    match method, path:
        case "POST", "/v1/chat/completions":
            return _chat(json.loads(body), options)
        case "GET", "/v1/models":
            return json_reply(200, _headers(), {"object": "list", "data": [_model(model) for model in MODELS]})
        case "GET", _ if path.startswith("/v1/models/"):
            return json_reply(200, _headers(), _model(path.removeprefix("/v1/models/")))
        case "POST", "/v1/files":
            return json_reply(200, _headers(), _file(size))
    message = f"Invalid URL ({method} {path})"
    return error(404, message, "invalid_request_error", None)


def error(status: int, message: str, kind: str, code: str | None, extra: list[tuple[str, str]] | None = None) -> Reply:
    """An error in OpenAI's shape."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return json_reply(status, _headers() + (extra or []), body)


def _refusal(options: Options, key: str) -> Reply | None:
    if not key:
        message = (
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer"
            " auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
        return error(401, message, "invalid_request_error", None)
    if options.status == 401:
        shown = key if options.leak else f"{key[:3]}{'*' * 8}{key[-4:]}"
        message = f"Incorrect API key provided: {shown}. You can find your API key at your account page."
        return error(401, message, "invalid_request_error", "invalid_api_key")
    if options.status == 429:
        message = (
            "Rate limit reached for gpt-4o in organization org-fake on requests per min (RPM): Limit 500, Used 500,"
            " Requested 1. Please try again in 120ms."
        )
        waits = [("retry-after", "1"), ("retry-after-ms", "120")]
        return error(429, message, "requests", "rate_limit_exceeded", waits)
    if options.status >= 500:
        message = "The server had an error while processing your request. Sorry about that!"
        return error(options.status, message, "server_error", None)
    return None


def _headers() -> list[tuple[str, str]]:
    """Headers of every answer; two cookies, because clients must see both."""
    return [
        ("date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())),
        ("access-control-expose-headers", "X-Request-ID"),
        ("openai-organization", "org-fake"),
        ("openai-processing-ms", "123"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-limit-tokens", "30000"),
        ("x-ratelimit-remaining-requests", "499"),
        ("x-ratelimit-remaining-tokens", "29980"),
        ("x-ratelimit-reset-requests", "120ms"),
        ("x-ratelimit-reset-tokens", "40ms"),
        ("x-request-id", identity("req_")),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("cf-cache-status", "DYNAMIC"),
        ("set-cookie", "__cf_bm=one; path=/; HttpOnly; Secure"),
        ("set-cookie", "_cfuvid=two; path=/; HttpOnly; Secure"),
        ("x-content-type-options", "nosniff"),
        ("server", "cloudflare"),
    ]


def _model(model: str) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": 1715367049, "owned_by": "system"}


def _file(size: int) -> dict[str, Any]:
    return {
        "object": "file",
        "id": identity("file-"),
        "purpose": "assistants",
        "filename": "upload.bin",
        "bytes": size,
        "created_at": int(time.time()),
        "expires_at": None,
        "status": "processed",
        "status_details": None,
    }


def _chat(request: dict[str, Any], options: Options) -> Reply:
    if not isinstance(request.get("messages"), list):
        return error(
            400, "Missing required parameter: 'messages'.", "invalid_request_error", "missing_required_parameter"
        )
    said = _answer(request, options)
    usage = _usage(request, said)
    head = {
        "id": identity("chatcmpl-"),
        "object": "chat.completion.chunk" if request.get("stream") else "chat.completion",
        "created": int(time.time()),
        "model": _SNAPSHOTS.get(request["model"], request["model"]),
    }
    tail = {"service_tier": "default", "system_fingerprint": _FINGERPRINT}
    if request.get("stream"):
        return _stream(request, said, usage, {**head, **tail}, options)
    finish = "tool_calls" if said.tool else "stop"
    choices = [
        {"index": n, "message": _message(said), "logprobs": None, "finish_reason": finish}
        for n in range(request.get("n") or 1)
    ]
    return json_reply(200, _headers(), {**head, "choices": choices, "usage": usage, **tail})


def _answer(request: dict[str, Any], options: Options) -> Answer:
    last = request["messages"][-1]
    offered = [] if last.get("role") == "tool" or request.get("tool_choice") == "none" else request.get("tools") or []
    function = offered[0]["function"] if offered else None
    return answer(_text(last.get("content")), function, (function or {}).get("parameters") or {}, options)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content)
    return content or ""


def _usage(request: dict[str, Any], said: Answer) -> dict[str, Any]:
    asked = sum(3 + tokens(_text(message.get("content"))) for message in request["messages"])
    spent = tokens("".join(said.pieces)) * (request.get("n") or 1)
    return {
        "prompt_tokens": asked,
        "completion_tokens": spent,
        "total_tokens": asked + spent,
        "prompt_tokens_details": {"cached_tokens": asked // 1024 * 1024, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
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
        message = "The server had an error while processing your request. Sorry about that!"
        broken = {"error": {"message": message, "type": "server_error", "param": None, "code": None}}
        chunks = [*chunks[: options.stream_error], event(broken), event("[DONE]")]
    headers = [("content-type", "text/event-stream; charset=utf-8"), *_headers()]
    return Reply(200, headers, chunks, streamed=True)
