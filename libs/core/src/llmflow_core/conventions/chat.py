"""Chat messages, in any of the shapes in which instrumentations record them, as LLMFlow's.

Understood are the GenAI semantic conventions' schema (`parts`), and the messages of the OpenAI (chat and responses),
Anthropic, Gemini and Bedrock (Converse) APIs. A part of another shape becomes one of type `unknown` that holds it.
"""

from __future__ import annotations

from typing import Any

from llmflow_core.conventions.values import as_list, count, decoded, mapping, member, text
from llmflow_core.messages import Message, Part
from llmflow_core.spans import JSON

#: Names of what a call, or a result, holds.
_WRAPPERS = frozenset({"arguments", "input", "result", "content"})
_ROLES = {"model": "assistant", "ai": "assistant", "human": "user", "function": "tool"}


def messages_of(value: JSON, default_role: str) -> list[Message]:
    """The messages of a list, of one message, or of JSON text that holds either; `default_role` is for those without a
    role, and for values that are no messages."""
    return [_message(message, default_role) for message in as_list(decoded(value))]


def value_message(role: str, value: JSON) -> Message:
    """A message for a value that is none: text as text, all else (JSON text included) as JSON."""
    return Message(role=role, parts=[value_part(decoded(value))])


def value_part(value: JSON) -> Part:
    """A part for a value that is no message: text as text, all else as JSON."""
    return Part(type="text", text=value) if isinstance(value, str) else Part(type="json", value=value)


def parts_of(value: JSON) -> list[Part]:
    """The parts of a message's content: text, one part, or a list of either."""
    return [part_of(part) for part in as_list(value)]


def part_of(part: JSON) -> Part:
    """One part of a message."""
    if not isinstance(part, dict):
        return value_part(part)
    kind = part.get("type")
    read = _TYPED.get(kind, _untyped) if isinstance(kind, str) else _untyped
    return read(part) or Part(type="unknown", value=part)


def tool_call(identity: JSON, name: JSON, arguments: JSON) -> Part:
    """A call of a tool; arguments that are JSON text are parsed."""
    return Part(type="tool_call", id=text(identity), name=text(name), arguments=decoded(arguments))


def tool_result(identity: JSON, result: JSON) -> Part:
    """What a tool answered; JSON text is parsed, and the text of a lone text part taken out."""
    result = decoded(result)
    if isinstance(result, list) and len(result) == 1 and isinstance(result[0], dict):
        only = part_of(result[0])
        result = only.text if only.type == "text" else result
    return Part(type="tool_call_response", id=text(identity), result=result)


def _message(message: JSON, default_role: str) -> Message:
    if not isinstance(message, dict):
        return Message(role=default_role, parts=[value_part(message)])
    role = str(message.get("role") or default_role)
    role = default_role if role == "unknown" else _ROLES.get(role, role)
    kind = str(message.get("type"))
    if message and "role" not in message and (kind in _ITEMS or _MEMBERS.isdisjoint(message)):
        whose = "assistant" if kind.endswith("_call") else default_role
        return Message(role=_ITEMS.get(kind, whose), parts=[part_of(message)])
    content = message.get("parts", message.get("content"))
    calls = [_openai_call(call) for call in as_list(decoded(message.get("tool_calls")))]
    if isinstance(message.get("function_call"), dict):  # before there were tools
        calls.append(_openai_call(message["function_call"]))
    reasoning = text(message.get("reasoning_content")) or text(message.get("reasoning"))
    if role == "tool" and "tool_call_id" in message and "parts" not in message:
        parts = [tool_result(message["tool_call_id"], content)]
    else:
        parts = parts_of(content if content != "" or not calls else None)
    if reasoning:
        parts.insert(0, Part(type="reasoning", text=reasoning))
    if refusal := text(message.get("refusal")):
        parts.append(Part(type="refusal", text=refusal))
    if spoken_text := member("transcript", convert=text)(message.get("audio")):
        parts.append(Part(type="text", text=spoken_text))
    return Message(
        role=role,
        name=text(message.get("name")),
        finish_reason=text(message.get("finish_reason")),
        parts=parts + calls,
    )


#: Items of OpenAI's responses API that are messages of their own, and whose they are.
_ITEMS = {
    "custom_tool_call": "assistant",
    "custom_tool_call_output": "tool",
    "function_call": "assistant",
    "function_call_output": "tool",
    "reasoning": "assistant",
}
#: What has neither a role nor any of these is no message but a part of one.
_MEMBERS = frozenset(
    {"content", "parts", "tool_calls", "function_call", "reasoning_content", "reasoning", "refusal", "audio"}
)


def _openai_call(call: JSON) -> Part:
    if not isinstance(call, dict):
        return value_part(call)
    function = call.get("function", call.get("custom"))
    if not isinstance(function, dict):
        function = call
    arguments = function.get("arguments", function.get("args", function.get("input")))
    return tool_call(call.get("id"), function.get("name"), arguments)


def _text(part: dict[str, Any]) -> Part | None:
    said = part.get("text", part.get("content"))
    return Part(type="text", text=said) if isinstance(said, str) else None


def _refusal(part: dict[str, Any]) -> Part | None:
    said = part.get("refusal", part.get("content"))
    return Part(type="refusal", text=said) if isinstance(said, str) else None


def _reasoning(part: dict[str, Any]) -> Part | None:
    for name in ("content", "text", "thinking", "summary"):
        said = part.get(name)
        if isinstance(said, list):
            said = "\n".join(
                item["text"] for item in said if isinstance(item, dict) and isinstance(item.get("text"), str)
            )
        if isinstance(said, str) and said:
            return Part(type="reasoning", text=said)
    return None


def _call(part: dict[str, Any]) -> Part:
    arguments = part.get("arguments", part.get("input", part.get("args")))
    return tool_call(part.get("call_id", part.get("id")), part.get("name"), arguments)


def _result(part: dict[str, Any]) -> Part:
    identity = part.get("call_id", part.get("tool_use_id", part.get("id")))
    for name in ("response", "result", "output", "content"):
        if name in part:
            return tool_result(identity, part[name])
    return tool_result(identity, None)


def _server_call(part: dict[str, Any]) -> Part:
    """The GenAI conventions' call of a tool that the provider runs itself."""
    asked = mapping(part.get("server_tool_call")) or {}
    return tool_call(part.get("id"), part.get("name") or asked.get("type"), _told(asked))


def _server_result(part: dict[str, Any]) -> Part:
    return tool_result(part.get("id"), _told(mapping(part.get("server_tool_call_response")) or {}))


def _told(inner: dict[str, Any]) -> JSON:
    """What is in an object beside its type; where that is but the arguments or the result, these."""
    told = {name: value for name, value in inner.items() if name != "type"}
    return next(iter(told.values())) if len(told) == 1 and not _WRAPPERS.isdisjoint(told) else told


def _media(part: dict[str, Any]) -> Part:
    """The GenAI conventions' blob, uri and file parts."""
    uri = text(part.get("uri")) or text(part.get("file_id"))
    return _file(
        str(part.get("modality")),
        uri,
        text(part.get("mime_type")),
        part.get("content"),
        size=count(part.get("size")),
        digest=text(part.get("digest")),
    )


def _source(part: dict[str, Any]) -> Part | None:
    """Anthropic's images and documents, and OpenAI's images."""
    kind = str(part["type"]).removeprefix("input_").removesuffix("_url")
    address = part.get("image_url")
    if isinstance(address, dict):
        address = address.get("url")
    if isinstance(address, str):
        return Part(type="image", uri=address)
    source = part.get("source")
    if isinstance(source, dict):
        uri = text(source.get("url")) or text(source.get("file_id"))
        return _file(kind, uri, text(source.get("media_type")), source.get("data"))
    return None


def _openai_file(part: dict[str, Any]) -> Part | None:
    audio = part.get("input_audio")
    if isinstance(audio, dict):
        return _file("audio", None, f"audio/{audio.get('format')}", audio.get("data"))
    file = part.get("file")
    file = file if isinstance(file, dict) else part
    if uri := text(file.get("file_data")) or text(file.get("file_id")) or text(file.get("file_url")):
        return Part(type="file", name=text(file.get("filename")), uri=uri)
    return _media(part) if "modality" in part or "uri" in part else None


def _json(part: dict[str, Any]) -> Part | None:
    """A value that is no text, as LLMFlow writes it into the GenAI conventions' messages."""
    return Part(type="json", value=decoded(part["content"])) if "content" in part else None


def _untyped(part: dict[str, Any]) -> Part | None:
    """Gemini's and Bedrock's parts, which are told apart by their only key."""
    for name, value in part.items():
        if name == "text" and isinstance(value, str):
            return Part(type="reasoning" if part.get("thought") is True else "text", text=value)
        if not isinstance(value, dict):
            continue
        match name:
            case "function_call" | "functionCall":
                return tool_call(value.get("id"), value.get("name"), value.get("args"))
            case "function_response" | "functionResponse":
                return tool_result(value.get("id"), value.get("response"))
            case "toolUse":
                return tool_call(value.get("toolUseId"), value.get("name"), value.get("input"))
            case "toolResult":
                return tool_result(value.get("toolUseId"), value.get("content"))
            case "reasoningContent":
                return _reasoning(mapping(value.get("reasoningText")) or {})
            case "inline_data" | "inlineData" | "file_data" | "fileData":
                media_type = text(value.get("mime_type", value.get("mimeType")))
                uri = text(value.get("file_uri", value.get("fileUri")))
                return _file((media_type or "").partition("/")[0], uri, media_type, value.get("data"))
    return None


def _file(
    modality: str,
    uri: str | None,
    media_type: str | None,
    content: JSON,
    size: int | None = None,
    digest: str | None = None,
) -> Part:
    if uri is None and media_type and isinstance(content, str) and content:
        uri = f"data:{media_type};base64,{content}"
    return Part(
        type="image" if modality == "image" else "audio" if modality == "audio" else "file",
        uri=uri,
        media_type=media_type,
        size=size,
        digest=digest,
    )


_TYPED = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "reasoning": _reasoning,
    "thinking": _reasoning,
    "tool_call": _call,
    "function_call": _call,
    "tool_use": _call,
    "custom_tool_call": _call,
    "server_tool_use": _call,
    "server_tool_call": _server_call,
    "server_tool_call_response": _server_result,
    "tool_call_response": _result,
    "tool_result": _result,
    "function_call_output": _result,
    "custom_tool_call_output": _result,
    "blob": _media,
    "uri": _media,
    "file": _openai_file,
    "input_file": _openai_file,
    "input_audio": _openai_file,
    "image": _source,
    "image_url": _source,
    "input_image": _source,
    "document": _source,
    "json": _json,
}
