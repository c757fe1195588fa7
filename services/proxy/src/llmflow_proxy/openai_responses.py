"""OpenAI's responses (POST /v1/responses)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.media import blob, by_reference, media
from llmflow_proxy.openai_compatible import read_caller
from llmflow_proxy.openai_media import read_media_usage
from llmflow_proxy.secrets import REDACTED
from llmflow_proxy.shape import Apart, Reading, Shape, dicts, index_of, mapping, parsed, unix_ns
from llmflow_proxy.stated_cost import stated_cost

_PARAMETERS = {
    "model": "gen_ai.request.model",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "service_tier": "openai.request.service_tier",
    "tool_choice": "llmflow.request.tool_choice",
    "previous_response_id": "llmflow.request.previous_response_id",
    "background": "llmflow.request.background",
    "truncation": "llmflow.request.truncation",
}
_OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}
#: Calls of a tool that the caller runs itself, and the member that holds what it is asked to do.
_CALLERS_TOOLS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "computer_call": "action",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
}
#: Of a call of a tool that OpenAI runs, what it came to.
_OUTCOMES = ("result", "results", "output", "outputs", "error")
_UNFINISHED = ("queued", "in_progress")


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, parameters, instructions, input items and tools of a request body."""
    attributes = reading.attributes
    attributes["openai.api.type"] = "responses"
    attributes.update({name: body.get(parameter) for parameter, name in _PARAMETERS.items()})
    attributes["gen_ai.request.reasoning.level"] = mapping(body.get("reasoning")).get("effort")
    attributes["gen_ai.request.stream"] = True if body.get("stream") else None
    output_format = mapping(mapping(body.get("text")).get("format"))
    attributes["gen_ai.output.type"] = _OUTPUT_TYPES.get(str(output_format.get("type")))
    attributes["gen_ai.conversation.id"] = _conversation(body)
    prompt = mapping(body.get("prompt"))
    attributes["gen_ai.prompt.name"] = prompt.get("id")
    attributes["gen_ai.prompt.version"] = prompt.get("version")
    if isinstance(instructions := body.get("instructions"), str) and instructions:
        reading.system = [{"type": "text", "content": by_reference(instructions)}]
    if variables := mapping(prompt.get("variables")):
        parts = [{"type": "prompt_variables", "variables": by_reference(dict(variables))}]
        reading.input.append({"role": "user", "parts": parts})
    if isinstance(text := body.get("input"), str):
        reading.input.append({"role": "user", "parts": [{"type": "text", "content": by_reference(text)}]})
    else:
        reading.input += [_message(item) for item in dicts(text)]
    reading.tools = [_tool(tool) for tool in dicts(body.get("tools"))]
    read_caller(body, reading)


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """Answer, usage, status and ids of a response body. All output items are parts of one message."""
    read_background(body, reading)
    _read_answer(body, reading)
    if reading.apart:
        _read_usage({}, reading.attributes)
    else:
        reading.apart = _pictures(body, reading.user)


def read_background(body: dict[str, Any], reading: Reading) -> None:
    """Set a response apart that is made in the background: whoever asks for it, and however often, it is one call."""
    identity, began = body.get("id"), unix_ns(body.get("created_at"))
    if body.get("background") is not True or not isinstance(identity, str) or began is None:
        return
    apart = Apart(identity, began, unix_ns(body.get("completed_at")))
    reading.apart = [apart]
    if body.get("usage") and body.get("status") not in _UNFINISHED:
        apart.reading = Reading()
        # A response repeats all of its request but the input.
        read_request(body, apart.reading)
        _read_answer(body, apart.reading)
        for beside in _pictures(body, apart.reading.user):
            beside.identity = f"{identity}/{beside.identity}"
            beside.start_ns, beside.end_ns = apart.start_ns, apart.end_ns
            reading.apart.append(beside)


def _read_answer(body: dict[str, Any], reading: Reading) -> None:
    attributes = reading.attributes
    status = body.get("status")
    reason = mapping(body.get("incomplete_details")).get("reason") or status
    reason = None if status in _UNFINISHED else reason
    attributes["gen_ai.response.id"] = body.get("id")
    attributes["gen_ai.response.model"] = body.get("model")
    attributes["gen_ai.response.finish_reasons"] = [reason] if reason else None
    attributes["llmflow.response.status"] = status
    attributes["openai.response.service_tier"] = body.get("service_tier")
    attributes["gen_ai.conversation.id"] = _conversation(body) or attributes.get("gen_ai.conversation.id")
    if parts := [part for item in dicts(body.get("output")) for part in _parts_of(item)]:
        reading.output.append({"role": "assistant", "parts": parts, "finish_reason": reason})
    _read_usage(body, attributes)


def _read_usage(body: Mapping[str, Any], attributes: dict[str, JSON]) -> None:
    """What the model took, and how often it searched."""
    usage = mapping(body.get("usage"))
    asked = mapping(usage.get("input_tokens_details"))
    attributes["gen_ai.usage.input_tokens"] = usage.get("input_tokens")
    attributes["gen_ai.usage.output_tokens"] = usage.get("output_tokens")
    attributes["gen_ai.usage.cache_read.input_tokens"] = asked.get("cached_tokens")
    attributes["gen_ai.usage.cache_write.input_tokens"] = asked.get("cache_write_tokens")
    said = mapping(usage.get("output_tokens_details"))
    attributes["gen_ai.usage.reasoning.output_tokens"] = said.get("reasoning_tokens")
    attributes["gen_ai.usage.cost"] = stated_cost(usage)
    called = [item for item in dicts(body.get("output")) if item.get("status") in (None, "completed")]
    searched = [item for item in called if item.get("type") == "web_search_call"]
    charged = [item for item in searched if mapping(item.get("action")).get("type", "search") == "search"]
    # OpenAI knows best which searches it charges for; others that speak this API say nothing of it.
    stated = mapping(mapping(body.get("tool_usage")).get("web_search")).get("num_requests")
    attributes["llmflow.usage.web_search.requests"] = (len(charged) if stated is None else stated) or None
    files = sum(item.get("type") == "file_search_call" for item in called)
    attributes["llmflow.usage.file_search.requests"] = files or None


def _pictures(body: Mapping[str, Any], user: str | None) -> list[Apart]:
    """The model that drew the pictures of an answer: billed at its own prices, and counted by no total. Of several such
    tools nobody says which was used."""
    usage = mapping(mapping(body.get("tool_usage")).get("image_gen"))
    if not usage.get("total_tokens"):
        return []
    models = {
        str(tool.get("model") or "") for tool in dicts(body.get("tools")) if tool.get("type") == "image_generation"
    }
    reading = Reading(user=user)
    reading.attributes["gen_ai.operation.name"] = "generate_content"
    reading.attributes["gen_ai.request.model"] = (models.pop() or None) if len(models) == 1 else None
    reading.attributes["gen_ai.response.id"] = body.get("id")
    read_media_usage(usage, reading.attributes)
    return [Apart("image_generation", reading=reading)]


def _conversation(body: Mapping[str, Any]) -> JSON:
    conversation = body.get("conversation")
    return conversation if isinstance(conversation, str) else mapping(conversation).get("id")


def _message(item: dict[str, Any]) -> dict[str, JSON]:
    kind = str(item.get("type", "message"))
    role = item.get("role") if kind == "message" else "tool" if kind.endswith("_output") else "assistant"
    return {"role": str(role), "parts": _parts_of(item)}


def _parts_of(item: dict[str, Any]) -> list[JSON]:
    kind = str(item.get("type", "message"))
    if kind == "message":
        return _content(item.get("content"))
    if kind == "reasoning":
        thoughts = [*dicts(item.get("summary")), *dicts(item.get("content"))]
        return [{"type": "reasoning", "content": by_reference(thought.get("text"))} for thought in thoughts]
    if kind in _CALLERS_TOOLS:
        asked = parsed(item.get(_CALLERS_TOOLS[kind])) if kind == "function_call" else item.get(_CALLERS_TOOLS[kind])
        name = item.get("name") or kind.removesuffix("_call")
        return [{"type": "tool_call", "id": item.get("call_id"), "name": name, "arguments": by_reference(asked)}]
    if kind.endswith("_output") and "call_id" in item:
        output = item.get("output")
        response = _content(output) if isinstance(output, list) else by_reference(output)
        return [{"type": "tool_call_response", "id": item["call_id"], "response": response}]
    if kind.endswith("_call"):
        return _server_tool(kind, item)
    return [by_reference(item)]


def _server_tool(kind: str, item: dict[str, Any]) -> list[JSON]:
    """A built-in tool's call and, where the item holds it, its outcome."""
    identity = item.get("id")
    name = item.get("name") or kind.removesuffix("_call")
    asked = {member: value for member, value in item.items() if member not in ("id", "type", *_OUTCOMES)}
    if isinstance(arguments := asked.get("arguments"), str):
        asked["arguments"] = parsed(arguments)
    call = {"type": name, **by_reference(asked)}
    parts: list[JSON] = [{"type": "server_tool_call", "id": identity, "name": name, "server_tool_call": call}]
    if kind == "image_generation_call" and isinstance(item.get("result"), str):
        return [*parts, blob("image", f"image/{item.get('output_format') or 'png'}", item["result"])]
    if outcome := {member: by_reference(item[member]) for member in _OUTCOMES if item.get(member) is not None}:
        response = {"type": name, **outcome}
        parts.append({"type": "server_tool_call_response", "id": identity, "server_tool_call_response": response})
    return parts


def _content(content: JSON) -> list[JSON]:
    if isinstance(content, str):
        return [{"type": "text", "content": by_reference(content)}] if content else []
    return [_part(part) for part in dicts(content)]


def _part(part: dict[str, Any]) -> JSON:
    match part.get("type"):
        case "input_text" | "output_text" | "text" | "summary_text":
            shaped = {"type": "text", "content": by_reference(part.get("text"))}
            return {**shaped, "annotations": by_reference(part["annotations"])} if part.get("annotations") else shaped
        case "reasoning_text":
            return {"type": "reasoning", "content": by_reference(part.get("text"))}
        case "refusal":
            return {"type": "refusal", "content": part.get("refusal")}
        case "input_image" | "computer_screenshot":
            return _media("image", part, part.get("image_url"))
        case "input_audio":
            audio = mapping(part.get("input_audio"))
            return blob("audio", f"audio/{audio.get('format')}", str(audio.get("data", "")))
        case "input_file":
            return _media("document", part, part.get("file_data") or part.get("file_url"))
        case _:
            return by_reference(part)


def _media(modality: str, part: dict[str, Any], content: JSON) -> JSON:
    name = {"name": part["filename"]} if part.get("filename") else {}
    if not isinstance(content, str):
        return {"type": "file", "modality": modality, "file_id": part.get("file_id"), **name}
    is_url = content.startswith(("data:", "http:", "https:"))
    return {**(media(modality, content) if is_url else blob(modality, None, content)), **name}


def _tool(tool: dict[str, Any]) -> JSON:
    """A tool as it came; what lets OpenAI into an MCP server is not kept."""
    kept = dict(tool)
    if "authorization" in kept:
        kept["authorization"] = REDACTED
    if headers := mapping(kept.get("headers")):
        kept["headers"] = dict.fromkeys(headers, REDACTED)
    return by_reference(kept)


#: The member of an item, or of a part in its list `content` or `summary`, that the pieces of each delta make up.
_DELTAS = {
    "response.output_text.delta": ("content", "content_index", "output_text", "text"),
    "response.refusal.delta": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_text.delta": ("content", "content_index", "reasoning_text", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index", "summary_text", "text"),
    "response.function_call_arguments.delta": ("", "", "function_call", "arguments"),
    "response.mcp_call_arguments.delta": ("", "", "mcp_call", "arguments"),
    "response.custom_tool_call_input.delta": ("", "", "custom_tool_call", "input"),
    "response.code_interpreter_call_code.delta": ("", "", "code_interpreter_call", "code"),
}
_STATES = frozenset(f"response.{state}" for state in (*_UNFINISHED, "created", "completed", "incomplete", "failed"))
_Pieces = dict[tuple[str, str, int, str], list[str]]


def reassemble(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The response that the events of a stream add up to: what the last event about all of it says, with the output of
    the events in between where that one has none, as in a stream that ended early."""
    body: dict[str, Any] = {}
    items: dict[int, dict[str, Any]] = {}
    pieces: dict[int, _Pieces] = {}
    error: JSON = None
    for event in events:
        kind = str(event.get("type"))
        index = index_of(event, "output_index")
        if kind in _STATES:
            body = dict(mapping(event.get("response")))
        elif kind in ("response.output_item.added", "response.output_item.done"):
            items[index] = dict(mapping(event.get("item")))
            pieces.pop(index, None)
        elif kind in _DELTAS:
            within, counter, part, member = _DELTAS[kind]
            key = (within, part, index_of(event, counter), member)
            pieces.setdefault(index, {}).setdefault(key, []).append(str(event.get("delta", "")))
        elif kind == "error":
            error = mapping(event.get("error")) or {name: event.get(name) for name in ("code", "message", "param")}
    if not body.get("output") and (items or pieces):
        indexes = sorted({*items, *pieces})
        body["output"] = [_item(items.get(index), pieces.get(index, {})) for index in indexes]
    if error:
        body["error"] = error
    return body


def _item(item: dict[str, Any] | None, pieces: _Pieces) -> dict[str, Any]:
    """An item with the pieces that came after it was announced."""
    made = dict(item or {})
    parts: dict[str, list[JSON]] = {}
    for (within, part, _, member), texts in sorted(pieces.items(), key=lambda entry: entry[0][:3]):
        if within:
            made.setdefault("type", "message" if part in ("output_text", "refusal") else "reasoning")
            parts.setdefault(within, []).append({"type": part, member: "".join(texts)})
        else:
            made.setdefault("type", part)
            made[member] = "".join(texts)
    return made | parts


SHAPE = Shape("chat", read_request, read_response, reassemble)
