"""OpenLIT, which speaks the GenAI conventions with some names and habits of its own."""

from __future__ import annotations

from llmflow_core.conventions.chat import value_message
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import seconds_to_ns, text, usd
from llmflow_core.messages import Conversation
from llmflow_core.spans import ObservationType, Span

_SCOPE = "openlit"
_ARGUMENTS = ("function.args", "function.kwargs")


def _observation_type(span: Span) -> ObservationType | None:
    """Functions under `@openlit.trace`."""
    return ObservationType.CHAIN if span.scope == _SCOPE and "function.args" in span.attributes else None


def _finish(span: Span) -> None:
    """A price that OpenLIT does not know comes as 0, and an answer in one piece with its duration as time to the first
    token."""
    if not span.scope.startswith(_SCOPE):
        return
    attributes = span.attributes
    if span.cost is not None and not span.cost:
        span.cost = None
    if attributes.get("gen_ai.request.stream") is True:
        span.time_to_first_token_ns = seconds_to_ns(attributes.get("gen_ai.server.time_to_first_token"))
    for name in _ARGUMENTS:
        if name in attributes:
            span.content[name] = attributes.pop(name)


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    if span.scope != _SCOPE or "function.args" not in content:
        return None
    given = [content[name] for name in _ARGUMENTS if content.get(name) not in (None, "()", "{}")]
    conversation = Conversation(input=[value_message("input", value) for value in given])
    if "gen_ai.output.messages" in content:
        conversation.output.append(value_message("output", content["gen_ai.output.messages"]))
    return conversation


CONVENTION = Convention(
    name="openlit",
    marks=(_SCOPE,),
    fields={
        "gen_ai.usage.total_cost": ("cost", usd),
        "gen_ai.request.user": ("user_id", text),
        "deployment.environment": ("environment", text),
    },
    content=frozenset({"gen_ai.tool.args"}),
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
