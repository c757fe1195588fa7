"""Pydantic's Logfire SDK and Pydantic AI, which speak the GenAI conventions and add their own attributes.

Before that (Logfire 4.19) an instrumented SDK's bodies came in `request_data` and `response_data`, and Pydantic AI's
messages as a list of OpenTelemetry's former events.

Logfire shows spans while they run: it sends a pending record of each, with an id of its own (`is_pending` tells). An
answer that is streamed to OpenAI's or Anthropic's SDK comes as a log record beside the request's span.
"""

from __future__ import annotations

from llmflow_core.conventions.chat import messages_of, parts_of, value_message
from llmflow_core.conventions.exchanges import answered, asked
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import as_list, count, decoded, mapping, member, text, texts, usd
from llmflow_core.messages import Conversation, Message
from llmflow_core.spans import JSON, ObservationType, Span, Status

_SPAN_TYPE = "logfire.span_type"
_ALL_MESSAGES = "pydantic_ai.all_messages"
# Names so general that they are Logfire's only in its own spans.
_OWN_CONTENT = (
    "all_messages_events",
    "events",
    "final_result",
    "model_request_parameters",
    "request_data",
    "response_data",
    "tool_arguments",
    "tool_response",
)
_SCRUBBED = "[Scrubbed due to "
_CLIENTS = {"logfire.openai": "openai", "logfire.anthropic": "anthropic"}
#: Parts of OpenAI's and Anthropic's usage, as these APIs state it: the field, and how to find it.
USAGE_DETAILS = (
    ("cache_read_tokens", member("prompt_tokens_details", "cached_tokens", convert=count)),
    ("cache_read_tokens", member("input_tokens_details", "cached_tokens", convert=count)),
    ("cache_read_tokens", member("cache_read_input_tokens", convert=count)),
    ("cache_write_tokens", member("cache_creation_input_tokens", convert=count)),
    ("reasoning_tokens", member("completion_tokens_details", "reasoning_tokens", convert=count)),
    ("reasoning_tokens", member("output_tokens_details", "reasoning_tokens", convert=count)),
)


def is_pending(span: Span) -> bool:
    """Whether this only tells that another span has begun."""
    return span.attributes.get(_SPAN_TYPE) == "pending_span"


def unscrubbed(value: str | None) -> str | None:
    """The value, unless Logfire has removed it because it looked like a secret."""
    return None if value is not None and value.startswith(_SCRUBBED) else value


def _is_own(span: Span) -> bool:
    return span.scope == "pydantic-ai" or span.scope.startswith("logfire.")


def _observation_type(span: Span) -> ObservationType | None:
    """Old versions do not name the operation; and a streamed answer's record is the generation, not its request."""
    if not _is_own(span):
        return None
    attributes = span.attributes
    if span.scope == "pydantic-ai" and "gen_ai.operation.name" not in attributes:
        if "gen_ai.tool.name" in attributes:
            return ObservationType.TOOL
        if "agent_name" in attributes:
            return ObservationType.AGENT
    elif "request_data" in attributes:
        has_answer = "response_data" in attributes or "gen_ai.output.messages" in span.content
        if not has_answer and span.input_tokens is None and span.status != Status.ERROR:
            return ObservationType.SPAN
        if span.name.startswith("Embedding"):
            return ObservationType.EMBEDDING
        if span.scope in _CLIENTS and "gen_ai.operation.name" not in attributes:
            return ObservationType.GENERATION
    return None


def _finish(span: Span) -> None:
    if _SPAN_TYPE not in span.attributes and not _is_own(span):
        return
    span.session_id, span.user_id = unscrubbed(span.session_id), unscrubbed(span.user_id)
    if _is_own(span):
        for name in _OWN_CONTENT:
            if name in span.attributes:
                span.content[name] = span.attributes.pop(name)
        if span.scope in _CLIENTS:
            _read_bodies(span)


def _read_bodies(span: Span) -> None:
    """Take from an SDK's request and response what the attributes do not tell."""
    span.provider = span.provider or _CLIENTS[span.scope]
    span.model = span.model or member("model", convert=text)(span.content.get("request_data"))
    usage = member("usage", convert=mapping)(span.content.get("response_data"))
    if not usage or span.observation_type == ObservationType.SPAN:
        return
    for name, convert in USAGE_DETAILS:
        if getattr(span, name) is None:
            setattr(span, name, convert(usage))
    if span.input_tokens is None and span.provider == "anthropic":
        uncached = count(usage.get("input_tokens"))
        if uncached is not None:
            span.input_tokens = uncached + (span.cache_read_tokens or 0) + (span.cache_write_tokens or 0)
        span.output_tokens = count(usage.get("output_tokens"))


def _conversation(span: Span) -> Conversation | None:
    if not _is_own(span):
        return None
    content = span.content
    if _ALL_MESSAGES in content:
        conversation = _of_agent(messages_of(content[_ALL_MESSAGES], "user"), content)
        if system := parts_of(decoded(content.get("gen_ai.system_instructions"))):
            conversation.input.insert(0, Message(role="system", parts=system))
        return conversation
    if "all_messages_events" in content:
        return _of_agent(_of_events(content["all_messages_events"]), content)
    if "gen_ai.input.messages" in content:
        return None
    if "events" in content:
        conversation = conversation_of_events(content["events"])
        parameters = mapping(content.get("model_request_parameters")) or {}
        conversation.tools = [*as_list(parameters.get("function_tools")), *as_list(parameters.get("output_tools"))]
        return conversation
    if "tool_arguments" in content or "tool_response" in content:
        return Conversation(
            input=[value_message("input", content[name]) for name in ("tool_arguments",) if name in content],
            output=[value_message("output", content[name]) for name in ("tool_response",) if name in content],
        )
    if "request_data" in content:
        return _of_client(content)
    return None


def _of_agent(messages: list[Message], content: dict[str, JSON]) -> Conversation:
    """All messages of a run: the last is the answer, unless a tool gave it, then the result is."""
    if messages and messages[-1].role == "assistant":
        return Conversation(input=messages[:-1], output=messages[-1:])
    output = [value_message("output", content["final_result"])] if "final_result" in content else []
    return Conversation(input=messages, output=output)


def conversation_of_events(value: JSON) -> Conversation:
    """OpenTelemetry's former message events, as a list in one attribute. What the model said last is its answer."""
    messages = _of_events(value)
    split = len(messages) - 1 if messages and messages[-1].role == "assistant" else len(messages)
    return Conversation(input=messages[:split], output=messages[split:])


def _of_events(value: JSON) -> list[Message]:
    messages = []
    for event in as_list(decoded(value)):
        body: JSON = event
        if isinstance(event, dict):
            body = event.get("message", event)
            if event.get("role") == "tool" and "id" in event:
                body = {**event, "tool_call_id": event["id"], "name": None}
        messages += messages_of([body], "user")
    return messages


def _of_client(content: dict[str, JSON]) -> Conversation | None:
    request, response = mapping(content["request_data"]) or {}, mapping(content.get("response_data")) or {}
    if request.keys().isdisjoint(("messages", "input", "prompt")):
        return None
    conversation = asked(request)
    said = response.get("message") or text(response.get("combined_chunk_content"))
    if said:
        conversation.output = answered(said)
    return conversation


CONVENTION = Convention(
    name="logfire",
    marks=("logfire", "pydantic-ai"),
    fields={
        "operation.cost": ("cost", usd),
        "gen_ai.usage.details.cache_read_tokens": ("cache_read_tokens", count),
        "gen_ai.usage.details.cache_write_tokens": ("cache_write_tokens", count),
        "gen_ai.usage.details.reasoning_tokens": ("reasoning_tokens", count),
        "gen_ai.usage.raw": USAGE_DETAILS,
        "logfire.tags": ("tags", texts),
    },
    content=frozenset({_ALL_MESSAGES}),
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
