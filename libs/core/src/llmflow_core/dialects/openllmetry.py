"""OpenLLMetry as Traceloop, LangSmith and older Langfuse read it: messages in pieces, `traceloop.*`, `llm.*`."""

from __future__ import annotations

from collections.abc import Mapping

from llmflow_core.dialects import genai
from llmflow_core.dialects.parts import json_text, openai_messages, shown
from llmflow_core.dialects.tables import Dialect, dollars, llmflow_kind, same, seconds
from llmflow_core.messages import Conversation, Message
from llmflow_core.spans import JSON, ObservationType, Span

_REQUESTS = {
    ObservationType.GENERATION: "chat",
    ObservationType.EMBEDDING: "embedding",
    ObservationType.RERANKER: "rerank",
}
_KINDS = {
    ObservationType.CHAIN: "workflow",
    ObservationType.AGENT: "agent",
    ObservationType.TOOL: "tool",
}


def _kind(span: Span) -> Mapping[str, JSON]:
    kind = ObservationType(span.observation_type)
    if kind in _REQUESTS:
        return {"llm.request.type": _REQUESTS[kind]}
    if kind in _KINDS:
        return {"traceloop.span.kind": _KINDS[kind], "traceloop.entity.name": span.name}
    if kind is ObservationType.RETRIEVER:
        return {"traceloop.span.kind": "task", "gen_ai.operation.name": "vector_db_retrieve"}
    return llmflow_kind(span)


def _more(span: Span) -> Mapping[str, JSON]:
    if span.input_tokens is None or span.output_tokens is None:
        return {}
    return {"llm.usage.total_tokens": span.input_tokens + span.output_tokens}


def _said(span: Span, conversation: Conversation) -> Mapping[str, JSON]:
    found: dict[str, JSON] = {}
    for number, tool in enumerate(conversation.tools):
        place = f"llm.request.functions.{number}"
        for name, value in tool.items() if isinstance(tool, dict) else [("name", tool)]:
            found[f"{place}.{name}"] = shown(value) if value is not None else None
    if span.observation_type in _REQUESTS:
        found |= _pieces("gen_ai.prompt", conversation.input)
        found |= _pieces("gen_ai.completion", conversation.output)
        return found
    for role, messages in (("input", conversation.input), ("output", conversation.output)):
        if messages:
            value = genai.lone_value(messages, role)
            found[f"traceloop.entity.{role}"] = json_text(value if value is not None else openai_messages(messages))
    return found


def _pieces(name: str, messages: list[Message]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    shaped = openai_messages(messages)
    reasons = [message.finish_reason for message in messages] if len(messages) == len(shaped) else []
    for number, message in enumerate(shaped):
        place = f"{name}.{number}"
        found |= {f"{place}.role": message["role"], f"{place}.tool_call_id": message.get("tool_call_id")}
        if message["content"] is not None:
            found[f"{place}.content"] = shown(message["content"])
        for order, call in enumerate(message.get("tool_calls", ())):
            function = call["function"]
            found |= {
                f"{place}.tool_calls.{order}.id": call["id"],
                f"{place}.tool_calls.{order}.name": function["name"],
                f"{place}.tool_calls.{order}.arguments": function["arguments"],
            }
        if number < len(reasons):
            found[f"{place}.finish_reason"] = reasons[number]
    return found


DIALECT = Dialect(
    facts={
        "provider": same("gen_ai.system", "gen_ai.provider.name"),
        "model": same("gen_ai.request.model"),
        "response_model": same("gen_ai.response.model"),
        "input_tokens": same("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "output_tokens": same("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "cache_read_tokens": same("gen_ai.usage.cache_read_input_tokens"),
        "cache_write_tokens": same("gen_ai.usage.cache_creation_input_tokens"),
        "reasoning_tokens": same("gen_ai.usage.reasoning_tokens"),
        "cost": (("gen_ai.usage.cost", dollars),),
        "time_to_first_token_ns": (("gen_ai.response.time_to_first_chunk", seconds),),
        "finish_reasons": same("gen_ai.response.finish_reasons"),
        "user_id": same("traceloop.association.properties.user_id", "user.id"),
        "session_id": same("traceloop.association.properties.session_id", "session.id"),
        "prompt_name": same("traceloop.prompt.key"),
        "prompt_version": same("traceloop.prompt.version"),
    },
    kind=_kind,
    said=_said,
    more=_more,
)
