"""Google's Agent Development Kit.

Its telemetry schema 2 follows the GenAI conventions. In schema 1, which older releases have and newer ones on request,
a call is a span `call_llm` that has the content; newer releases put a span `generate_content` inside, which states the
tokens again.
"""

from __future__ import annotations

from llmflow_core.conventions.chat import messages_of, value_message
from llmflow_core.conventions.exchanges import asked
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import count, mapping, text
from llmflow_core.messages import Conversation
from llmflow_core.spans import JSON, ObservationType, Span

_SCOPE = "gcp.vertex.agent"
_REQUEST = "gcp.vertex.agent.llm_request"
_RESPONSE = "gcp.vertex.agent.llm_response"
_ARGUMENTS = "gcp.vertex.agent.tool_call_args"
_RESULT = "gcp.vertex.agent.tool_response"
_TYPES = {"call_llm": ObservationType.GENERATION, "invocation": ObservationType.CHAIN}


def _repeats(span: Span) -> bool:
    """Whether this is schema 1's span inside a `call_llm`: schema 2 has a provider instead of a system."""
    attributes = span.attributes
    return attributes.get("gen_ai.operation.name") == "generate_content" and "gen_ai.system" in attributes


def _observation_type(span: Span) -> ObservationType | None:
    if span.scope != _SCOPE:
        return None
    return ObservationType.SPAN if _repeats(span) else _TYPES.get(span.name)


def _finish(span: Span) -> None:
    if span.scope != _SCOPE:
        return
    if span.provider == _SCOPE:
        span.provider = None  # the framework is none; whom it asked follows from the model
    if _repeats(span):
        span.input_tokens = span.output_tokens = None
        span.cache_read_tokens = span.cache_write_tokens = span.reasoning_tokens = None
        return
    response = mapping(span.content.get(_RESPONSE)) or {}
    span.response_model = span.response_model or text(response.get("model_version"))
    usage = mapping(response.get("usage_metadata")) or {}
    thought = count(usage.get("thoughts_token_count"))
    if thought and span.output_tokens == count(usage.get("candidates_token_count")):
        span.reasoning_tokens = thought
        span.output_tokens = (span.output_tokens or 0) + thought


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    if _ARGUMENTS in content or _RESULT in content:
        return Conversation(
            input=[value_message("input", content[name]) for name in (_ARGUMENTS,) if name in content],
            output=[value_message("output", content[name]) for name in (_RESULT,) if name in content],
        )
    request, response = mapping(content.get(_REQUEST)), mapping(content.get(_RESPONSE))
    if not request and not response:
        return None
    conversation = asked(request) if request else Conversation()
    conversation.tools = [declared for tool in conversation.tools for declared in _declared(tool)]
    if response and response.get("content"):
        conversation.output = messages_of(response["content"], "assistant")
        for message in conversation.output:
            message.finish_reason = text(response.get("finish_reason"))
    return conversation


def _declared(tool: JSON) -> list[JSON]:
    """The functions of a tool of Gemini's API; a built-in one as it is."""
    functions = tool.get("function_declarations") if isinstance(tool, dict) else None
    return functions if isinstance(functions, list) else [tool]


CONVENTION = Convention(
    name="google-adk",
    marks=(_SCOPE,),
    fields={"gcp.vertex.agent.session_id": ("session_id", text)},
    content=frozenset({_REQUEST, _RESPONSE, _ARGUMENTS, _RESULT, "gcp.vertex.agent.data"}),
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
