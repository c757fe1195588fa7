"""OpenTelemetry's GenAI semantic conventions, current names first and then the ones they replaced.

Messages come as JSON text in `gen_ai.input.messages`, `gen_ai.output.messages` and `gen_ai.system_instructions`
(structured values are accepted as well), in the shape of the convention's own message schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from llmflow_core.conventions.rules import Convention, count, seconds_to_ns, text, texts, usd
from llmflow_core.messages import Conversation, Message, Part
from llmflow_core.spans import JSON, ObservationType, Span

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


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    if _CONTENT.isdisjoint(content):
        return None
    system = _parts(_decoded(content.get(_SYSTEM)))
    conversation = Conversation(
        input=[Message(role="system", parts=system)] if system else [],
        tools=_as_list(_decoded(content.get(_TOOLS))),
    )
    conversation.input += _messages(content.get(_INPUT), "user")
    conversation.output += _messages(content.get(_OUTPUT), "assistant")
    for name, role, messages in (
        (_TOOL_ARGUMENTS, "input", conversation.input),
        (_QUERY, "input", conversation.input),
        (_TOOL_RESULT, "output", conversation.output),
        (_DOCUMENTS, "output", conversation.output),
    ):
        if name in content:
            messages.append(Message(role=role, parts=[value_part(_decoded(content[name]))]))
    return conversation


def _decoded(value: JSON) -> JSON:
    """JSON text as what it says; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _as_list(value: JSON) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def value_part(value: JSON) -> Part:
    """A part for a value that is no message: text as text, all else as JSON."""
    return Part(type="text", text=value) if isinstance(value, str) else Part(type="json", value=value)


def _messages(value: JSON, default_role: str) -> Iterable[Message]:
    for message in _as_list(_decoded(value)):
        if isinstance(message, dict):
            yield Message(
                role=str(message.get("role") or default_role),
                name=text(message.get("name")),
                finish_reason=text(message.get("finish_reason")),
                parts=_parts(message.get("parts", message.get("content"))),
            )
        else:
            yield Message(role=default_role, parts=[value_part(message)])


def _parts(value: JSON) -> list[Part]:
    return [_part(part) for part in _as_list(value)]


def _part(part: JSON) -> Part:
    if not isinstance(part, dict):
        return value_part(part)
    content = part.get("content")
    match part.get("type"):
        case "text" | "reasoning" | "refusal" as kind if isinstance(content, str):
            return Part(type=kind, text=content)
        case "tool_call":
            return Part(
                type="tool_call",
                id=text(part.get("id")),
                name=text(part.get("name")),
                arguments=_decoded(part.get("arguments")),
            )
        case "tool_call_response":
            result = part.get("response", part.get("result"))
            return Part(type="tool_call_response", id=text(part.get("id")), result=_decoded(result))
        case "blob" | "uri" | "file":
            return _media(part)
        case _:
            return Part(type="unknown", value=part)


def _media(part: dict[str, Any]) -> Part:
    modality = str(part.get("modality"))
    media_type = text(part.get("mime_type"))
    uri = text(part.get("uri")) or text(part.get("file_id"))
    content = part.get("content")
    if uri is None and media_type and isinstance(content, str) and content:
        uri = f"data:{media_type};base64,{content}"
    return Part(
        type="image" if modality == "image" else "audio" if modality == "audio" else "file",
        uri=uri,
        media_type=media_type,
        size=count(part.get("size")),
        digest=text(part.get("digest")),
    )


CONVENTION = Convention(
    name="genai",
    fields={
        "gen_ai.provider.name": ("provider", text),
        "gen_ai.system": ("provider", text),
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
        "gen_ai.response.finish_reasons": ("finish_reasons", texts),
        "gen_ai.conversation.id": ("session_id", text),
        "gen_ai.prompt.name": ("prompt_name", text),
        "gen_ai.prompt.version": ("prompt_version", text),
    },
    content=_CONTENT,
    observation_type=_observation_type,
    conversation=_conversation,
)
