"""OpenAI's Agents SDK under Logfire's instrumentation, which tells the kinds of its spans by their templates."""

from __future__ import annotations

from llmflow_core.conventions.chat import messages_of, value_message
from llmflow_core.conventions.exchanges import answered
from llmflow_core.conventions.logfire import USAGE_DETAILS, conversation_of_events, unscrubbed
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import as_list, member, text
from llmflow_core.messages import Conversation
from llmflow_core.spans import ObservationType, Span

_SCOPE = "logfire.openai_agents"
_TYPES = {
    "OpenAI Agents trace": ObservationType.CHAIN,
    "Task": ObservationType.CHAIN,
    "Turn": ObservationType.CHAIN,
    "Agent run": ObservationType.AGENT,
    "Chat completion": ObservationType.GENERATION,
    "Responses API": ObservationType.GENERATION,
    "Function": ObservationType.TOOL,
    "Guardrail": ObservationType.GUARDRAIL,
}
_CONTENT = ("events", "input", "model_config", "model_settings", "output", "raw_input", "request_data", "response")


def _observation_type(span: Span) -> ObservationType | None:
    if span.scope != _SCOPE:
        return None
    return next((kind for beginning, kind in _TYPES.items() if span.name.startswith(beginning)), ObservationType.SPAN)


def _finish(span: Span) -> None:
    if span.scope != _SCOPE:
        return
    attributes = span.attributes
    if attributes.get("group_id") != "null":
        span.session_id = span.session_id or unscrubbed(text(attributes.get("group_id")))
    if span.observation_type != ObservationType.GENERATION:
        span.provider = None  # every span has it
    for name, convert in USAGE_DETAILS:
        if getattr(span, name) is None:
            setattr(span, name, convert(attributes.get("usage")))
    for name in _CONTENT:
        if name in attributes:
            span.content[name] = attributes.pop(name)


def _conversation(span: Span) -> Conversation | None:
    if span.scope != _SCOPE:
        return None
    content = span.content
    if "events" in content:
        conversation = conversation_of_events(content["events"])
        conversation.tools = member("tools", convert=as_list)(content.get("response")) or []
        return conversation
    conversation = Conversation()
    is_generation = span.observation_type == ObservationType.GENERATION
    if (given := content.get("input", content.get("raw_input"))) is not None:
        conversation.input = messages_of(given, "user") if is_generation else [value_message("input", given)]
    if (said := content.get("output")) is not None:
        conversation.output = answered(said) if is_generation else [value_message("output", said)]
    return conversation if conversation.input or conversation.output else None


CONVENTION = Convention(
    name="openai-agents",
    marks=(_SCOPE,),
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
