"""OpenTelemetry's GenAI semantic conventions, current names first and then the ones they replaced.

Messages come as JSON text or structured values in `gen_ai.input.messages`, `gen_ai.output.messages` and
`gen_ai.system_instructions`, in the shape of the convention's own message schema.
"""

from __future__ import annotations

from llmflow_core.conventions.chat import messages_of, parts_of, value_message
from llmflow_core.conventions.genai_older import details
from llmflow_core.conventions.providers import provider
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import as_list, count, decoded, number, seconds_to_ns, text, texts, usd
from llmflow_core.messages import Conversation, Message
from llmflow_core.spans import ObservationType, Score, Span

_OPERATIONS = {
    "chat": ObservationType.GENERATION,
    "text_completion": ObservationType.GENERATION,
    "generate_content": ObservationType.GENERATION,
    "embeddings": ObservationType.EMBEDDING,
    "execute_tool": ObservationType.TOOL,
    "invoke_agent": ObservationType.AGENT,
    "create_agent": ObservationType.AGENT,
    "invoke_workflow": ObservationType.CHAIN,
    "retrieval": ObservationType.RETRIEVER,
    "rerank": ObservationType.RERANKER,
}
_INPUT = "gen_ai.input.messages"
_OUTPUT = "gen_ai.output.messages"
_SYSTEM = "gen_ai.system_instructions"
_TOOLS = "gen_ai.tool.definitions"
_TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
_TOOL_RESULT = "gen_ai.tool.call.result"
_QUERY = "gen_ai.retrieval.query.text"
_DOCUMENTS = "gen_ai.retrieval.documents"
_CONTENT = frozenset({_INPUT, _OUTPUT, _SYSTEM, _TOOLS, _TOOL_ARGUMENTS, _TOOL_RESULT, _QUERY, _DOCUMENTS})


def _observation_type(span: Span) -> ObservationType | None:
    return _OPERATIONS.get(str(span.attributes.get("gen_ai.operation.name")))


def _finish(span: Span) -> None:
    cached = (span.cache_read_tokens or 0) + (span.cache_write_tokens or 0)
    if cached and span.input_tokens is not None and cached > span.input_tokens:
        span.input_tokens += cached  # they were counted apart, against the conventions
    for event in span.events:
        if event["name"] == "gen_ai.evaluation.result":
            attributes = event["attributes"]
            span.scores.append(
                Score(
                    name=text(attributes.get("gen_ai.evaluation.name")) or "evaluation",
                    value=number(attributes.get("gen_ai.evaluation.score.value")),
                    label=text(attributes.get("gen_ai.evaluation.score.label")),
                    comment=text(attributes.get("gen_ai.evaluation.explanation")),
                    time_ns=event["time_unix_nano"] or None,
                )
            )


def conversation_of(span: Span) -> Conversation | None:
    """What the conventions' own attributes hold; None when there are none of them."""
    content = {**details(span), **span.content}
    if _CONTENT.isdisjoint(content):
        return None
    conversation = Conversation(
        input=messages_of(content.get(_INPUT), "user"),
        output=messages_of(content.get(_OUTPUT), "assistant"),
        tools=as_list(decoded(content.get(_TOOLS))),
    )
    system = parts_of(decoded(content.get(_SYSTEM)))
    if system and not any(message.role == "system" and message.parts == system for message in conversation.input):
        conversation.input.insert(0, Message(role="system", parts=system))
    for name, role, messages in (
        (_TOOL_ARGUMENTS, "input", conversation.input),
        (_QUERY, "input", conversation.input),
        (_TOOL_RESULT, "output", conversation.output),
        (_DOCUMENTS, "output", conversation.output),
    ):
        if name in content:
            messages.append(value_message(role, content[name]))
    return conversation


CONVENTION = Convention(
    name="genai",
    fields={
        "gen_ai.provider.name": ("provider", provider),
        "gen_ai.system": ("provider", provider),
        "gen_ai.request.model": ("model", text),
        "gen_ai.response.model": ("response_model", text),
        "gen_ai.usage.input_tokens": ("input_tokens", count),
        "gen_ai.usage.prompt_tokens": ("input_tokens", count),
        "gen_ai.usage.output_tokens": ("output_tokens", count),
        "gen_ai.usage.completion_tokens": ("output_tokens", count),
        "gen_ai.usage.cache_read.input_tokens": ("cache_read_tokens", count),
        "gen_ai.usage.cache_write.input_tokens": ("cache_write_tokens", count),
        "gen_ai.usage.cache_creation.input_tokens": ("cache_write_tokens", count),
        "gen_ai.usage.reasoning.output_tokens": ("reasoning_tokens", count),
        "gen_ai.usage.cost": ("cost", usd),
        "gen_ai.response.time_to_first_chunk": ("time_to_first_token_ns", seconds_to_ns),
        "gen_ai.client.operation.time_to_first_chunk": ("time_to_first_token_ns", seconds_to_ns),
        "gen_ai.response.finish_reasons": ("finish_reasons", texts),
        "gen_ai.conversation.id": ("session_id", text),
        "gen_ai.prompt.name": ("prompt_name", text),
        "gen_ai.prompt.version": ("prompt_version", text),
    },
    content=_CONTENT,
    observation_type=_observation_type,
    finish=_finish,
    conversation=conversation_of,
)
