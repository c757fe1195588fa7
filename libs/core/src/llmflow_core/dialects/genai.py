"""OpenTelemetry's current GenAI semantic conventions."""

from __future__ import annotations

from collections.abc import Mapping

from llmflow_core.dialects.parts import genai_messages, json_text, shown
from llmflow_core.dialects.tables import Dialect, Names, dollars, llmflow_kind, same, seconds
from llmflow_core.messages import Conversation, Message
from llmflow_core.spans import JSON, ObservationType, Span

_OPERATIONS = {
    ObservationType.GENERATION: "chat",
    ObservationType.EMBEDDING: "embeddings",
    ObservationType.TOOL: "execute_tool",
    ObservationType.AGENT: "invoke_agent",
    ObservationType.CHAIN: "invoke_workflow",
    ObservationType.RETRIEVER: "retrieval",
    ObservationType.RERANKER: "rerank",
}

FACTS: Mapping[str, Names] = {
    "provider": same("gen_ai.provider.name"),
    "model": same("gen_ai.request.model"),
    "response_model": same("gen_ai.response.model"),
    "input_tokens": same("gen_ai.usage.input_tokens"),
    "output_tokens": same("gen_ai.usage.output_tokens"),
    "cache_read_tokens": same("gen_ai.usage.cache_read.input_tokens"),
    # The second is what the first was called before, which most readers know.
    "cache_write_tokens": same("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    "reasoning_tokens": same("gen_ai.usage.reasoning.output_tokens"),
    "cost": (("gen_ai.usage.cost", dollars),),
    "time_to_first_token_ns": (("gen_ai.response.time_to_first_chunk", seconds),),
    "finish_reasons": same("gen_ai.response.finish_reasons"),
    "session_id": same("gen_ai.conversation.id", "session.id"),
    "prompt_name": same("gen_ai.prompt.name"),
    "prompt_version": same("gen_ai.prompt.version"),
}


def kind(span: Span) -> Mapping[str, JSON]:
    """The operation, where the conventions have one of the kind."""
    operation = _OPERATIONS.get(ObservationType(span.observation_type))
    return {"gen_ai.operation.name": operation} if operation else llmflow_kind(span)


def said(span: Span, conversation: Conversation) -> Mapping[str, JSON]:
    """Messages, tool definitions, and a tool's arguments and result."""
    found: dict[str, JSON] = {}
    if conversation.tools:
        found["gen_ai.tool.definitions"] = json_text(conversation.tools)
    names = ("gen_ai.input.messages", "gen_ai.output.messages")
    if span.observation_type == ObservationType.TOOL:
        values = ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result")
    elif span.observation_type == ObservationType.RETRIEVER:
        values = ("gen_ai.retrieval.query.text", "gen_ai.retrieval.documents")
    else:
        values = names
    for name, value_name, role, messages in zip(
        names, values, ("input", "output"), (conversation.input, conversation.output), strict=True
    ):
        if not messages:
            continue
        value = lone_value(messages, role) if value_name != name else None
        if value is None:
            found[name] = genai_messages(messages)
        else:
            found[value_name] = shown(value)
    return found


def lone_value(messages: list[Message], role: str) -> JSON:
    """What a span was given or gave that is no conversation; None when it is one."""
    if len(messages) == 1 and messages[0].role == role and len(messages[0].parts) == 1:
        part = messages[0].parts[0]
        return part.text if part.type == "text" else part.value if part.type == "json" else None
    return None


DIALECT = Dialect(facts=FACTS, kind=kind, said=said)
