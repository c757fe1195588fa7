"""Whole requests and answers of model APIs, as instrumentations record them in one attribute each.

Understood are the bodies of the OpenAI (chat and responses), Anthropic and Gemini APIs, LangChain's serialized messages
and results, and lists of messages in any of the shapes that `chat` reads.
"""

from __future__ import annotations

from typing import Any

from llmflow_core.conventions.chat import messages_of, parts_of, value_message
from llmflow_core.conventions.values import as_list, decoded, mapping, text
from llmflow_core.messages import Conversation, Message
from llmflow_core.spans import JSON, ObservationType, Span

_MESSAGES = ("messages", "input", "contents", "prompt")
_SYSTEM = ("system", "instructions", "system_instruction", "systemInstruction")
_LANGCHAIN_TYPES = frozenset({"human", "ai", "system", "tool", "function", "AIMessageChunk"})


def exchange(span: Span, given: JSON, returned: JSON) -> Conversation:
    """What a span was given and what it returned. A generation's are read as messages, whatever they are; those of
    other spans where they look like messages, and shown as they are otherwise. None is nothing."""
    conversation = Conversation()
    if span.observation_type in (ObservationType.GENERATION, ObservationType.EMBEDDING):
        if given is not None:
            conversation = asked(given)
        if returned is not None and span.observation_type == ObservationType.GENERATION:
            conversation.output = answered(returned)
            return conversation
    elif given is not None:
        conversation.input = _shown(given, "input")
    found = decoded(returned)
    if found is not None and not _has_vectors(found):
        conversation.output = _shown(found, "output")
    return conversation


def asked(value: JSON) -> Conversation:
    """The messages and tools of a request: of its whole body, of its messages alone, or of a text."""
    value = decoded(value)
    if not isinstance(value, dict) or _is_message(value):
        return Conversation(input=_messages(value, "user"))
    name = next((name for name in _MESSAGES if name in value), None)
    if name is None:
        return Conversation(input=[value_message("user", value)])
    config = mapping(value.get("config")) or {}
    tools = as_list(value.get("tools")) or as_list(config.get("tools"))
    conversation = Conversation(input=_messages(value[name], "user"), tools=tools)
    system = next((found for name in _SYSTEM if (found := value.get(name) or config.get(name))), None)
    if system:
        parts = system.get("parts") if isinstance(system, dict) and "parts" in system else system
        conversation.input.insert(0, Message(role="system", parts=parts_of(parts)))
    return conversation


def answered(value: JSON) -> list[Message]:
    """The messages of an answer: of its whole body, of its messages alone, or of a text."""
    value = decoded(value)
    if not isinstance(value, dict):
        return _messages(value, "assistant")
    for name in ("choices", "candidates"):
        if isinstance(value.get(name), list):
            return [message for choice in value[name] for message in _choice(choice)]
    if isinstance(value.get("generations"), list):
        return [message for generation in _flat(value["generations"]) for message in _choice(generation)]
    if _is_message(value):
        return [_with_reason(message, value.get("stop_reason")) for message in _messages(value, "assistant")]
    for name in ("output", "messages", "message"):
        if name in value:
            return _messages(value[name], "assistant")
    return [value_message("assistant", value)]


def _choice(choice: JSON) -> list[Message]:
    """One of the answers of OpenAI, Gemini or LangChain, with the reason for its end."""
    if not isinstance(choice, dict):
        return _messages(choice, "assistant")
    said = next((choice[name] for name in ("message", "content", "text") if choice.get(name) is not None), None)
    info = choice.get("generation_info")
    reason = choice.get("finish_reason", choice.get("finishReason"))
    if reason is None and isinstance(info, dict):
        reason = info.get("finish_reason")
    return [_with_reason(message, reason) for message in _messages(said, "assistant")]


def _with_reason(message: Message, reason: JSON) -> Message:
    message.finish_reason = message.finish_reason or text(reason)
    return message


def _has_vectors(value: JSON) -> bool:
    """Whether this is OpenAI's answer with embeddings, which are no conversation."""
    data = value.get("data") if isinstance(value, dict) else None
    return isinstance(data, list) and any(isinstance(item, dict) and "embedding" in item for item in data)


def _shown(value: JSON, role: str) -> list[Message]:
    """Messages where `value` holds nothing else, else a message of `role` with the value."""
    found = decoded(value)
    if isinstance(found, dict) and set(found) == {"messages"}:
        found = found["messages"]
    items = as_list(found)
    if items and all(_is_message(item) for item in items):
        return _messages(items, role)
    return [value_message(role, value)]


def _messages(value: JSON, default_role: str) -> list[Message]:
    return messages_of([_plain(item) for item in _flat(as_list(decoded(value)))], default_role)


def _flat(items: list[Any]) -> list[Any]:
    """LangChain's batches hold a list for each call."""
    return [inner for item in items for inner in (item if isinstance(item, list) else [item])]


def _is_message(value: JSON) -> bool:
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("role"), str):
        return not {"content", "parts", "tool_calls"}.isdisjoint(value)
    return _langchain(value) is not None


def _plain(message: JSON) -> JSON:
    """A message of LangChain's in the shape of OpenAI's; any other as it is."""
    found = _langchain(message) if isinstance(message, dict) and "role" not in message else None
    return found or message


def _langchain(value: dict[str, Any]) -> dict[str, Any] | None:
    serialized = "lc" in value
    inner = value.get("kwargs") if serialized else value.get("data", value)
    if not isinstance(inner, dict) or "content" not in inner:
        return None
    kind = inner.get("type") if serialized else value.get("type")
    if not isinstance(kind, str) or kind not in _LANGCHAIN_TYPES:
        return None
    return {**inner, "role": "assistant" if kind == "AIMessageChunk" else kind}
