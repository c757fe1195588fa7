"""The fake Bedrock runtime: Converse and InvokeModel (Anthropic's, Titan's and Llama's bodies), streamed in Amazon's
event stream encoding."""

from __future__ import annotations

import base64
import json
import struct
import uuid
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from llmflow_testkit.providers import anthropic_api
from llmflow_testkit.providers.replies import Answer, Options, Reply, answer, identity, json_reply, tokens


def reply(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer as bedrock-runtime.<region>.amazonaws.com does; `path` is undecoded."""
    options = Options.of(headers)
    _, _, model, call = (*path.split("/", 3), "", "", "")[:4]
    if not headers.get("authorization"):
        return _error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    if options.status == 429:
        return _error(429, "ThrottlingException", "Too many requests, please wait before trying again.")
    if method != "POST" or not path.startswith("/model/"):
        return _error(404, "UnknownOperationException", "")
    request = json.loads(body)
    match call:
        case "converse":
            return json_reply(200, _headers(), _converse(request, options))
        case "converse-stream":
            return _converse_stream(request, options)
        case "invoke":
            return _invoke(unquote(model), request, options)
        case "invoke-with-response-stream":
            return _invoke_stream(unquote(model), request, options)
    return _error(404, "UnknownOperationException", "")


def frame(payload: bytes, **headers: str) -> bytes:
    """One message of `application/vnd.amazon.eventstream`; `_` in a header's name stands for `-`, `:` begins it."""
    encoded = b""
    for name, value in headers.items():
        key, text = f":{name.replace('_', '-')}".encode(), value.encode()
        encoded += bytes([len(key)]) + key + b"\x07" + struct.pack(">H", len(text)) + text
    prelude = struct.pack(">II", 16 + len(encoded) + len(payload), len(encoded))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + encoded + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _event(kind: str, content: dict[str, Any]) -> bytes:
    payload = json.dumps({**content, "p": "abcdefghijk"}, ensure_ascii=False).encode()
    return frame(payload, event_type=kind, content_type="application/json", message_type="event")


def _exception(kind: str, message: str) -> bytes:
    payload = json.dumps({"message": message}).encode()
    return frame(payload, exception_type=kind, content_type="application/json", message_type="exception")


def _headers() -> list[tuple[str, str]]:
    return [("date", "Fri, 02 Jan 2026 03:04:05 GMT"), ("x-amzn-requestid", str(uuid.uuid4()))]


def _error(status: int, kind: str, message: str) -> Reply:
    named = ("x-amzn-errortype", f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/")
    return json_reply(status, [*_headers(), named], {"message": message})


def _stream(chunks: list[bytes]) -> Reply:
    return Reply(200, [("content-type", "application/vnd.amazon.eventstream"), *_headers()], chunks, streamed=True)


def _answer(request: dict[str, Any], options: Options) -> Answer:
    blocks = request["messages"][-1]["content"]
    answered = any("toolResult" in block for block in blocks)
    offered = [] if answered else (request.get("toolConfig") or {}).get("tools") or []
    spec = offered[0]["toolSpec"] if offered else None
    schema = spec["inputSchema"]["json"] if spec else {}
    return answer(" ".join(block.get("text", "") for block in blocks), spec, schema, options)


def _usage(request: dict[str, Any], said: Answer) -> dict[str, Any]:
    asked, spent = tokens(json.dumps(request["messages"])), tokens("".join(said.pieces))
    cached = {"cacheReadInputTokens": 64, "cacheWriteInputTokens": 32}
    return {"inputTokens": asked, "outputTokens": spent, "totalTokens": asked + spent + 96, **cached}


def _converse(request: dict[str, Any], options: Options) -> dict[str, Any]:
    said = _answer(request, options)
    block: dict[str, Any] = {"text": said.text}
    if said.tool:
        block = {"toolUse": {"toolUseId": identity("tooluse_"), "name": said.tool, "input": said.arguments}}
    return {
        "metrics": {"latencyMs": 551},
        "output": {"message": {"role": "assistant", "content": [block]}},
        "stopReason": "tool_use" if said.tool else "end_turn",
        "usage": _usage(request, said),
    }


def _converse_stream(request: dict[str, Any], options: Options) -> Reply:
    said = _answer(request, options)
    chunks = [_event("messageStart", {"role": "assistant"})]
    if said.tool:
        start = {"toolUse": {"toolUseId": identity("tooluse_"), "name": said.tool}}
        chunks.append(_event("contentBlockStart", {"contentBlockIndex": 0, "start": start}))
    for piece in said.pieces:
        delta: dict[str, Any] = {"toolUse": {"input": piece}} if said.tool else {"text": piece}
        chunks.append(_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}))
    chunks += [
        _event("contentBlockStop", {"contentBlockIndex": 0}),
        _event("messageStop", {"stopReason": "tool_use" if said.tool else "end_turn"}),
        _event("metadata", {"metrics": {"latencyMs": 551}, "usage": _usage(request, said)}),
    ]
    if options.stream_error:
        broken = _exception("throttlingException", "Too many tokens, please wait before trying again.")
        chunks = [*chunks[: options.stream_error], broken]
    return _stream(chunks)


_ANTHROPIC = {"x-api-key": "bedrock", "anthropic-version": "2023-06-01"}


def _anthropic(model: str, request: dict[str, Any], *, stream: bool) -> Reply:
    body = {**request, "model": model.rpartition("anthropic.")[2], "stream": stream}
    return anthropic_api.reply("POST", "/v1/messages", _ANTHROPIC, json.dumps(body).encode())


def _invoke(model: str, request: dict[str, Any], options: Options) -> Reply:
    if "anthropic_version" in request:
        return Reply(
            200, [("content-type", "application/json"), *_headers()], _anthropic(model, request, stream=False).chunks
        )
    if "embed" in model:
        return json_reply(
            200, _headers(), {"embedding": [0.25, -0.5], "inputTextTokenCount": tokens(request["inputText"])}
        )
    said = answer(request["prompt"], None, {}, options)
    counts = {"prompt_token_count": tokens(request["prompt"]), "generation_token_count": tokens(said.text)}
    return json_reply(200, _headers(), {"generation": said.text, **counts, "stop_reason": "stop"})


def _invoke_stream(model: str, request: dict[str, Any], options: Options) -> Reply:
    if "anthropic_version" in request:
        whole = _anthropic(model, request, stream=True)
        texts = [chunk.split(b"data: ", 1)[1].strip() for chunk in whole.chunks]
        asked = tokens(json.dumps(request["messages"]))
    else:
        said = answer(request["prompt"], None, {}, options)
        asked = tokens(request["prompt"])
        texts = [json.dumps({"generation": piece, "stop_reason": None}).encode() for piece in said.pieces]
        texts.append(json.dumps({"generation": "", "stop_reason": "stop"}).encode())
    metrics = {"inputTokenCount": asked, "outputTokenCount": 12, "invocationLatency": 500, "firstByteLatency": 100}
    texts[-1] = json.dumps({**json.loads(texts[-1]), "amazon-bedrock-invocationMetrics": metrics}).encode()
    return _stream([_event("chunk", {"bytes": base64.b64encode(text).decode()}) for text in texts])
