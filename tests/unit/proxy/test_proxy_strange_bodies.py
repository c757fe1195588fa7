"""Bodies that are not what the documentation says: whatever comes, nothing is raised and the record stays JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from llmflow_proxy import (
    anthropic_messages,
    anthropic_resources,
    bedrock,
    cohere,
    cohere_v1,
    gemini,
    gemini_interactions,
    mistral,
    ollama,
    openai_chat,
    openai_decisions,
    openai_media,
    openai_responses,
)
from llmflow_proxy.shape import Reading, Shape, json_object

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


_INTERACTION_STEPS = [
    {"type": "user_input", "content": [{"type": "text", "text": "q"}]},
    {"type": "thought", "summary": [{"type": "text", "text": "hm"}]},
    {"type": "function_call", "id": "c", "name": "f", "arguments": {"a": 1}},
    {"type": "function_result", "call_id": "c", "result": [{"type": "text", "text": "r"}], "is_error": True},
    {"type": "google_search_call", "id": "s", "arguments": {"queries": ["q"]}},
    {"type": "google_search_result", "call_id": "s", "result": [{"url": "u"}]},
    {
        "type": "model_output",
        "content": [{"type": "text", "text": "a"}, {"type": "image", "data": "AAAA", "mime_type": "image/png"}],
    },
]
_INTERACTION_USAGE = {
    "total_input_tokens": 5,
    "total_output_tokens": 7,
    "total_tool_use_tokens": 2,
    "total_thought_tokens": 3,
    "total_cached_tokens": 1,
    "input_tokens_by_modality": [{"modality": "audio", "tokens": 1}],
    "grounding_tool_count": [{"type": "google_search", "count": 1}],
}
_RESPONSE_USAGE = {
    "input_tokens": 5,
    "input_tokens_details": {"cached_tokens": 1},
    "output_tokens": 3,
    "cost": 0.1,
    "output_tokens_details": {"reasoning_tokens": 1},
    "cost_in_usd_ticks": 5,
}
_RESPONSE: dict[str, Any] = {
    "id": "r",
    "model": "m",
    "status": "completed",
    "usage": _RESPONSE_USAGE,
    "output": [
        {"type": "message", "status": "completed", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "file_search_call", "status": "completed", "queries": ["q"]},
        {"type": "image_generation_call", "status": "completed", "result": "AAAA"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
    ],
    "tools": [{"type": "image_generation", "model": "gpt-image-1"}],
    "tool_usage": {
        "web_search": {"num_requests": 1},
        "image_gen": {
            "total_tokens": 5,
            "input_tokens": 2,
            "output_tokens": 3,
            "output_tokens_details": {"image_tokens": 3},
        },
    },
}
_CONNECTED = {"prompt_tokens": 3, "completion_tokens": 2, "connector_tokens": 1, "connectors": {"web_search": 1}}
BODIES |= {
    "interactions": (
        gemini_interactions.SHAPES["/interactions"],
        {
            "model": "m",
            "input": _INTERACTION_STEPS,
            "system_instruction": "s",
            "tools": [{"type": "google_search"}],
            "generation_config": {"temperature": 1},
        },
        {
            "id": "i",
            "model": "gemini-3-pro",
            "status": "completed",
            "steps": _INTERACTION_STEPS,
            "usage": _INTERACTION_USAGE,
        },
        [
            {
                "event_type": "interaction.start",
                "interaction": {"id": "i", "model": "gemini-2.5-pro", "status": "in_progress"},
            },
            {"event_type": "step.start", "index": 0, "step": {"type": "thought"}},
            {
                "event_type": "step.delta",
                "index": 0,
                "delta": {"type": "thought_summary", "content": {"type": "text", "text": "hm"}},
            },
            {"event_type": "step.delta", "index": 0, "delta": {"type": "thought_signature", "signature": "x"}},
            {"event_type": "step.start", "index": 1, "step": {"type": "model_output"}},
            {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "a"}},
            {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "b"}},
            {
                "event_type": "step.delta",
                "index": 1,
                "delta": {"type": "image", "data": "AAAA", "mime_type": "image/png"},
            },
            {"event_type": "step.start", "index": 2, "step": {"type": "function_call", "id": "c", "name": "f"}},
            {"event_type": "step.delta", "index": 2, "delta": {"type": "arguments_delta", "arguments": "{}"}},
            {"event_type": "content.delta", "index": 3, "delta": {"type": "text", "text": "b"}},
            {"event_type": "interaction.complete", "interaction": {"status": "completed", "usage": _INTERACTION_USAGE}},
        ],
    ),
    "conversations": (
        mistral.SHAPES["/conversations"],
        {
            "model": "m",
            "inputs": [
                {"role": "user", "content": [{"type": "text", "text": "q"}]},
                {"type": "function.result", "tool_call_id": "c", "result": "{}"},
            ],
            "instructions": "i",
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "completion_args": {"temperature": 1},
        },
        {
            "conversation_id": "i",
            "usage": _CONNECTED,
            "outputs": [
                {"type": "tool.execution", "id": "t", "name": "web_search", "arguments": "{}"},
                {"type": "function.call", "id": "f", "tool_call_id": "c", "name": "f", "arguments": "{}"},
                {
                    "type": "message.output",
                    "model": "m",
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "a"},
                        {"type": "image_url", "image_url": {"url": "u"}},
                        {"type": "document_url", "document_url": "u"},
                        {"type": "thinking", "thinking": [{"text": "hm"}]},
                    ],
                },
            ],
        },
        [
            {"type": "conversation.response.started", "conversation_id": "i"},
            {"type": "tool.execution.started", "id": "t", "name": "web_search", "arguments": ""},
            {"type": "tool.execution.delta", "id": "t", "name": "web_search", "arguments": "{}"},
            {"type": "message.output.delta", "id": "m", "role": "assistant", "model": "m", "content": "a"},
            {
                "type": "message.output.delta",
                "id": "m",
                "role": "assistant",
                "model": "m",
                "content": {"type": "text", "text": "b"},
            },
            {"type": "function.call.delta", "id": "f", "name": "f", "tool_call_id": "c", "arguments": "{}"},
            {"type": "conversation.response.done", "usage": _CONNECTED},
        ],
    ),
    "ocr": (
        mistral.SHAPES["/ocr"],
        {
            "model": "m",
            "document": {"type": "document_url", "document_url": "u"},
            "bbox_annotation_format": {"type": "x"},
        },
        {"model": "m", "pages": [{"markdown": "a"}], "usage_info": {"pages_processed": 1}},
        [],
    ),
    "decisions": (
        openai_decisions.SHAPE,
        {
            "model": "m",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "q"}]}],
            "questions": [{"id": "a"}],
        },
        {"model": "m", "answers": [{"id": "a"}], "usage": {"input_tokens": 3, "output_tokens": 4}},
        [],
    ),
    "responses": (
        openai_responses.SHAPE,
        {
            "model": "m",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "q"}]}],
            "tools": [{"type": "image_generation", "model": "x"}],
        },
        _RESPONSE,
        [
            {"type": "response.created", "response": {"id": "r"}},
            {"type": "response.output_item.done", "output_index": 0, "item": _RESPONSE["output"][0]},
            {"type": "response.output_text.delta", "output_index": 0, "delta": "a"},
            {"type": "response.completed", "response": _RESPONSE},
        ],
    ),
    "images": (
        openai_media.IMAGES,
        {"model": "m", "prompt": "p", "n": 1, "image": ["a"]},
        {
            "data": [{"b64_json": "AAAA"}],
            "usage": {
                "input_tokens": 1,
                "input_tokens_details": {"image_tokens": 1},
                "output_tokens": 2,
                "output_tokens_details": {"image_tokens": 2},
                "cached_tokens_details": {"cached_image_tokens": 1},
            },
            "svg_usage": {"model": "m", "input_tokens": 1, "output_tokens": 2, "reasoning_tokens": 1},
        },
        [{"type": "image_generation.completed", "b64_json": "AAAA", "usage": {"input_tokens": 1}}],
    ),
    "anthropic": (
        anthropic_messages.SHAPE,
        {
            "model": "m",
            "system": [{"type": "text", "text": "s"}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}],
            "speed": "fast",
        },
        {
            "id": "i",
            "model": "m",
            "content": [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}],
            "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 1,
                "cache_creation": {"ephemeral_5m_input_tokens": 1},
                "cache_creation_input_tokens": 1,
                "output_tokens": 2,
                "server_tool_use": {"web_search_requests": 1},
                "speed": "fast",
                "inference_geo": "us",
                "service_tier": "standard",
            },
        },
        [
            {"type": "message_start", "message": {"id": "i", "usage": {"input_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        ],
    ),
    "rerank": (
        cohere.RERANK,
        {"model": "m", "query": "q", "documents": ["a"], "top_k": 1},
        {"model": "m", "data": [{"index": 0}], "usage": {"total_tokens": 3, "cost": {"total_cost": "1"}}},
        [],
    ),
    "searched": (
        gemini.SHAPES["/models/{model}:generateContent"],
        {"contents": []},
        {
            "modelVersion": "gemini-2.5",
            "candidates": [{"groundingMetadata": {"webSearchQueries": ["a"]}, "content": {"parts": []}}],
            "usageMetadata": {
                "promptTokenCount": 1,
                "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}],
                "trafficType": "ON_DEMAND_FLEX",
            },
        },
        [{"candidates": [{"groundingMetadata": {"webSearchQueries": ["a"]}}]}],
    ),
    "compatible-usage": (
        openai_chat.SHAPE,
        {"model": "m", "messages": []},
        {
            "choices": [{"message": {"content": "a"}}],
            "usage": {
                "prompt_tokens": 1,
                "completion_tokens": 2,
                "total_tokens": 5,
                "reasoning_tokens": 4,
                "cached_tokens": 1,
                "prompt_audio_seconds": 3,
                "cost": 0.5,
                "is_byok": True,
                "cost_details": {"upstream_inference_cost": 1},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
        },
        [],
    ),
}


def mutants(value: Any) -> Iterator[Any]:
    """`value` with one of its parts, however deep, replaced by something of another type."""
    yield from (None, 7, math.nan, "text", [], {}, [None], [{}], ["text"], {"type": []}, {"type": "text"})
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


def test_numbers_beyond_64_bits_do_no_harm_beside_what_is_no_json() -> None:
    found = json_object(b'{"no": NaN, "long": [123456789012345678901234567890], "longer": -%b}' % (b"9" * 400))
    assert found is not None
    assert orjson.loads(orjson.dumps(found)) == {"no": None, "long": [123456789012345678901234567890.0], "longer": None}
