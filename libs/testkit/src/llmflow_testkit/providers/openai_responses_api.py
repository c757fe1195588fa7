"""The fake OpenAI's responses: text, function calls, reasoning, built-in tools, structured output, in one piece or as
the events of a stream."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from llmflow_testkit.providers.openai_wire import SERVER_ERROR, events, missing, ok, snapshot
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

REASONING = "**Thinking it over** The user wants an answer."
REFUSAL = "I'm sorry, but I can't help with that."
_REASONING_TOKENS = 64
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 16).decode()


def respond(request: dict[str, Any], options: Options) -> Reply:
    """Answer POST /v1/responses."""
    if "input" not in request and "prompt" not in request:
        return missing("input")
    said = _answer(request, options)
    response = _response(request, _output(request, said, options), said, options)
    return events(list(_events(response, said, options))) if request.get("stream") else ok(response)


def _answer(request: dict[str, Any], options: Options) -> Answer:
    items = request.get("input") or ""
    last: dict[str, Any] = items[-1] if isinstance(items, list) else {"content": items}
    functions = [tool for tool in request.get("tools") or [] if tool.get("type") == "function"]
    answered = last.get("type") == "function_call_output" or request.get("tool_choice") == "none"
    wanted = (request.get("text") or {}).get("format") or {}
    if functions and not answered:
        return answer("", functions[0], functions[0].get("parameters") or {}, options)
    if wanted.get("type") == "json_schema":
        return structured_answer(wanted["schema"])
    content = last.get("content") or last.get("output") or ""
    if isinstance(content, list):
        content = " ".join(part.get("text", "") for part in content)
    return answer(content, None, {}, options)


def _output(request: dict[str, Any], said: Answer, options: Options) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    reasoning = request.get("reasoning") or {}
    if reasoning.get("effort"):
        summary = [{"type": "summary_text", "text": REASONING}] if reasoning.get("summary") else []
        items.append({"id": identity("rs_"), "type": "reasoning", "summary": summary})
    items += [_built_in(tool) for tool in request.get("tools") or [] if tool["type"] in _BUILT_IN]
    if said.tool:
        call = {"id": identity("fc_"), "type": "function_call", "status": "completed"}
        call |= {"arguments": json.dumps(said.arguments), "call_id": identity("call_"), "name": said.tool}
        return [*items, call]
    content: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
    if options.refuse:
        content = {"type": "refusal", "refusal": REFUSAL}
    message = {"id": identity("msg_"), "type": "message", "status": "completed", "role": "assistant"}
    return [*items, {**message, "content": [content]}]


_BUILT_IN: dict[str, tuple[str, dict[str, Any]]] = {
    "web_search": ("ws_", {"type": "web_search_call", "action": {"type": "search", "query": "why"}}),
    "code_interpreter": (
        "ci_",
        {
            "type": "code_interpreter_call",
            "code": "print(6 * 7)",
            "container_id": "cntr_1",
            "outputs": [{"type": "logs", "logs": "42\n"}],
        },
    ),
    "image_generation": (
        "ig_",
        {"type": "image_generation_call", "output_format": "png", "size": "1024x1024", "result": PICTURE},
    ),
    "mcp": (
        "mcp_",
        {"type": "mcp_call", "name": "roll", "arguments": '{"dice": 2}', "server_label": "dice", "output": "7"},
    ),
}


def _built_in(tool: dict[str, Any]) -> dict[str, Any]:
    prefix, item = _BUILT_IN[tool["type"]]
    return {"id": identity(prefix), "status": "completed", **item}


def _response(request: dict[str, Any], output: list[dict[str, Any]], said: Answer, options: Options) -> dict[str, Any]:
    spent = tokens("".join(said.pieces))
    reasoned = _REASONING_TOKENS if (request.get("reasoning") or {}).get("effort") else 0
    limit: int | None = request.get("max_output_tokens")
    spent += reasoned
    cut = limit is not None and spent > limit
    status = "failed" if options.fail else "incomplete" if cut else "completed"
    asked = tokens(json.dumps([request.get("instructions"), request.get("input"), request.get("tools")]))
    spent = spent if limit is None else min(spent, limit)
    conversation = request.get("conversation")
    return {
        "id": identity("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "background": False,
        "error": {"code": "server_error", "message": SERVER_ERROR} if options.fail else None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": request.get("instructions"),
        "max_output_tokens": limit,
        "model": snapshot(request.get("model", "gpt-4o")),
        "output": [] if options.fail else output,
        "parallel_tool_calls": True,
        "previous_response_id": request.get("previous_response_id"),
        "conversation": {"id": conversation} if isinstance(conversation, str) else conversation,
        "reasoning": {"effort": None, "summary": None, **(request.get("reasoning") or {})},
        "service_tier": "default",
        "store": True,
        "temperature": request.get("temperature", 1.0),
        "text": request.get("text") or {"format": {"type": "text"}},
        "tool_choice": request.get("tool_choice") or "auto",
        "tools": request.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None if options.fail else {
            "input_tokens": asked,
            "input_tokens_details": {"cached_tokens": asked // 1024 * 1024, "cache_write_tokens": 0},
            "output_tokens": spent,
            "output_tokens_details": {"reasoning_tokens": reasoned},
            "total_tokens": asked + spent,
        },
        "user": request.get("user"),
        "metadata": request.get("metadata") or {},
    }  # fmt: skip


def _events(response: dict[str, Any], said: Answer, options: Options) -> Iterator[bytes]:
    numbers = count()

    def named(kind: str, **members: Any) -> bytes:
        return event({"type": kind, "sequence_number": next(numbers), **members}, kind)

    begun = {**response, "status": "in_progress", "output": [], "usage": None, "error": None}
    begun["incomplete_details"] = None
    yield named("response.created", response=begun)
    yield named("response.in_progress", response=begun)
    if options.stream_error:
        yield named("error", code="server_error", message=SERVER_ERROR, param=None)
        failed = {"code": "server_error", "message": SERVER_ERROR}
        yield named("response.failed", response={**begun, "status": "failed", "error": failed})
        return
    for index, item in enumerate(response["output"]):
        for kind, members in _item_events(item, said):
            yield named(kind, output_index=index, **members)
    yield named(f"response.{response['status']}", response=response)


_Event = tuple[str, dict[str, Any]]


def _item_events(item: dict[str, Any], said: Answer) -> Iterator[_Event]:
    """What happens between the announcement of an item and its end."""
    identifier = {"item_id": item["id"]}
    match item["type"]:
        case "message":
            yield "response.output_item.added", {"item": {**item, "status": "in_progress", "content": []}}
            yield from _content_events(item["content"][0], {**identifier, "content_index": 0}, said)
        case "function_call":
            yield "response.output_item.added", {"item": {**item, "status": "in_progress", "arguments": ""}}
            for piece in said.pieces:
                yield "response.function_call_arguments.delta", {**identifier, "delta": piece}
            yield "response.function_call_arguments.done", {**identifier, "arguments": item["arguments"]}
        case "reasoning":
            yield "response.output_item.added", {"item": {**item, "summary": []}}
            for part in item["summary"]:
                place = {**identifier, "summary_index": 0}
                yield "response.reasoning_summary_part.added", {**place, "part": {**part, "text": ""}}
                for word in part["text"].split(" "):
                    yield "response.reasoning_summary_text.delta", {**place, "delta": f"{word} "}
                yield "response.reasoning_summary_text.done", {**place, "text": part["text"]}
                yield "response.reasoning_summary_part.done", {**place, "part": part}
        case kind:
            yield "response.output_item.added", {"item": {**item, "status": "in_progress"}}
            yield f"response.{kind}.in_progress", identifier
            yield f"response.{kind}.completed", identifier
    yield "response.output_item.done", {"item": item}


def _content_events(part: dict[str, Any], place: dict[str, Any], said: Answer) -> Iterator[_Event]:
    member = "refusal" if part["type"] == "refusal" else "text"
    name = "response.refusal" if member == "refusal" else "response.output_text"
    more: dict[str, Any] = {} if member == "refusal" else {"logprobs": []}
    yield "response.content_part.added", {**place, "part": {**part, member: ""}}
    for piece in [part["refusal"]] if member == "refusal" else said.pieces:
        yield f"{name}.delta", {**place, "delta": piece, **more}
    yield f"{name}.done", {**place, member: part[member], **more}
    yield "response.content_part.done", {**place, "part": part}
