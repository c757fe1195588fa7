"""OpenInference, for Phoenix, Arize and those that read it as well (openinference-semantic-conventions 0.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmflow_core.dialects.genai import lone_value
from llmflow_core.dialects.parts import genai_part, json_text, one_answer_each, openai_messages, shown
from llmflow_core.dialects.tables import Dialect, dollars, llmflow_kind, same, seconds
from llmflow_core.messages import Conversation, Message
from llmflow_core.spans import JSON, ObservationType, Span

_KINDS = {
    ObservationType.GENERATION: "LLM",
    ObservationType.EMBEDDING: "EMBEDDING",
    ObservationType.TOOL: "TOOL",
    ObservationType.AGENT: "AGENT",
    ObservationType.CHAIN: "CHAIN",
    ObservationType.RETRIEVER: "RETRIEVER",
    ObservationType.RERANKER: "RERANKER",
    ObservationType.GUARDRAIL: "GUARDRAIL",
    ObservationType.EVALUATOR: "EVALUATOR",
}
_PARAMETERS = "gen_ai.request."
_TOOL_NAMES = ("tool.name", "gen_ai.tool.name", "traceloop.entity.name")


def _kind(span: Span) -> Mapping[str, JSON]:
    kind = _KINDS.get(ObservationType(span.observation_type))
    return {"openinference.span.kind": kind} if kind else llmflow_kind(span)


def _more(span: Span) -> Mapping[str, JSON]:
    attributes = span.attributes
    found: dict[str, JSON] = {}
    if span.observation_type == ObservationType.TOOL:
        found["tool.name"] = next((attributes[name] for name in _TOOL_NAMES if name in attributes), None)
    if span.observation_type == ObservationType.GENERATION:
        parameters = {
            name.removeprefix(_PARAMETERS): value
            for name, value in attributes.items()
            if name.startswith(_PARAMETERS) and name != "gen_ai.request.model"
        }
        if parameters:
            found["llm.invocation_parameters"] = json_text(parameters)
    if span.input_tokens is not None and span.output_tokens is not None:
        found["llm.token_count.total"] = span.input_tokens + span.output_tokens
    answering = span.response_model or span.model
    if answering is not None:
        found["embedding.model_name" if span.observation_type == ObservationType.EMBEDDING else "llm.model_name"] = (
            answering
        )
    return found


def _said(span: Span, conversation: Conversation) -> Mapping[str, JSON]:
    found: dict[str, JSON] = {}
    for number, tool in enumerate(conversation.tools):
        found[f"llm.tools.{number}.tool.json_schema"] = shown(tool)
    found |= _side(span, conversation.input, "input", "llm.input_messages")
    found |= _side(span, conversation.output, "output", "llm.output_messages")
    return found


def _side(span: Span, messages: list[Message], role: str, name: str) -> dict[str, JSON]:
    if not messages:
        return {}
    value = lone_value(messages, role)
    if value is not None:
        return _value(role, value) | (_documents(value) if role == "output" else {})
    texts = [part.text for message in messages for part in message.parts]
    if span.observation_type == ObservationType.EMBEDDING and role == "input" and all(texts):
        given = texts[0] if len(texts) == 1 else texts
        pieces: dict[str, JSON] = {
            f"embedding.embeddings.{number}.embedding.text": text for number, text in enumerate(texts)
        }
        return pieces | _value(role, given)
    found: dict[str, JSON] = {}
    for number, message in enumerate(one_answer_each(messages)):
        found |= _message(f"{name}.{number}.message", message)
    return found | _value(role, openai_messages(messages) if role == "input" else _answer(messages))


def _answer(messages: list[Message]) -> JSON:
    """Plain text for an answer that is nothing else."""
    shaped = openai_messages(messages)
    only = shaped[0] if len(shaped) == 1 else {}
    return only["content"] if isinstance(only.get("content"), str) and "tool_calls" not in only else shaped


def _value(side: str, value: JSON) -> dict[str, JSON]:
    mime_type = "text/plain" if isinstance(value, str) else "application/json"
    return {f"{side}.value": shown(value), f"{side}.mime_type": mime_type}


def _documents(value: JSON) -> dict[str, JSON]:
    """What a retriever found, document by document."""
    if not isinstance(value, list) or not all(isinstance(item, dict) and "content" in item for item in value):
        return {}
    return {
        f"retrieval.documents.{number}.document.{key}": json_text(item) if isinstance(item, (dict, list)) else item
        for number, document in enumerate(value)
        for key, item in document.items()
    }


def _message(name: str, message: Message) -> dict[str, JSON]:
    parts = message.parts
    found: dict[str, JSON] = {f"{name}.role": message.role, f"{name}.name": message.name}
    if len(parts) == 1 and parts[0].type == "tool_call_response":
        return found | {f"{name}.tool_call_id": parts[0].id or "", f"{name}.content": shown(parts[0].result)}
    calls = [part for part in parts if part.type == "tool_call"]
    for number, call in enumerate(calls):
        place = f"{name}.tool_calls.{number}.tool_call"
        found[f"{place}.id"] = call.id
        found[f"{place}.function.name"] = call.name
        found[f"{place}.function.arguments"] = shown(call.arguments) if call.arguments is not None else None
    rest = [part for part in parts if part.type != "tool_call"]
    if len(rest) == 1 and rest[0].type == "text":
        return found | {f"{name}.content": rest[0].text}
    for number, part in enumerate(rest):
        place = f"{name}.contents.{number}.message_content"
        if part.type == "image" and part.uri:
            found |= {f"{place}.type": "image", f"{place}.image.image.url": part.uri}
            continue
        shaped: Any = {"type": "text", "text": part.text} if part.type == "text" else genai_part(part)
        for key, value in shaped.items() if isinstance(shaped, dict) else ():
            found[f"{place}.{key}"] = json_text(value) if isinstance(value, (dict, list)) else value
    return found


def _lone(values: JSON) -> JSON:
    """OpenInference has one text, for there is one answer nearly always."""
    return values[0] if len(values) == 1 else values


DIALECT = Dialect(
    facts={
        "provider": same("llm.provider"),
        "model": same("llm.request.model_name"),
        "response_model": same("llm.response.model_name"),
        "input_tokens": same("llm.token_count.prompt"),
        "output_tokens": same("llm.token_count.completion"),
        "cache_read_tokens": same("llm.token_count.prompt_details.cache_read"),
        "cache_write_tokens": same("llm.token_count.prompt_details.cache_write"),
        "reasoning_tokens": same("llm.token_count.completion_details.reasoning"),
        "cost": (("llm.cost.total", dollars),),
        "input_cost": (("llm.cost.prompt", dollars),),
        "output_cost": (("llm.cost.completion", dollars),),
        "time_to_first_token_ns": (("gen_ai.response.time_to_first_chunk", seconds),),
        "finish_reasons": (("llm.finish_reason", _lone),),
        "tags": same("tag.tags"),
        "prompt_name": same("prompt.id"),
        "prompt_version": same("llm.prompt_template.version"),
    },
    kind=_kind,
    said=_said,
    more=_more,
)
