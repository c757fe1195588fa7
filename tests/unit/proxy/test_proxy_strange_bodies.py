"""Bodies that are not what the documentation says: whatever comes, nothing is raised and the record stays JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmflow_proxy import anthropic_resources, bedrock, cohere, cohere_v1, gemini, ollama, openai_chat
from llmflow_proxy.shape import Reading, Shape

_CALL = {"id": "c", "index": 0, "function": {"name": "f", "arguments": "{}"}}
_BLOCKS = [
    {"text": "hi"},
    {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}},
    {"toolResult": {"toolUseId": "t", "content": [{"json": {}}]}},
    {"image": {"format": "png", "source": {"bytes": "QQ=="}}},
    {"reasoningContent": {"reasoningText": {"text": "hm"}}},
]
_PARTS = [
    {"text": "hi", "thought": True},
    {"functionCall": {"name": "f", "args": {}}},
    {"functionResponse": {"name": "f", "response": {}}},
    {"inlineData": {"mimeType": "image/png", "data": "QQ=="}},
    {"fileData": {"mimeType": "image/png", "fileUri": "gs://x"}},
]
_USAGE = {"billed_units": {"input_tokens": 1.0}, "tokens": {"input_tokens": 1}, "cost": {"total_cost": 1}}
_MESSAGE = {
    "role": "user",
    "content": [{"type": "thinking", "thinking": [{"text": "hm"}]}, {"type": "image_url", "image_url": {"url": "u"}}],
    "thinking": "hm",
    "images": ["QQ=="],
    "tool_plan": "p",
    "tool_calls": [_CALL],
}
#: By API: a request, a response and the events of a stream.
BODIES: dict[str, tuple[Shape, dict[str, Any], dict[str, Any], list[dict[str, Any]]]] = {
    "gemini": (
        gemini.SHAPES["/models/{model}:generateContent"],
        {"contents": [{"role": "user", "parts": _PARTS}], "systemInstruction": {"parts": [{"text": "s"}]},
         "tools": [{"functionDeclarations": [{"name": "f"}]}], "generationConfig": {"topK": 1, "candidateCount": 2}},
        {"candidates": [{"content": {"parts": _PARTS}, "finishReason": "STOP"}], "promptFeedback": {"blockReason": "X"},
         "usageMetadata": {"promptTokenCount": 1, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}]}},
        [{"candidates": [{"index": 0, "content": {"parts": _PARTS}}], "usageMetadata": {"promptTokenCount": 1}}],
    ),
    "gemini-predict": (
        gemini.SHAPES["/models/{model}:predict"],
        {"instances": [{"prompt": "p", "image": {"bytesBase64Encoded": "AAAA"}}], "parameters": {"sampleCount": 1}},
        {"predictions": [{"bytesBase64Encoded": "AAAA", "mimeType": "image/png"}, {"raiFilteredReason": "r"}]},
        [],
    ),
    "gemini-embed": (
        gemini.SHAPES["/models/{model}:batchEmbedContents"],
        {"requests": [{"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 3}]},
        {"embeddings": [{"values": [1.0]}]},
        [],
    ),
    "cohere": (
        cohere.SHAPES["/v2/chat"],
        {"model": "m", "messages": [_MESSAGE], "tools": [{"function": {"name": "f"}}], "documents": [{"data": {}}]},
        {"id": "i", "message": _MESSAGE, "finish_reason": "COMPLETE", "usage": _USAGE},
        [{"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "hi"}}}},
         {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": _CALL}}},
         {"type": "message-end", "delta": {"usage": _USAGE, "finish_reason": "COMPLETE"}}],
    ),
    "cohere-v1": (
        cohere_v1.SHAPES["/v1/chat"],
        {"model": "m", "preamble": "p", "message": "q", "chat_history": [{"role": "USER", "message": "a"}],
         "tools": [{"name": "f"}], "tool_results": [{"call": {"name": "f"}, "outputs": [{}]}], "documents": [{}]},
        {"response_id": "i", "text": "t", "tool_calls": [{"name": "f", "parameters": {}}], "meta": _USAGE},
        [{"event_type": "text-generation", "text": "hi"}, {"event_type": "tool-calls-generation", "tool_calls": [{}]},
         {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {"text": "hi", "meta": _USAGE}}],
    ),
    "cohere-embed": (
        cohere.SHAPES["/v2/embed"],
        {"model": "m", "texts": ["a"], "images": ["data:x"], "inputs": [{"content": [{"type": "text", "text": "a"}]}]},
        {"embeddings": {"float": [[1.0]]}, "meta": _USAGE},
        [],
    ),
    "cohere-rerank": (
        cohere.SHAPES["/v2/rerank"],
        {"model": "m", "query": "q", "documents": ["a"], "top_n": 1},
        {"results": [{"index": 0, "relevance_score": 1.0}], "meta": _USAGE},
        [],
    ),
    "ollama": (
        ollama.SHAPES["/api/chat"],
        {"model": "m", "messages": [_MESSAGE], "tools": [{"function": {"name": "f"}}], "options": {"stop": "x"}},
        {"model": "m", "message": _MESSAGE, "done_reason": "stop", "eval_count": 1, "load_duration": 1},
        [{"message": _MESSAGE, "done": True}, {"response": "a", "thinking": "b"}],
    ),
    "ollama-embed": (ollama.SHAPES["/api/embed"], {"model": "m", "input": ["a"]}, {"embeddings": [[1.0]]}, []),
    "converse": (
        bedrock.SHAPES["/model/{model}/converse"],
        {"messages": [{"role": "user", "content": _BLOCKS}], "system": [{"text": "s"}],
         "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}]}},
        {"output": {"message": {"role": "assistant", "content": _BLOCKS}}, "metrics": {"latencyMs": 1},
         "usage": {"inputTokens": 1, "cacheReadInputTokens": 1, "cacheDetails": [{"ttl": "1h", "inputTokens": 1}]}},
        [{"contentBlockStart": {"contentBlockIndex": 0, "start": {"toolUse": {"name": "f"}}}},
         {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{}"}}}},
         {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"reasoningContent": {"text": "hm"}}}},
         {"metadata": {"usage": {"inputTokens": 1}}}],
    ),
    "invoke": (
        bedrock.SHAPES["/model/{model}/invoke"],
        {"prompt": "p", "textGenerationConfig": {"topP": 1}, "messages": []},
        {"results": [{"outputText": "a", "tokenCount": 1}], "inputTextTokenCount": 1,
         "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}},
        [{"chunk": {"bytes": "eyJnZW5lcmF0aW9uIjoiYSJ9"}}],
    ),
    "batches": (
        anthropic_resources.SHAPES["/messages/batches"],
        {"requests": [{"params": {"model": "m"}}], "file": {"name": "a"}},
        {"id": "b", "request_counts": {"errored": 1}, "data": [{}]},
        [],
    ),
    "compatible": (
        openai_chat.SHAPE,
        {"model": "m", "messages": [_MESSAGE]},
        {"choices": [{"message": _MESSAGE}], "usage": _USAGE, "x_groq": {"usage": {}}, "citations": ["u"]},
        [{"choices": [{"delta": {"content": _MESSAGE["content"]}}], "x_groq": {"usage": {"queue_time": 1}}}],
    ),
}  # fmt: skip


def mutants(value: Any) -> Iterator[Any]:
    """`value` with one of its parts, however deep, replaced by something of another type."""
    yield from (None, 7, "text", [], {}, [None], [{}], ["text"], {"type": []})
    if isinstance(value, dict):
        for name, item in value.items():
            yield from ({**value, name: mutant} for mutant in mutants(item))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], mutant, *value[index + 1 :]] for mutant in mutants(item))


@pytest.mark.parametrize("name", BODIES)
def test_strange_bodies_do_no_harm(name: str) -> None:
    shape, request, response, events = BODIES[name]
    for mutant in mutants(request):
        if isinstance(mutant, dict):
            reading = Reading()
            shape.read_request(mutant, reading)
            assert json.dumps([reading.input, reading.system, reading.tools, reading.attributes])
    for mutant in mutants(response):
        if isinstance(mutant, dict):
            reading = Reading()
            shape.read_response(mutant, reading)
            assert json.dumps([reading.output, reading.attributes])
    for mutant in mutants(events):
        reading = Reading()
        shape.read_response(shape.reassemble([item for item in mutant or [] if isinstance(item, dict)])
                            if isinstance(mutant, list) else {}, reading)  # fmt: skip
        assert json.dumps(reading.output)
