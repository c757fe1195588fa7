"""The fake Anthropic: messages, token counting, message batches, files, models."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from llmflow_testkit.providers.forms import form_of
from llmflow_testkit.providers.replies import Answer, Options, Reply, answer, event, identity, json_reply, tokens

MODELS = ("claude-opus-4-8", "claude-sonnet-4-6", "claude-haiku-4-5")
#: What every file holds.
FILE = b"%PDF-1.7 and what else the tests keep with Anthropic"
_SNAPSHOTS = {"claude-sonnet-4-5": "claude-sonnet-4-5-20250929", "claude-haiku-4-5": "claude-haiku-4-5-20251001"}


def reply(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer as api.anthropic.com does."""
    options = Options.of(headers)
    key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
    if refused := _refusal(options, key, headers):
        return refused
    match method, path:
        case "POST", "/v1/messages":
            return _messages(json.loads(body), options)
        case "POST", "/v1/messages/count_tokens":
            return json_reply(200, _headers(), {"input_tokens": _asked(json.loads(body))})
        case "POST", "/v1/messages/batches":
            return json_reply(200, _headers(), _batch(len(json.loads(body)["requests"]), ended=False))
        case "GET", _ if path.startswith("/v1/messages/batches/") and path.endswith("/results"):
            return _results()
        case "GET", _ if path.startswith("/v1/messages/batches/"):
            return json_reply(200, _headers(), _batch(2, ended=True))
        case _ if path == "/v1/files" or path.startswith("/v1/files/"):
            return _files(method, path, headers, body)
        case "GET", "/v1/models":
            return json_reply(200, _headers(), _model_list())
    return error(404, "not_found_error", "Not Found")


def _files(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    name, _, below = path.removeprefix("/v1/files").strip("/").partition("/")
    kept = {"type": "file", "filename": "notes.pdf", "mime_type": "application/pdf", "size_bytes": len(FILE)}
    file = {"id": name, "created_at": "2025-04-14T00:00:00Z", "downloadable": True, **kept}
    if method == "POST":
        (sent,) = form_of(headers.get("content-type", ""), body)["file"]
        facts = {"filename": sent.filename, "mime_type": sent.media_type, "size_bytes": len(sent.content)}
        return json_reply(200, _headers(), {**file, **facts, "id": identity("file_"), "downloadable": False})
    if method == "DELETE":
        return json_reply(200, _headers(), {"id": name, "type": "file_deleted"})
    if below == "content":
        return Reply(
            200, [("content-type", "application/pdf"), ("content-length", str(len(FILE))), *_headers()], [FILE]
        )
    if name:
        return json_reply(200, _headers(), file)
    listed = {**file, "id": "file_1"}
    return json_reply(200, _headers(), {"data": [listed], "has_more": False, "first_id": "file_1", "last_id": "file_1"})


def error(status: int, kind: str, message: str, extra: list[tuple[str, str]] | None = None) -> Reply:
    """An error in Anthropic's shape."""
    headers = _headers()
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": dict(headers)["request-id"]}
    return json_reply(status, headers + (extra or []), body)


def _refusal(options: Options, key: str, headers: Mapping[str, str]) -> Reply | None:
    if not key or options.status == 401:
        return error(401, "authentication_error", f"invalid x-api-key{f': {key}' if options.leak else ''}")
    if "anthropic-version" not in headers:
        return error(400, "invalid_request_error", "anthropic-version: header is required")
    if options.status == 429:
        message = "This request would exceed your organization's rate limit of 50 requests per minute."
        return error(429, "rate_limit_error", message, [("retry-after", "1"), ("x-should-retry", "true")])
    if options.status == 529:
        return error(529, "overloaded_error", "Overloaded")
    if options.status >= 500:
        return error(options.status, "api_error", "Internal server error")
    return None


def _headers() -> list[tuple[str, str]]:
    reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return [
        ("date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())),
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "49"),
        ("anthropic-ratelimit-requests-reset", reset),
        ("anthropic-ratelimit-input-tokens-limit", "30000"),
        ("anthropic-ratelimit-input-tokens-remaining", "30000"),
        ("anthropic-ratelimit-input-tokens-reset", reset),
        ("anthropic-ratelimit-output-tokens-limit", "8000"),
        ("anthropic-ratelimit-output-tokens-remaining", "8000"),
        ("anthropic-ratelimit-output-tokens-reset", reset),
        ("request-id", identity("req_")),
        ("anthropic-organization-id", "5f0a1f3e-0000-4000-8000-000000000000"),
        ("via", "1.1 google"),
        ("cf-cache-status", "DYNAMIC"),
        ("x-robots-tag", "none"),
        ("server", "cloudflare"),
    ]


def _model_list() -> dict[str, Any]:
    data = [
        {"type": "model", "id": model, "display_name": model, "created_at": "2025-10-01T00:00:00Z"} for model in MODELS
    ]
    return {"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}


def _batch(requests: int, *, ended: bool) -> dict[str, Any]:
    name = identity("msgbatch_")
    counts = {"processing": 0, "succeeded": requests - 1, "errored": 1, "canceled": 0, "expired": 0}
    return {
        "id": name,
        "type": "message_batch",
        "processing_status": "ended" if ended else "in_progress",
        "request_counts": counts if ended else {**dict.fromkeys(counts, 0), "processing": requests},
        "ended_at": "2026-01-02T04:04:05Z" if ended else None,
        "created_at": "2026-01-02T03:04:05Z",
        "expires_at": "2026-01-03T03:04:05Z",
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": f"https://api.anthropic.com/v1/messages/batches/{name}/results" if ended else None,
    }


def _results() -> Reply:
    """One JSON object a line, in any order."""
    request = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    message = json.loads(_messages(request, Options()).chunks[0])
    message["usage"] |= {"input_tokens": 1_000, "output_tokens": 200, "service_tier": "batch"}
    failure = {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: Field required"}}
    lines = [
        {"custom_id": "two", "result": {"type": "errored", "error": failure}},
        {"custom_id": "one", "result": {"type": "succeeded", "message": message}},
    ]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return Reply(200, [("content-type", "application/x-jsonl"), *_headers()], [body])


def _messages(request: dict[str, Any], options: Options) -> Reply:
    if "max_tokens" not in request:
        return error(400, "invalid_request_error", "max_tokens: Field required")
    said = _answer(request, options)
    message = {
        "id": identity("msg_"),
        "type": "message",
        "role": "assistant",
        "model": _SNAPSHOTS.get(request["model"], request["model"]),
    }
    usage = _usage(request, said)
    reason = "tool_use" if said.tool else "end_turn"
    if request.get("stream"):
        return _stream(request, said, message, usage, reason, options)
    content = [_thinking()] if _thinks(request) else []
    content.append(_block(said))
    ending = {"content": content, "stop_reason": reason, "stop_sequence": None, "usage": usage}
    return json_reply(200, _headers(), {**message, **ending})


def _answer(request: dict[str, Any], options: Options) -> Answer:
    last = request["messages"][-1].get("content")
    blocks = last if isinstance(last, list) else [{"type": "text", "text": last or ""}]
    answered = any(block.get("type") == "tool_result" for block in blocks)
    offered = [] if answered else [tool for tool in request.get("tools") or [] if "input_schema" in tool]
    tool = offered[0] if offered else None
    prompt = " ".join(block.get("text", "") for block in blocks)
    return answer(prompt, tool, (tool or {}).get("input_schema") or {}, options)


def _asked(request: dict[str, Any]) -> int:
    return tokens(json.dumps([request.get("system"), request.get("messages"), request.get("tools")]))


def _caches(request: dict[str, Any]) -> bool:
    return "cache_control" in json.dumps([request.get("system"), request.get("messages"), request.get("tools")])


def _usage(request: dict[str, Any], said: Answer) -> dict[str, Any]:
    """With a `cache_control` in the request most of the input counts as read from the cache, some as written."""
    asked = _asked(request)
    read, written = (asked // 2, asked // 4) if _caches(request) else (0, 0)
    return {
        "input_tokens": asked - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": tokens("".join(said.pieces)),
        "service_tier": "standard",
    }


def _thinks(request: dict[str, Any]) -> bool:
    return bool((request.get("thinking") or {}).get("type") == "enabled")


def _thinking() -> dict[str, Any]:
    return {"type": "thinking", "thinking": "The user wants an answer.", "signature": "c2lnbmF0dXJl"}


def _block(said: Answer) -> dict[str, Any]:
    if said.tool:
        return {"type": "tool_use", "id": identity("toolu_"), "name": said.tool, "input": said.arguments}
    return {"type": "text", "text": said.text}


def _stream(
    request: dict[str, Any],
    said: Answer,
    message: dict[str, Any],
    usage: dict[str, Any],
    reason: str,
    options: Options,
) -> Reply:
    def named(kind: str, **members: Any) -> bytes:
        return event({"type": kind, **members}, kind)

    begun = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1},
    }
    chunks = [named("message_start", message=begun)]
    index = 0
    if _thinks(request):
        thought = _thinking()
        chunks += [
            named("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
            named("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": thought["thinking"]}),
            named("content_block_delta", index=0, delta={"type": "signature_delta", "signature": thought["signature"]}),
            named("content_block_stop", index=0),
        ]
        index = 1
    empty = {**_block(said), "input": {}} if said.tool else {"type": "text", "text": ""}
    kind, member = ("input_json_delta", "partial_json") if said.tool else ("text_delta", "text")
    chunks += [named("content_block_start", index=index, content_block=empty), named("ping")]
    chunks += [named("content_block_delta", index=index, delta={"type": kind, member: piece}) for piece in said.pieces]
    chunks += [
        named("content_block_stop", index=index),
        named(
            "message_delta",
            delta={"stop_reason": reason, "stop_sequence": None},
            usage={"output_tokens": usage["output_tokens"]},
        ),
        named("message_stop"),
    ]
    if options.stream_error:
        broken = named("error", error={"type": "overloaded_error", "message": "Overloaded"})
        chunks = [*chunks[: options.stream_error], broken]
    headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), *_headers()]
    return Reply(200, headers, chunks, streamed=True)
