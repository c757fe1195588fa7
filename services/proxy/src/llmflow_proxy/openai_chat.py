"""OpenAI's chat completions (POST /v1/chat/completions), which many other providers speak as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.media import blob, by_reference, media
from llmflow_proxy.openai_compatible import flattened, read_caller, read_extras, thinking_of, usage_of
from llmflow_proxy.shape import Reading, Shape, dicts, index_of, mapping, parsed
from llmflow_proxy.stated_cost import stated_cost

_PARAMETERS = {
    "model": "gen_ai.request.model",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "reasoning_effort": "gen_ai.request.reasoning.level",
    "service_tier": "openai.request.service_tier",
}
#: Members of a stream's chunks that are not pieces; the last of each counts.
_ONCE = frozenset(
    ("id", "model", "service_tier", "system_fingerprint", "usage", "error", "x_groq", "provider", "citations")
)
#: How many events of a stream are held at a time.
_BATCH = 1024
#: Where items go whose index another one takes: they came first.
_BEFORE_ALL = 1 << 32
#: Members of a delta that come whole.
_WHOLE = frozenset(("role", "id", "type", "name"))
_OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}


def read_request(body: dict[str, Any], reading: Reading) -> None:
    """Model, parameters, messages and tools of a request body."""
    attributes = reading.attributes
    attributes["openai.api.type"] = "chat_completions"
    attributes.update({name: body.get(parameter) for parameter, name in _PARAMETERS.items()})
    attributes["gen_ai.request.max_tokens"] = body.get("max_completion_tokens") or body.get("max_tokens")
    attributes["gen_ai.request.stream"] = True if body.get("stream") else None
    stop = body.get("stop")
    attributes["gen_ai.request.stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if body.get("n") not in (None, 1):
        attributes["gen_ai.request.choice.count"] = body["n"]
    attributes["gen_ai.output.type"] = _OUTPUT_TYPES.get(str(mapping(body.get("response_format")).get("type")))
    if (tool_choice := body.get("tool_choice")) is not None:
        attributes["llmflow.request.tool_choice"] = tool_choice
    reading.input = [_message(message) for message in dicts(body.get("messages"))]
    reading.tools = [_tool(tool) for tool in dicts(body.get("tools"))]
    reading.tools += [{"type": "function", **function} for function in dicts(body.get("functions"))]
    read_caller(body, reading)


def read_response(body: dict[str, Any], reading: Reading) -> None:
    """Answer, usage and ids of a response body."""
    attributes = reading.attributes
    attributes["gen_ai.response.id"] = body.get("id")
    attributes["gen_ai.response.model"] = body.get("model")
    attributes["openai.response.service_tier"] = body.get("service_tier")
    attributes["openai.response.system_fingerprint"] = body.get("system_fingerprint")
    choices = dicts(body.get("choices"))
    reasons = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    attributes["gen_ai.response.finish_reasons"] = reasons or None
    for choice in choices:
        message = _message({"role": "assistant", **mapping(choice.get("message"))})
        reading.output.append({**message, "finish_reason": choice.get("finish_reason")})
    read_usage(usage_of(body), attributes)
    read_extras(body, attributes)


def read_usage(usage: Mapping[str, Any], attributes: dict[str, JSON]) -> None:
    """Token counts of a `usage` object, of which the cached and the reasoning tokens are parts of the sums, and what
    the call cost where it says so."""
    asked = mapping(usage.get("prompt_tokens_details"))
    said = mapping(usage.get("completion_tokens_details"))
    written, thought = _written(usage)
    attributes["gen_ai.usage.input_tokens"] = usage.get("prompt_tokens")
    attributes["gen_ai.usage.output_tokens"] = written
    attributes["gen_ai.usage.cache_read.input_tokens"] = asked.get("cached_tokens")
    attributes["gen_ai.usage.cache_write.input_tokens"] = asked.get("cache_write_tokens")
    attributes["gen_ai.usage.reasoning.output_tokens"] = thought
    attributes["gen_ai.usage.audio.input_tokens"] = asked.get("audio_tokens") or None
    attributes["gen_ai.usage.image.input_tokens"] = asked.get("image_tokens") or None
    attributes["gen_ai.usage.audio.output_tokens"] = said.get("audio_tokens") or None
    attributes["llmflow.usage.audio.input_seconds"] = usage.get("prompt_audio_seconds") or None
    attributes["gen_ai.usage.cost"] = stated_cost(usage)


def _written(usage: Mapping[str, Any]) -> tuple[JSON, JSON]:
    """The tokens that the model wrote, and those of its reasoning among them. xAI and Gemini count these apart, which
    only the total tells; so does Perplexity, whose total leaves them out."""
    asked, written, total = (usage.get(f"{name}_tokens") for name in ("prompt", "completion", "total"))
    thought = mapping(usage.get("completion_tokens_details")).get("reasoning_tokens", usage.get("reasoning_tokens"))
    if isinstance(asked, int) and isinstance(written, int) and isinstance(total, int):
        apart = total - asked - written
        if apart > 0 and thought in (None, apart):
            return written + apart, apart
    if isinstance(thought, int) and isinstance(written, int) and thought > written:
        return written + thought, thought
    return written, thought


def _message(message: dict[str, Any]) -> dict[str, JSON]:
    role = str(message.get("role"))
    content = message.get("content")
    if role in ("tool", "function"):
        response = content if isinstance(content, str) else [_part(part) for part in dicts(content)]
        identity = message.get("tool_call_id") or message.get("name")
        return _with_name(
            message, role, [{"type": "tool_call_response", "id": identity, "response": by_reference(response)}]
        )
    parts: list[JSON] = []
    if reasoning := message.get("reasoning_content") or message.get("reasoning"):
        parts.append({"type": "reasoning", "content": by_reference(reasoning)})
    if isinstance(content, str):
        if content:
            parts.append({"type": "text", "content": by_reference(content)})
    else:
        parts += [_part(part) for part in dicts(content)]
    if refusal := message.get("refusal"):
        parts.append({"type": "refusal", "content": refusal})
    if audio := mapping(message.get("audio")):
        parts += _audio(audio)
    parts += [_tool_call(call) for call in dicts(message.get("tool_calls"))]
    if function_call := mapping(message.get("function_call")):
        parts.append(_tool_call({"function": function_call}))
    return _with_name(message, role, parts)


def _with_name(message: dict[str, Any], role: str, parts: list[JSON]) -> dict[str, JSON]:
    shaped: dict[str, JSON] = {"role": role, "parts": parts}
    if name := message.get("name"):
        shaped["name"] = name
    return shaped


def _part(part: dict[str, Any]) -> JSON:
    match part.get("type"):
        case "thinking":
            return {"type": "reasoning", "content": thinking_of(part)}
        case "text":
            return {"type": "text", "content": by_reference(part.get("text"))}
        case "refusal":
            return {"type": "refusal", "content": part.get("refusal")}
        case "image_url":
            return media("image", str(mapping(part.get("image_url")).get("url", "")))
        case "input_audio":
            audio = mapping(part.get("input_audio"))
            return blob("audio", f"audio/{audio.get('format')}", str(audio.get("data", "")))
        case "file":
            return _file(mapping(part.get("file")))
        case _:
            return by_reference(part)


def _file(file: Mapping[str, Any]) -> JSON:
    if isinstance(data := file.get("file_data"), str):
        return {**media("document", data), "name": file.get("filename")}
    return {"type": "file", "modality": "document", "file_id": file.get("file_id"), "name": file.get("filename")}


def _audio(audio: Mapping[str, Any]) -> list[JSON]:
    """Spoken output: what was said as text, and the sound by reference."""
    parts: list[JSON] = []
    if transcript := audio.get("transcript"):
        parts.append({"type": "text", "content": transcript})
    if isinstance(data := audio.get("data"), str):
        parts.append(blob("audio", None, data))
    elif identity := audio.get("id"):
        parts.append({"type": "file", "modality": "audio", "file_id": identity})
    return parts


def _tool_call(call: dict[str, Any]) -> JSON:
    function = mapping(call.get("function")) or mapping(call.get("custom"))
    arguments = parsed(function.get("arguments")) if "arguments" in function else function.get("input")
    return {
        "type": "tool_call",
        "id": call.get("id"),
        "name": function.get("name"),
        "arguments": by_reference(arguments),
    }


def _tool(tool: dict[str, Any]) -> JSON:
    kind = str(tool.get("type", "function"))
    return {"type": kind, **inner} if (inner := mapping(tool.get(kind))) else tool


def reassemble(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The chat completion that the chunks of a stream add up to."""
    body: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    remaining = iter(events)
    while batch := list(islice(remaining, _BATCH)):
        body.update(_said_last(batch))
        for event in batch:
            for delta in dicts(event.get("choices")):
                index = index_of(delta)
                if (choice := choices.get(index)) is None:
                    choice = choices[index] = {"message": {"role": "assistant"}}
                if piece := mapping(delta.get("delta")):
                    _extend(choice["message"], flattened(piece))
                if reason := delta.get("finish_reason"):
                    choice["finish_reason"] = reason
                if (usage := mapping(delta.get("usage"))) and not body.get("usage"):
                    body["usage"] = usage  # Moonshot's place for it
    body["choices"] = [_finished(choices[index]) for index in sorted(choices)]
    return body


def _said_last(events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The last value of each of `_ONCE`. From the end, for nearly all are in the last events."""
    found: dict[str, Any] = {}
    names = set[str]().union(*events)
    if "message" in names:
        # vLLM's older versions send the error as the event itself.
        found.update(("error", event) for event in events if event.get("object") == "error")
    for name in _ONCE.intersection(names):
        for event in reversed(events):
            if (value := event.get(name)) is not None:
                found[name] = value
                break
    return found


def _extend(target: dict[Any, Any], delta: Mapping[str, Any]) -> None:
    """Merge a delta: text grows, lists merge by the `index` of their items, objects member by member."""
    for name, value in delta.items():
        if isinstance(value, str):
            if name in _WHOLE:
                target[name] = value
            elif name in target:
                target[name].append(value)
            else:
                target[name] = [value]
        elif isinstance(value, dict):
            _extend(target.setdefault(name, {}), value)
        elif isinstance(value, list):
            items = target.setdefault(name, {})
            for position, item in enumerate(dicts(value)):
                index = index_of(item, otherwise=position)
                if _is_another(items.get(index), item):
                    items[len(items) - _BEFORE_ALL] = items.pop(index)
                _extend(items.setdefault(index, {}), item)
        elif value is not None and name != "index":
            target[name] = value


def _is_another(known: Mapping[Any, Any] | None, item: Mapping[str, Any]) -> bool:
    """Whether an item has the index of one that is known, but not its id: Gemini gives every call of a tool index 0."""
    return bool(known and known.get("id") and item.get("id") and known["id"] != item["id"])


def _finished(value: Any) -> Any:
    """Join the text pieces that `_extend` collected, and make its numbered items lists again."""
    if isinstance(value, list):
        return "".join(value)
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(key, int) for key in value):
        return [_finished(value[index]) for index in sorted(value)]
    return {name: _finished(item) for name, item in value.items()}


SHAPE = Shape("chat", read_request, read_response, reassemble)
