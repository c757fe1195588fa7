"""Vercel's AI SDK: the `ai.*` attributes that its versions 3 to 6 send, and `LegacyOpenTelemetry` of version 7.

A call is a pair of spans: the outer one (`ai.generateText`) sums up the inner ones, each of which is one call of the
provider (`ai.generateText.doGenerate`). Version 7 speaks the GenAI conventions, with a few `ai.*` attributes beside.
"""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

from llmflow_core.conventions.chat import part_of, parts_of, tool_call, tool_result, value_message, value_part
from llmflow_core.conventions.providers import provider
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import (
    as_list,
    count,
    decoded,
    mapping,
    member,
    milliseconds_to_ns,
    number,
    parsed,
    text,
    texts,
    usd,
)
from llmflow_core.messages import Conversation, Message, Part, PartType
from llmflow_core.spans import JSON, ObservationType, Span, Status

_SCOPE_OF_VERSION_7 = "gen_ai"
#: Where the provider's metadata have the cost, and the one upstream.
_COSTS = (
    (member("gateway", "cost", convert=usd), member("gateway", "marketCost", convert=usd)),
    (
        member("openrouter", "usage", "cost", convert=usd),
        member("openrouter", "usage", "costDetails", "upstreamInferenceCost", convert=usd),
    ),
)
_OPERATIONS = {
    "ai.generateText": ObservationType.CHAIN,
    "ai.generateText.doGenerate": ObservationType.GENERATION,
    "ai.streamText": ObservationType.CHAIN,
    "ai.streamText.doStream": ObservationType.GENERATION,
    "ai.generateObject": ObservationType.CHAIN,
    "ai.generateObject.doGenerate": ObservationType.GENERATION,
    "ai.streamObject": ObservationType.CHAIN,
    "ai.streamObject.doStream": ObservationType.GENERATION,
    "ai.embed": ObservationType.CHAIN,
    "ai.embed.doEmbed": ObservationType.EMBEDDING,
    "ai.embedMany": ObservationType.CHAIN,
    "ai.embedMany.doEmbed": ObservationType.EMBEDDING,
    "ai.rerank": ObservationType.CHAIN,
    "ai.rerank.doRerank": ObservationType.RERANKER,
    "ai.toolCall": ObservationType.TOOL,
}
_ANSWERS: dict[str, PartType] = {
    "ai.response.reasoning": "reasoning",
    "ai.response.text": "text",
    "ai.result.text": "text",
}
_CALLS = ("ai.response.toolCalls", "ai.result.toolCalls")
_OBJECTS = ("ai.response.object", "ai.result.object")
_INPUTS = ("ai.toolCall.args", "ai.value", "ai.values", "ai.documents", "ai.request.text")
_OUTPUTS = ("ai.toolCall.result", "ai.ranking")
_CONTENT = frozenset(
    {"ai.prompt", "ai.prompt.messages", "ai.prompt.tools", "ai.response.files", "ai.embedding", "ai.embeddings"}
).union(_ANSWERS, _CALLS, _OBJECTS, _INPUTS, _OUTPUTS)


def _provider(value: JSON) -> str | None:
    """The SDK names the API after the provider: `openai.chat`, `google.vertex.chat`, `amazon-bedrock`."""
    name = text(value)
    if name is None:
        return None
    words = name.split(".")
    both = ".".join(words[:2])
    known = provider(both)
    return known if known != both else provider(words[0])


def _observation_type(span: Span) -> ObservationType | None:
    if span.scope == _SCOPE_OF_VERSION_7:
        operation = span.attributes.get("gen_ai.operation.name")
        around = operation == "embeddings" and span.input_tokens is None and span.status != Status.ERROR
        return ObservationType.CHAIN if operation == "agent_step" or around else None
    operation = span.attributes.get("ai.operationId")
    return _OPERATIONS.get(operation) if isinstance(operation, str) else None


def _finish(span: Span) -> None:
    """Take the prompt's name from where Langfuse's guide puts it, the cost from where gateways state it, and add what
    providers count apart.

    Before version 6, which says how many tokens were not cached, the SDK passed their counts on as they are.
    """
    attributes = span.attributes
    if "ai.operationId" not in attributes:
        return
    prompt = mapping(attributes.get("ai.telemetry.metadata.langfusePrompt"))
    if prompt:
        span.prompt_name = text(prompt.get("name"))
        span.prompt_version = text(prompt.get("version"))
    metadata = mapping(attributes.get("ai.response.providerMetadata")) or {}
    if span.cost is None:
        span.cost = _stated_cost(metadata)
    if "ai.usage.inputTokenDetails.noCacheTokens" in attributes or span.input_tokens is None:
        return
    apart = _counted_apart(span, metadata)
    if apart:
        span.cache_read_tokens, span.cache_write_tokens = apart
        span.input_tokens += sum(apart)


def _stated_cost(metadata: dict[str, JSON]) -> Decimal | None:
    """What Vercel's gateway or OpenRouter took; for a call with a caller's own key, for which they take nothing, what
    the provider did."""
    for charged, upstream in _COSTS:
        cost: Decimal | None = charged(metadata)
        if cost is not None:
            taken: Decimal | None = cost or upstream(metadata)
            return taken or cost
    return None


def _counted_apart(span: Span, metadata: dict[str, JSON]) -> tuple[int, int] | None:
    """What was read from and written to a cache, where the API leaves it out of the input (Anthropic's, Bedrock's)."""
    read = span.cache_read_tokens
    if told := mapping(metadata.get("anthropic")):
        if read is None:
            read = member("usage", "cache_read_input_tokens", convert=count)(told)
        return read or 0, count(told.get("cacheCreationInputTokens")) or 0
    if span.provider == "aws.bedrock":
        return read or 0, member("bedrock", "usage", "cacheWriteInputTokens", convert=count)(metadata) or 0
    return None


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    if _CONTENT.isdisjoint(content) or "gen_ai.input.messages" in content:
        return None
    conversation = Conversation(tools=[decoded(tool) for tool in as_list(decoded(content.get("ai.prompt.tools")))])
    if "ai.prompt.messages" in content:
        conversation.input += _messages(content["ai.prompt.messages"])
    elif "ai.prompt" in content:
        conversation.input += _prompt(content["ai.prompt"])
    conversation.input += [value_message("input", _value(content[name])) for name in _INPUTS if name in content]
    parts = _answer(content)
    if parts:
        reasons = span.finish_reasons
        conversation.output.append(
            Message(role="assistant", parts=parts, finish_reason=reasons[0] if reasons else None)
        )
    conversation.output += [value_message("output", content[name]) for name in _OUTPUTS if name in content]
    return conversation


def _prompt(value: JSON) -> list[Message]:
    """What the application gave `generateText`: a system text, and a prompt or messages."""
    prompt = mapping(value)
    if prompt is None:
        return [value_message("user", value)]
    messages = []
    system = prompt.get("system", prompt.get("instructions"))
    if system:
        messages.append(Message(role="system", parts=parts_of(system)))
    if isinstance(prompt.get("messages"), list):
        messages += _messages(prompt["messages"])
    if isinstance(prompt.get("prompt"), list):
        messages += _messages(prompt["prompt"])
    elif prompt.get("prompt") is not None:
        messages.append(value_message("user", prompt["prompt"]))
    return messages


def _messages(value: JSON) -> list[Message]:
    return [
        Message(role=str(message.get("role") or "user"), parts=[_part(part) for part in as_list(message["content"])])
        if isinstance(message, dict) and "content" in message
        else value_message("user", message)
        for message in as_list(decoded(value))
    ]


def _part(part: JSON) -> Part:
    match part:
        case {"type": "tool-call"}:
            return _call(part)
        case {"type": "tool-result"}:
            result = part.get("output", part.get("result"))
            if isinstance(result, dict) and "value" in result:
                result = result["value"]
            return tool_result(part.get("toolCallId"), result)
        case {"type": "file" | "image"}:
            return _file(part) or Part(type="unknown", value=part)
        case _:
            return part_of(part)


def _call(call: JSON) -> Part:
    if not isinstance(call, dict):
        return value_part(call)
    return tool_call(call.get("toolCallId"), call.get("toolName"), call.get("input", call.get("args")))


def _file(part: dict[str, Any]) -> Part | None:
    """A file or picture: as base64, by its URL, or as what JavaScript makes of bytes (`{"0": 137, "1": 80, ...}`)."""
    data = part.get("data", part.get("image", part.get("base64")))
    if isinstance(data, dict) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in data.values()):
        data = base64.b64encode(bytes(data.values())).decode()
    media_type = text(part.get("mediaType")) or text(part.get("mimeType"))
    if not isinstance(data, str):
        return None
    if not data.startswith(("http:", "https:", "data:")):
        data = f"data:{media_type or 'application/octet-stream'};base64,{data}"
    modality = media_type.partition("/")[0] if media_type else part["type"]
    return Part(
        type="image" if modality == "image" else "audio" if modality == "audio" else "file",
        name=text(part.get("filename")),
        uri=data,
        media_type=media_type,
    )


def _answer(content: dict[str, JSON]) -> list[Part]:
    parts = [
        Part(type=kind, text=content[name])
        for name, kind in _ANSWERS.items()
        if isinstance(content.get(name), str) and content[name]
    ]
    parts += [value_part(decoded(content[name])) for name in _OBJECTS if name in content]
    parts += [_call(call) for name in _CALLS for call in as_list(decoded(content.get(name)))]
    for file in as_list(decoded(content.get("ai.response.files"))):
        found = _file({"type": "file", **file}) if isinstance(file, dict) else None
        parts.append(found or Part(type="unknown", value=file))
    return parts


def _value(value: JSON) -> JSON:
    """What was embedded: the SDK writes each value as JSON, also a text."""
    return [_value(item) for item in value] if isinstance(value, list) else parsed(value)


CONVENTION = Convention(
    name="vercel_ai",
    marks=(_SCOPE_OF_VERSION_7, "ai."),
    fields={
        "ai.model.provider": ("provider", _provider),
        "ai.model.id": ("model", text),
        "ai.response.model": ("response_model", text),
        "ai.usage.inputTokens": ("input_tokens", count),
        "ai.usage.promptTokens": ("input_tokens", count),
        "ai.usage.tokens": ("input_tokens", count),
        "ai.usage.outputTokens": ("output_tokens", count),
        "ai.usage.completionTokens": ("output_tokens", count),
        "ai.usage.inputTokenDetails.cacheReadTokens": ("cache_read_tokens", count),
        "ai.usage.cachedInputTokens": ("cache_read_tokens", count),
        "ai.usage.inputTokenDetails.cacheWriteTokens": ("cache_write_tokens", count),
        "ai.usage.outputTokenDetails.reasoningTokens": ("reasoning_tokens", count),
        "ai.usage.reasoningTokens": ("reasoning_tokens", count),
        "ai.response.msToFirstChunk": ("time_to_first_token_ns", milliseconds_to_ns),
        "ai.response.avgOutputTokensPerSecond": ("tokens_per_second", number),
        "ai.response.avgCompletionTokensPerSecond": ("tokens_per_second", number),
        "ai.response.finishReason": ("finish_reasons", texts),
        "ai.telemetry.metadata.userId": ("user_id", text),
        "ai.settings.context.userId": ("user_id", text),
        "ai.telemetry.metadata.sessionId": ("session_id", text),
        "ai.settings.context.sessionId": ("session_id", text),
        "ai.telemetry.metadata.tags": ("tags", texts),
        "ai.settings.context.tags": ("tags", texts),
        "ai.telemetry.metadata.environment": ("environment", text),
    },
    content=_CONTENT,
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
