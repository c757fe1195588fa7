"""Fakes of the providers that speak OpenAI's chat completions with differences of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from llmflow_testkit.providers import openai_api
from llmflow_testkit.providers.replies import Reply, event, json_reply


def reply(name: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer as the provider `name` does."""
    below = path.removeprefix("/openai") if name == "groq" else path
    asked = json.loads(body) if body else {}
    if name in _CHANGES and asked.get("stream"):
        # These send the usage with the last chunk without being asked.
        body = json.dumps({**asked, "stream_options": {"include_usage": True}}).encode()
    if not below.startswith("/v1/"):
        below = f"/v1{below}"
    answered = openai_api.reply(method, below, headers, body, len(body))
    if answered.status == 401 and name == "mistral":
        return json_reply(401, [], {"detail": "Unauthorized"})
    if name == "mistral" and answered.streamed and asked.get("tools"):
        answered = _whole_calls(answered)
    change = _CHANGES.get(name)
    return answered if change is None or answered.status >= 400 else _changed(answered, change)


def azure(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer as an Azure OpenAI resource does: by deployment and API version, or by the path of version 1."""
    given = {**headers, "authorization": f"Bearer {headers.get('api-key', '')}"}
    parts = path.split("/")
    if path.startswith("/openai/v1/"):
        return openai_api.reply(method, path.removeprefix("/openai"), given, body, len(body))
    if parts[1:3] != ["openai", "deployments"] or not query.startswith("api-version="):
        return json_reply(404, [], {"error": {"code": "404", "message": "Resource not found"}})
    request = {"model": parts[3], **json.loads(body)}
    raw = json.dumps(request).encode()
    return openai_api.reply(method, f"/v1/{'/'.join(parts[4:])}", given, raw, len(raw))


def _changed(answered: Reply, change: Callable[[dict[str, Any]], None]) -> Reply:
    if not answered.streamed:
        body = json.loads(answered.chunks[0])
        change(body)
        headers = [(key, value) for key, value in answered.headers if key not in ("content-type", "content-length")]
        return json_reply(answered.status, headers, body)
    chunks = []
    for chunk in answered.chunks:
        data = chunk.removeprefix(b"data: ")
        if data.startswith(b"{"):
            body = json.loads(data)
            change(body)
            chunk = f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
        chunks.append(chunk)
    return Reply(answered.status, answered.headers, chunks, streamed=True)


def _whole_calls(answered: Reply) -> Reply:
    """Mistral sends a tool call in one piece."""
    bodies = [json.loads(chunk.removeprefix(b"data: ")) for chunk in answered.chunks if b"[DONE]" not in chunk]
    calls = [
        body["choices"][0]["delta"]["tool_calls"][0]
        for body in bodies
        if body["choices"] and body["choices"][0]["delta"].get("tool_calls")
    ]
    if calls:
        calls[0]["function"]["arguments"] = "".join(call["function"]["arguments"] for call in calls)
    kept = [
        body
        for body in bodies
        if not body["choices"] or body["choices"][0]["delta"].get("tool_calls", calls[:1]) == calls[:1]
    ]
    return Reply(answered.status, answered.headers, [*map(event, kept), event("[DONE]")], streamed=True)


def _mistral(body: dict[str, Any]) -> None:
    """Thinking comes as a part of the content, a list; usage is plain."""
    for choice in body.get("choices", []):
        thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "The user wants an answer."}]}
        if (message := choice.get("message")) and isinstance(message.get("content"), str):
            message["content"] = [thinking, {"type": "text", "text": message["content"]}]
        elif (delta := choice.get("delta") or {}).get("role") and delta.get("content") == "":
            delta["content"] = [thinking]
        for holder in ("message", "delta"):
            for extra in ("refusal", "annotations"):
                (choice.get(holder) or {}).pop(extra, None)
        choice.pop("logprobs", None)
    if usage := body.get("usage"):
        body["usage"] = {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    body.pop("service_tier", None)
    body.pop("system_fingerprint", None)


def _groq(body: dict[str, Any]) -> None:
    """Times in seconds beside the counts; at the end of a stream under `x_groq`."""
    if usage := body.get("usage"):
        usage |= {"queue_time": 0.05, "prompt_time": 0.002, "completion_time": 0.3, "total_time": 0.302}
        del usage["prompt_tokens_details"], usage["completion_tokens_details"]
        if body["object"] == "chat.completion.chunk":
            body["x_groq"] = {"id": "req_01", "usage": body.pop("usage")}
    body.setdefault("x_groq", {"id": "req_01"})


def _deepseek(body: dict[str, Any]) -> None:
    """Reasoning beside the content; cached input as hits and misses."""
    for choice in body.get("choices", []):
        if (message := choice.get("message")) is not None:
            message["reasoning_content"] = "The user wants an answer."
        elif choice.get("delta", {}).get("role"):
            choice["delta"]["reasoning_content"] = "The user wants an answer."
    if usage := body.get("usage"):
        hit = usage["prompt_tokens"] // 2
        del usage["prompt_tokens_details"]
        usage |= {"prompt_cache_hit_tokens": hit, "prompt_cache_miss_tokens": usage["prompt_tokens"] - hit}
        usage["completion_tokens_details"] = {"reasoning_tokens": 7}
        usage["completion_tokens"] += 7


def _openrouter(body: dict[str, Any]) -> None:
    """The cost in dollars beside the counts, the provider that answered."""
    body["provider"] = "DeepInfra"
    if usage := body.get("usage"):
        usage |= {"cost": 0.00125, "is_byok": False}


def _perplexity(body: dict[str, Any]) -> None:
    """The cost by parts, and the pages found."""
    body["citations"] = ["https://example.com/a"]
    if usage := body.get("usage"):
        usage["cost"] = {
            "input_tokens_cost": 0.001,
            "output_tokens_cost": 0.002,
            "request_cost": 0.005,
            "total_cost": 0.008,
        }


_CHANGES = {
    "mistral": _mistral,
    "groq": _groq,
    "deepseek": _deepseek,
    "openrouter": _openrouter,
    "perplexity": _perplexity,
}
