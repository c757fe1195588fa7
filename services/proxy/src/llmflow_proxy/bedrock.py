"""Amazon Bedrock's runtime: Converse, whose shape is the same for all models, and InvokeModel, whose bodies are each
model's own."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from llmflow_core.spans import JSON
from llmflow_proxy import anthropic_messages, bedrock_models
from llmflow_proxy.media import blob, by_reference, media
from llmflow_proxy.shape import Reading, Shape, dicts, mapping, never_streamed, parsed, strings

_INFERENCE = {
    "maxTokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "topP": "gen_ai.request.top_p",
    "stopSequences": "gen_ai.request.stop_sequences",
}
_MEDIA = ("image", "document", "video", "audio")


def read_converse_request(body: dict[str, Any], reading: Reading) -> None:
    """Parameters, system prompt, messages and tools of a Converse request."""
    attributes = reading.attributes
    config = mapping(body.get("inferenceConfig"))
    attributes.update({name: config.get(parameter) for parameter, name in _INFERENCE.items()})
    tools = mapping(body.get("toolConfig"))
    guardrail = mapping(body.get("guardrailConfig"))
    attributes["llmflow.request.tool_choice"] = tools.get("toolChoice")
    attributes["aws.bedrock.guardrail.id"] = guardrail.get("guardrailIdentifier")
    attributes["llmflow.request.additional_fields"] = body.get("additionalModelRequestFields")
    reading.system = [_part(block) for block in dicts(body.get("system"))]
    reading.input = [_message(message) for message in dicts(body.get("messages"))]
    reading.tools = [_tool(tool) for tool in dicts(tools.get("tools"))]
    if isinstance(user := mapping(body.get("requestMetadata")).get("user_id"), str):
        reading.user = user


def read_converse_stream_request(body: dict[str, Any], reading: Reading) -> None:
    """A request whose path, not its body, asks for a stream."""
    read_converse_request(body, reading)
    reading.attributes["gen_ai.request.stream"] = True


def read_converse_response(body: dict[str, Any], reading: Reading) -> None:
    """Answer and usage of a Converse response, and the model that a prompt router chose."""
    attributes = reading.attributes
    reason = body.get("stopReason")
    routed = mapping(mapping(body.get("trace")).get("promptRouter"))
    attributes["gen_ai.response.model"] = routed.get("invokedModelId")
    attributes["gen_ai.response.finish_reasons"] = [reason] if reason else None
    if message := mapping(mapping(body.get("output")).get("message")):
        reading.output.append({**_message(message), "finish_reason": reason})
    if isinstance(latency := mapping(body.get("metrics")).get("latencyMs"), (int, float)):
        attributes["llmflow.response.provider_time"] = latency / 1e3
    usage = mapping(body.get("usage"))
    read, written = usage.get("cacheReadInputTokens"), usage.get("cacheWriteInputTokens")
    # The API counts cached input apart; the conventions count it in.
    asked = [count for count in (usage.get("inputTokens"), read, written) if isinstance(count, int)]
    attributes["gen_ai.usage.input_tokens"] = sum(asked) if asked else None
    attributes["gen_ai.usage.output_tokens"] = usage.get("outputTokens")
    attributes["gen_ai.usage.cache_read.input_tokens"] = read
    attributes["gen_ai.usage.cache_write.input_tokens"] = written
    for detail in dicts(usage.get("cacheDetails")):
        if detail.get("ttl") in ("5m", "1h"):
            attributes[f"llmflow.usage.cache_write_{detail['ttl']}.input_tokens"] = detail.get("inputTokens")


def _message(message: Mapping[str, Any]) -> dict[str, JSON]:
    return {"role": str(message.get("role")), "parts": [_part(block) for block in dicts(message.get("content"))]}


def _part(block: dict[str, Any]) -> JSON:
    """A content block: an object whose only member says what it is."""
    kind, value = next(iter(block.items()), ("", None))
    inner = mapping(value)
    if kind == "text":
        return {"type": "text", "content": by_reference(value)}
    if kind == "toolUse":
        arguments = by_reference(inner.get("input"))
        return {"type": "tool_call", "id": inner.get("toolUseId"), "name": inner.get("name"), "arguments": arguments}
    if kind == "toolResult":
        response = [_result(part) for part in dicts(inner.get("content"))]
        part = {"type": "tool_call_response", "id": inner.get("toolUseId"), "response": response}
        return {**part, "is_error": True} if inner.get("status") == "error" else part
    if kind == "reasoningContent":
        return {"type": "reasoning", "content": mapping(inner.get("reasoningText")).get("text", "[redacted]")}
    if kind in _MEDIA:
        return _file(kind, inner)
    return by_reference(block)


def _result(part: dict[str, Any]) -> JSON:
    return by_reference(part["json"]) if "json" in part else _part(part)


def _file(kind: str, inner: Mapping[str, Any]) -> JSON:
    source = mapping(inner.get("source"))
    media_type = f"{'application' if kind == 'document' else kind}/{inner.get('format')}"
    if isinstance(data := source.get("bytes"), str):
        return blob(kind, media_type, data)
    return media(kind, str(mapping(source.get("s3Location")).get("uri", "")), media_type)


def _tool(tool: dict[str, Any]) -> JSON:
    spec = mapping(tool.get("toolSpec"))
    if not spec:
        return tool
    schema = mapping(spec.get("inputSchema")).get("json")
    return {"type": "function", "name": spec.get("name"), "description": spec.get("description"), "parameters": schema}


def reassemble_converse(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The response that the events of ConverseStream add up to."""
    body: dict[str, Any] = {}
    blocks: dict[str, dict[str, Any]] = {}
    role = "assistant"
    for event in events:
        kind, value = next(iter(event.items()), ("", None))
        inner = mapping(value)
        block = blocks.setdefault(str(inner.get("contentBlockIndex", 0)), {}) if kind.startswith("contentBlock") else {}
        match kind:
            case "messageStart":
                role = str(inner.get("role", role))
            case "contentBlockStart":
                block.update({name: dict(mapping(start)) for name, start in mapping(inner.get("start")).items()})
            case "contentBlockDelta":
                _extend(block, mapping(inner.get("delta")))
            case "messageStop":
                body["stopReason"] = inner.get("stopReason")
            case "metadata":
                body |= inner
            case "error":
                body["error"] = value
    if blocks:
        content = [_finished(block) for block in blocks.values() if block]
        body["output"] = {"message": {"role": role, "content": content}}
    return body


def _extend(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Collect the pieces of a delta as lists of text: {"text": [..]}, {"toolUse": {"input": [..]}}."""
    for name, value in delta.items():
        known = block.get(name)
        if isinstance(value, str) and isinstance(known, list):
            known.append(value)
        elif isinstance(value, str):
            block[name] = [value]
        elif isinstance(value, dict):
            block[name] = known if isinstance(known, dict) else {}
            _extend(block[name], value)


def _finished(block: dict[str, Any]) -> dict[str, Any]:
    joined = _joined(block)
    if tool := mapping(joined.get("toolUse")):
        return {"toolUse": {**tool, "input": parsed(tool.get("input") or "{}")}}
    if reasoning := mapping(joined.get("reasoningContent")):
        return {"reasoningContent": {"reasoningText": {"text": reasoning.get("text", "[redacted]")}}}
    return dict(mapping(joined))


def _joined(value: Any) -> Any:
    if isinstance(value, list):
        return "".join(strings(value))
    return {name: _joined(item) for name, item in value.items()} if isinstance(value, dict) else value


def reassemble_invoke(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The model's own response that the chunks of InvokeModelWithResponseStream add up to."""
    error: JSON = None
    chunks = []
    for event in events:
        error = event.get("error") or error
        try:
            chunk = orjson.loads(base64.b64decode(str(mapping(event.get("chunk")).get("bytes", ""))))
        except (binascii.Error, ValueError):
            continue
        if isinstance(chunk, dict):
            chunks.append(chunk)
    body = _reassembled(chunks)
    for chunk in chunks:
        if metrics := mapping(chunk.get("amazon-bedrock-invocationMetrics")):
            body["amazon-bedrock-invocationMetrics"] = metrics
    return {**body, "error": error} if error else body


def _reassembled(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    if any(chunk.get("type") == "message_start" for chunk in chunks):
        return anthropic_messages.reassemble(chunks)
    if any("messageStart" in chunk or "contentBlockDelta" in chunk for chunk in chunks):
        return reassemble_converse(chunks)
    return bedrock_models.reassemble(chunks)


def read_invoke_request(body: dict[str, Any], reading: Reading) -> None:
    """A request in the model's own shape, which the body itself gives away."""
    if "anthropic_version" in body:
        anthropic_messages.read_request(body, reading)
    elif "inferenceConfig" in body or "schemaVersion" in body:
        read_converse_request(body, reading)
    else:
        bedrock_models.read_request(body, reading)


def read_invoke_stream_request(body: dict[str, Any], reading: Reading) -> None:
    """A request whose path, not its body, asks for a stream."""
    read_invoke_request(body, reading)
    reading.attributes["gen_ai.request.stream"] = True


def read_invoke_response(body: dict[str, Any], reading: Reading) -> None:
    """A response in the model's own shape."""
    if "stop_reason" in body and "content" in body:
        anthropic_messages.read_response(body, reading)
    elif "output" in body and "stopReason" in body:
        read_converse_response(body, reading)
    else:
        bedrock_models.read_response(body, reading)


def read_count(body: dict[str, Any], reading: Reading) -> None:
    """The count, which is no usage: nothing was generated."""
    reading.attributes["llmflow.counted.input_tokens"] = body.get("inputTokens")


def read_count_request(body: dict[str, Any], reading: Reading) -> None:
    """What is to be counted: a Converse request."""
    read_converse_request(dict(mapping(mapping(body.get("input")).get("converse"))), reading)


SHAPES = {
    "/model/{model}/converse": Shape("chat", read_converse_request, read_converse_response, reassemble_converse),
    "/model/{model}/converse-stream": Shape(
        "chat", read_converse_stream_request, read_converse_response, reassemble_converse
    ),
    "/model/{model}/invoke": Shape("chat", read_invoke_request, read_invoke_response, reassemble_invoke),
    "/model/{model}/invoke-with-response-stream": Shape(
        "chat", read_invoke_stream_request, read_invoke_response, reassemble_invoke
    ),
    "/model/{model}/count-tokens": Shape(None, read_count_request, read_count, never_streamed),
}
