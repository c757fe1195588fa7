"""Older generations of OpenTelemetry's GenAI semantic conventions, in which content was not yet in attributes.

It came in the span events `gen_ai.user.message`, `gen_ai.choice` and their like, whose body is in their attributes or,
as JSON text, in `gen_ai.event.content`; before them in the events `gen_ai.content.prompt` and
`gen_ai.content.completion`, and the attributes `gen_ai.prompt` and `gen_ai.completion`; later in the event
`gen_ai.client.inference.operation.details`, which holds what are attributes of the span now. Log records of the same
names are another signal and are not joined to spans here.
Operations had no name at first: a span that names a model is a call of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmflow_core.conventions.chat import messages_of
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import as_list, decoded, mapping
from llmflow_core.messages import Conversation
from llmflow_core.spans import JSON, ObservationType, Span

_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE = "gen_ai.choice"
_DETAILS = "gen_ai.client.inference.operation.details"
_PROMPT, _COMPLETION = "gen_ai.prompt", "gen_ai.completion"
_EVENTS = frozenset({*_ROLES, _CHOICE, _DETAILS, "gen_ai.content.prompt", "gen_ai.content.completion"})


def details(span: Span) -> dict[str, JSON]:
    """The attributes of the span's `gen_ai.client.inference.operation.details`, which are content too. Where several of
    these events have the same one, their lists are joined."""
    found: dict[str, JSON] = {}
    for event in _events(span):
        for name, value in event["attributes"].items() if event.get("name") == _DETAILS else ():
            found[name] = [*as_list(decoded(found[name])), *as_list(decoded(value))] if name in found else value
    return found


def _observation_type(span: Span) -> ObservationType | None:
    attributes = span.attributes
    # Whoever names the provider in today's way names the operation as well, if it is one: counting tokens is none.
    newer = ("gen_ai.operation.name", "gen_ai.provider.name")
    if "gen_ai.request.model" in attributes and not any(name in attributes for name in newer):
        return ObservationType.GENERATION
    return None


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    conversation = Conversation(
        input=messages_of(content.get(_PROMPT), "user"), output=messages_of(content.get(_COMPLETION), "assistant")
    )
    for event in _events(span):
        name, attributes = event["name"], event["attributes"]
        if name in _ROLES:
            conversation.input += messages_of(_body(attributes, _ROLES[name]), _ROLES[name])
        elif name == _CHOICE:
            conversation.output += messages_of(_choice(_body(attributes, "assistant")), "assistant")
        else:
            conversation.input += messages_of(attributes.get(_PROMPT), "user")
            conversation.output += messages_of(attributes.get(_COMPLETION), "assistant")
    return conversation if conversation.input or conversation.output else None


def _events(span: Span) -> Iterator[dict[str, Any]]:
    """The events among the content, in order."""
    return (value for name, value in span.content.items() if name.startswith("event:"))


def _body(attributes: dict[str, JSON], role: str) -> dict[str, Any]:
    body = mapping(attributes.get("gen_ai.event.content"))
    if body is None:
        body = {name.removeprefix("gen_ai.event."): value for name, value in attributes.items()}
        body["content"] = _parts(body.get("content"))
    body = {"role": role, **body}
    if role == "tool" and "tool_call_id" not in body and "id" in body:
        body["tool_call_id"] = body["id"]
    return body


def _parts(value: JSON) -> JSON:
    """JSON text of parts as these; of anything else (what a tool answered, perhaps) as it is."""
    parts = decoded(value)
    return parts if isinstance(parts, list) and all(isinstance(part, dict) for part in parts) else value


def _choice(body: dict[str, Any]) -> dict[str, Any]:
    message = decoded(body.get("message"))
    if not isinstance(message, dict):
        message = {"content": _parts(message)} if message is not None else body
    return {
        **message,
        "finish_reason": body.get("finish_reason"),
        **({"tool_calls": body["tool_calls"]} if "tool_calls" in body else {}),
    }


CONVENTION = Convention(
    name="genai-older",
    marks=("gen_ai.",),
    content=frozenset({_PROMPT, _COMPLETION}),
    content_events=_EVENTS,
    observation_type=_observation_type,
    conversation=_conversation,
)
