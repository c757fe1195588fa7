"""The fake Gemini API: generateContent, streamed as events or as a JSON array, pictures, embeddings, token counting,
models, batches, interactions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from llmflow_testkit.providers import gemini_batches_api, gemini_interactions_api
from llmflow_testkit.providers.openai_responses_api import PICTURE
from llmflow_testkit.providers.replies import Answer, Options, Reply, answer, identity, json_reply, tokens

_HEADERS = [
    ("vary", "Origin"),
    ("vary", "X-Origin"),
    ("vary", "Referer"),
    ("server", "scaffolding on HTTPServer2"),
    ("x-xss-protection", "0"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-content-type-options", "nosniff"),
    ("server-timing", "gfet4t7; dur=120"),
]
_CODES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
          429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}  # fmt: skip
_MODEL = {"name": "models/gemini-2.5-flash", "version": "001", "displayName": "Gemini 2.5 Flash"}
#: A prompt with this word is blocked.
FORBIDDEN = "forbidden"


def reply(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer as generativelanguage.googleapis.com does; `path` begins with the version."""
    options = Options.of(headers)
    if not (headers.get("x-goog-api-key") or parse_qs(query).get("key") or headers.get("authorization")):
        return error(403, "Method doesn't allow unregistered callers. Please use API Key or other form of identity.")
    if options.status:
        return error(options.status, "Resource has been exhausted (e.g. check quota).")
    _, version, kind, last = (*path.split("/", 3), "")[:4]
    if version not in ("v1", "v1beta", "v1alpha"):
        return error(404, "Requested entity was not found.")
    if kind == "interactions":
        return gemini_interactions_api.reply(body, _HEADERS, options)
    if kind == "batches":
        return gemini_batches_api.reply(method, last and f"/{last}", body, _HEADERS)
    model, _, call = last.partition(":")
    if method == "GET":
        return json_reply(200, _HEADERS, {"models": [_MODEL]} if not model else _MODEL)
    request = json.loads(body)
    match call:
        case "generateContent":
            return json_reply(200, _HEADERS, _whole(model, request, options))
        case "streamGenerateContent":
            return _stream(model, request, options, "sse" in parse_qs(query).get("alt", []))
        case "batchGenerateContent":
            return gemini_batches_api.reply(method, model, body, _HEADERS)
        case "predict":
            picture = {"bytesBase64Encoded": PICTURE, "mimeType": "image/png"}
            return json_reply(200, _HEADERS, {"predictions": [picture] * request["parameters"]["sampleCount"]})
        case "countTokens":
            return json_reply(200, _HEADERS, {"totalTokens": tokens(json.dumps(request))})
        case "embedContent":
            return json_reply(200, _HEADERS, {"embedding": {"values": [0.25, -0.5, 0.125]}})
        case "batchEmbedContents":
            return json_reply(
                200, _HEADERS, {"embeddings": [{"values": [0.25, -0.5, 0.125]}] * len(request["requests"])}
            )
    return error(404, f"models/{model} is not found for API version {version}, or is not supported for {call}.")


def error(status: int, message: str) -> Reply:
    """An error in Google's shape."""
    return json_reply(status, _HEADERS, _error(status, message))


def _error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": _CODES.get(status, "UNKNOWN")}}


def _answer(request: dict[str, Any], options: Options) -> Answer:
    parts = request["contents"][-1]["parts"]
    answered = any("functionResponse" in part for part in parts)
    # Like all names of the API, this one may be written as in the protocol buffers.
    names = ("functionDeclarations", "function_declarations")
    declared = [one for tool in request.get("tools") or [] for name in names for one in tool.get(name, [])]
    tool = declared[0] if declared and not answered else None
    schemas = ("parametersJsonSchema", "parameters_json_schema", "parameters")
    schema: Any = next((tool[name] for name in schemas if name in tool), {}) if tool else {}
    lowered = json.loads(json.dumps(schema).replace('"STRING"', '"string"').replace('"OBJECT"', '"object"'))
    return answer(" ".join(part.get("text", "") for part in parts), tool, lowered, options)


def _thinks(request: dict[str, Any]) -> bool:
    config = (request.get("generationConfig") or {}).get("thinkingConfig") or {}
    return bool(config.get("includeThoughts") or config.get("include_thoughts"))


def _usage(request: dict[str, Any], said: Answer) -> dict[str, Any]:
    asked, spent = tokens(json.dumps(request["contents"])), tokens("".join(said.pieces))
    thought = 40 if _thinks(request) else 0
    usage: dict[str, Any] = {"promptTokenCount": asked, "candidatesTokenCount": spent}
    usage["totalTokenCount"] = asked + spent + thought
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": asked}]
    if thought:
        usage["thoughtsTokenCount"] = thought
    if "cachedContent" in request:
        usage["cachedContentTokenCount"] = asked // 2
    return usage


def _blocked(request: dict[str, Any]) -> bool:
    return FORBIDDEN in json.dumps(request["contents"])


def _parts(request: dict[str, Any], said: Answer) -> list[dict[str, Any]]:
    thoughts = [{"text": "The user wants", "thought": True}, {"text": " an answer.", "thought": True}]
    if said.tool:
        content = [{"functionCall": {"name": said.tool, "args": said.arguments}, "thoughtSignature": "c2lnbmF0dXJl"}]
    else:
        content = [{"text": piece} for piece in said.pieces]
    return [*(thoughts if _thinks(request) else []), *content]


def _whole(model: str, request: dict[str, Any], options: Options) -> dict[str, Any]:
    tail = {"modelVersion": f"{model}-001", "responseId": identity("")}
    said = _answer(request, options)
    usage = _usage(request, said)
    if _blocked(request):
        spent = {"promptTokenCount": usage["promptTokenCount"], "totalTokenCount": usage["promptTokenCount"]}
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": spent, **tail}
    parts: list[dict[str, Any]] = []
    for part in _parts(request, said):
        same = parts and "text" in part and "text" in parts[-1] and part.get("thought") == parts[-1].get("thought")
        if same:
            parts[-1]["text"] += part["text"]
        else:
            parts.append(dict(part))
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, **tail}


def _stream(model: str, request: dict[str, Any], options: Options, events: bool) -> Reply:
    whole = _whole(model, request, options)
    responses = [whole]
    if "candidates" in whole:
        pieces = _parts(request, _answer(request, options))
        shared = {name: whole[name] for name in ("usageMetadata", "modelVersion", "responseId")}
        responses = [
            {"candidates": [{"content": {"parts": [piece], "role": "model"}, "index": 0}], **shared} for piece in pieces
        ]
        responses[-1]["candidates"][0]["finishReason"] = "STOP"
    if options.stream_error:
        responses = [
            *responses[: options.stream_error],
            _error(503, "The model is overloaded. Please try again later."),
        ]
    texts = [json.dumps(response, ensure_ascii=False, indent=None if events else 2) for response in responses]
    if events:
        chunks = [f"data: {text}\r\n\r\n".encode() for text in texts]
        return Reply(200, [("content-type", "text/event-stream"), ("content-disposition", "attachment"), *_HEADERS],
                     chunks, streamed=True)  # fmt: skip
    chunks = [(("[" if number == 0 else ",\r\n") + text + "\n").encode() for number, text in enumerate(texts)]
    return Reply(200, [("content-type", "application/json; charset=UTF-8"), *_HEADERS], [*chunks, b"]"], streamed=True)
