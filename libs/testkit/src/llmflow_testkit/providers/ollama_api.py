"""The fake Ollama: chat, generate and embed, streamed as one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmflow_testkit.providers.replies import Answer, Options, Reply, answer, json_reply, tokens

_CREATED = "2026-01-02T03:04:05.678901234Z"
_LINES = [("content-type", "application/x-ndjson")]


def reply(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer as a server on port 11434 does."""
    options = Options.of(headers)
    request = json.loads(body) if body else {}
    if request.get("model") == "missing":
        return json_reply(404, [], {"error": "model 'missing' not found"})
    match method, path:
        case "POST", "/api/chat":
            return _generation(request, "message", options)
        case "POST", "/api/generate":
            return _generation(request, "response", options)
        case "POST", "/api/embed":
            return _embed(request)
        case "GET", "/api/tags":
            return json_reply(200, [], {"models": [{"name": "llama3.2:latest", "model": "llama3.2:latest", "size": 1}]})
    return Reply(404, [("content-type", "text/plain")], [b"404 page not found"])


def _answer(request: dict[str, Any], options: Options) -> Answer:
    last = (request.get("messages") or [{"role": "user", "content": request.get("prompt", "")}])[-1]
    offered = [] if last["role"] == "tool" else request.get("tools") or []
    function = offered[0]["function"] if offered else None
    return answer(last.get("content") or "", function, (function or {}).get("parameters") or {}, options)


def _generation(request: dict[str, Any], member: str, options: Options) -> Reply:
    said = _answer(request, options)
    head = {"model": request["model"], "created_at": _CREATED}
    asked = tokens(json.dumps(request.get("messages") or request.get("prompt")))
    ending = {
        "done": True,
        "done_reason": "stop",
        "total_duration": 900_000_000,
        "load_duration": 250_000_000,
        "prompt_eval_count": asked,
        "prompt_eval_duration": 50_000_000,
        "eval_count": tokens("".join(said.pieces)),
        "eval_duration": 600_000_000,
    }

    def content(text: str, thinking: str = "", calls: bool = False) -> dict[str, Any]:
        extra = {"thinking": thinking} if thinking else {}
        if member == "response":
            return {"response": text, **extra}
        function = {"name": said.tool, "arguments": said.arguments}
        called = {"tool_calls": [{"function": function}]} if calls and said.tool else {}
        return {"message": {"role": "assistant", "content": text, **extra, **called}}

    thinking = "The user wants an answer." if request.get("think") else ""
    if request.get("stream") is False:
        return json_reply(200, [], {**head, **content(said.text, thinking, calls=True), **ending})
    pieces = [content("", piece) for piece in thinking.split(".") if piece]
    pieces += [content("", calls=True)] if said.tool else [content(piece) for piece in said.pieces]
    lines: list[dict[str, Any]] = [{**head, **piece, "done": False} for piece in pieces]
    lines.append({**head, **content(""), **ending})
    if options.stream_error:
        lines = [*lines[: options.stream_error], {"error": "an error was encountered while running the model"}]
    chunks = [json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines]
    return Reply(200, _LINES, chunks, streamed=True)


def _embed(request: dict[str, Any]) -> Reply:
    texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
    body = {"model": request["model"], "embeddings": [[0.25, -0.5, 0.125]] * len(texts)}
    return json_reply(200, [], {**body, "prompt_eval_count": sum(map(tokens, texts)), "load_duration": 1_000_000})
