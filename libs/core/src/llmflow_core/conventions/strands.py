"""Strands Agents: GenAI's message events, with content in the shape of Bedrock's Converse API."""

from __future__ import annotations

from typing import Any

from llmflow_core.conventions.chat import part_of, tool_call, tool_result, value_message
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import as_list, count, decoded, milliseconds_to_ns, text, texts
from llmflow_core.messages import Conversation, Message, Part
from llmflow_core.spans import JSON, ObservationType, Span

_SCOPE = "strands."
_SYSTEM = "strands-agents"
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE = "gen_ai.choice"


def _observation_type(span: Span) -> ObservationType | None:
    cycle = span.attributes.get("gen_ai.operation.name") == "execute_event_loop_cycle"
    return ObservationType.CHAIN if cycle else None


def _finish(span: Span) -> None:
    if not span.scope.startswith(_SCOPE):
        return
    attributes = span.attributes
    if span.provider == _SYSTEM:
        span.provider = None  # the framework is none; whom it asked follows from the model
    span.time_to_first_token_ns = milliseconds_to_ns(attributes.get("gen_ai.server.time_to_first_token"))
    span.tags = span.tags or texts(attributes.get("tags")) or []
    _add_cached_tokens(span, count(attributes.get("gen_ai.usage.total_tokens")))


def _add_cached_tokens(span: Span, total: int | None) -> None:
    """Add to the input what was read from or written to a cache, where the model's API counts it apart, as Anthropic's
    and Bedrock's do: then the total is the sum of all, or (in older releases) the input is less than what was cached.
    """
    cached = (span.cache_read_tokens or 0) + (span.cache_write_tokens or 0)
    if not cached or span.input_tokens is None:
        return
    apart = span.input_tokens + (span.output_tokens or 0) + cached
    if total == apart or cached > span.input_tokens:
        span.input_tokens += cached


def _conversation(span: Span) -> Conversation | None:
    if not span.scope.startswith(_SCOPE):
        return None
    conversation = Conversation()
    is_tool = span.observation_type == ObservationType.TOOL
    for name, event in span.content.items():
        if not name.startswith("event:"):
            continue
        attributes = event["attributes"]
        if event["name"] in _ROLES:
            content = attributes.get("content")
            message = value_message("input", content) if is_tool else _message(_ROLES[event["name"]], content)
            conversation.input.append(message)
        elif event["name"] == _CHOICE:
            conversation.output += _choice(attributes, is_tool)
    return conversation if conversation.input or conversation.output else None


def _choice(attributes: dict[str, JSON], is_tool: bool) -> list[Message]:
    said = attributes.get("message")
    if is_tool:
        return [value_message("output", part.text or part.value) for part in _parts(said)]
    message = _message("assistant", said)
    message.finish_reason = text(attributes.get("finish_reason"))
    results = attributes.get("tool.result")
    return [message, _message("tool", results)] if results is not None else [message]


def _message(role: str, content: JSON) -> Message:
    return Message(role=role, parts=_parts(content))


def _parts(content: JSON) -> list[Part]:
    return [_part(part) for part in as_list(decoded(content))]


def _part(part: JSON) -> Part:
    match part:
        case {"toolUse": {"name": name, **call}}:
            return tool_call(call.get("toolUseId"), name, call.get("input"))
        case {"toolResult": {"content": content, **result}}:
            return tool_result(result.get("toolUseId"), _result(content))
        case {"reasoningContent": {"reasoningText": {"text": str(thought)}}}:
            return Part(type="reasoning", text=thought)
        case _:
            return part_of(part)


def _result(content: JSON) -> JSON:
    """Each piece of a result is `{"text": ...}`, `{"json": ...}` or the like; a lone one is taken out."""
    pieces: list[Any] = as_list(content)
    if len(pieces) == 1 and isinstance(pieces[0], dict) and len(pieces[0]) == 1:
        return next(iter(pieces[0].values()))
    return content


CONVENTION = Convention(
    name="strands",
    marks=(_SCOPE,),
    content_events=frozenset({*_ROLES, _CHOICE}),
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
