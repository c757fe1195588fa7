"""What calls cost: usage bodies of the providers, read by the proxy and by the writer, beside figures that were worked
out by hand from the price lists (US dollars a million tokens)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from llmflow_core.spans import Span

#: A path, the bodies of a request and its answer, and headers of the answer.
Call = tuple[str, Any, Any, dict[str, str]]


def call(path: str, request: Any, response: Any, **headers: str) -> Call:
    return path, request, response, headers


def openai(model: str, usage: dict[str, Any], tier: str = "default", **headers: str) -> Call:
    answer = {"role": "assistant", "content": "Hi"}
    response = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}],
        "usage": usage,
        "service_tier": tier,
    }
    return call("/v1/chat/completions", {"model": model, "messages": []}, response, **headers)


def openai_responses(model: str, usage: dict[str, Any], **members: Any) -> Call:
    response = {
        "id": "resp_1",
        "object": "response",
        "model": model,
        "status": "completed",
        "output": [],
        "usage": usage,
        **members,
    }
    return call("/v1/responses", {"model": model, "input": "Hi"}, response)


def anthropic(model: str, usage: dict[str, Any], path: str = "/v1/messages") -> Call:
    response = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "usage": usage,
    }
    asked = {"anthropic_version": "bedrock-2023-05-31"} if "/invoke" in path else {"model": model}
    return call(path, {**asked, "max_tokens": 9, "messages": []}, response)


def gemini(model: str, usage: dict[str, Any], searched: tuple[str, ...] = (), **headers: str) -> Call:
    content = {"role": "model", "parts": [{"text": "Hi"}]}
    grounding = {"groundingMetadata": {"webSearchQueries": list(searched)}} if searched else {}
    response = {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0, **grounding}],
        "usageMetadata": usage,
        "modelVersion": model,
    }
    return call(f"/v1beta/models/{model}:generateContent", {"contents": []}, response, **headers)


def transcribed(path: str, model: str, answer: dict[str, Any]) -> Call:
    return call(path, {"model": model}, {"text": "Hi", **answer})


def bedrock(model: str, usage: dict[str, Any]) -> Call:
    response = {
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn",
        "usage": usage,
        "metrics": {"latencyMs": 100},
    }
    return call(f"/bedrock/model/{model}/converse", {"messages": []}, response)


class Case(NamedTuple):
    """A call, and what it costs: each part as (tokens, dollars a million)."""

    call: Call
    input: list[tuple[int, str]]
    output: list[tuple[int, str]]
    other: str = "0"


def assert_costs(case: Case, spans: Sequence[Span]) -> None:
    """That the spans cost together what the case says, to the last digit."""
    million, nothing = Decimal(1_000_000), Decimal(0)
    input_cost = sum((tokens * Decimal(rate) for tokens, rate in case.input), nothing) / million
    output_cost = sum((tokens * Decimal(rate) for tokens, rate in case.output), nothing) / million
    assert sum((span.input_cost or nothing for span in spans), nothing) == input_cost
    assert sum((span.output_cost or nothing for span in spans), nothing) == output_cost
    assert sum((span.cost or nothing for span in spans), nothing) == input_cost + output_cost + Decimal(case.other)


_CACHED = {"prompt_tokens": 10_000, "completion_tokens": 2_000, "prompt_tokens_details": {"cached_tokens": 6_000}}
_WRITES = {
    "input_tokens": 1_000,
    "cache_creation_input_tokens": 5_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 2_000, "ephemeral_1h_input_tokens": 3_000},
    "cache_read_input_tokens": 8_000,
    "output_tokens": 400,
}
_CASES: dict[str, Case] = {
    "openai-cached": Case(openai("gpt-4o-mini", _CACHED), [(4_000, "0.15"), (6_000, "0.075")], [(2_000, "0.6")]),
    "openai-reasoning-is-output": Case(
        openai(
            "o4-mini",
            {
                "prompt_tokens": 2_500,
                "completion_tokens": 1_800,
                "completion_tokens_details": {"reasoning_tokens": 1_500},
            },
        ),
        [(2_500, "1.1")],
        [(1_800, "4.4")],
    ),
    "openai-responses": Case(
        openai_responses(
            "gpt-5",
            {
                "input_tokens": 12_000,
                "input_tokens_details": {"cached_tokens": 10_000},
                "output_tokens": 3_000,
                "output_tokens_details": {"reasoning_tokens": 2_000},
            },
        ),
        [(2_000, "1.25"), (10_000, "0.125")],
        [(3_000, "10")],
    ),
    "openai-batch": Case(openai("gpt-5", _CACHED, tier="batch"), [(4_000, "0.625"), (6_000, "0.0625")], [(2_000, "5")]),
    "openai-flex": Case(openai("gpt-5", _CACHED, tier="flex"), [(4_000, "0.625"), (6_000, "0.0625")], [(2_000, "5")]),
    "openai-priority": Case(
        openai("gpt-5", _CACHED, tier="priority"), [(4_000, "2.5"), (6_000, "0.25")], [(2_000, "20")]
    ),
    "anthropic-cache-writes-of-both-kinds": Case(
        anthropic("claude-sonnet-4-5-20250929", _WRITES),
        [(1_000, "3"), (2_000, "3.75"), (3_000, "6"), (8_000, "0.3")],
        [(400, "15")],
    ),
    "anthropic-cache-writes-of-5-minutes": Case(
        anthropic(
            "claude-sonnet-4-5-20250929",
            {"input_tokens": 10, "cache_creation_input_tokens": 1_000, "output_tokens": 1},
        ),
        [(10, "3"), (1_000, "3.75")],
        [(1, "15")],
    ),
    "anthropic-long-context": Case(
        anthropic("claude-sonnet-4-5-20250929", {"input_tokens": 250_000, "output_tokens": 1_000}),
        [(250_000, "6")],
        [(1_000, "22.5")],
    ),
    "anthropic-batch": Case(
        anthropic("claude-sonnet-4-5-20250929", {**_WRITES, "service_tier": "batch"}),
        [(1_000, "1.5"), (2_000, "1.875"), (3_000, "3"), (8_000, "0.15")],
        [(400, "7.5")],
    ),
    "anthropic-web-searches": Case(
        anthropic(
            "claude-sonnet-4-5-20250929",
            {"input_tokens": 100, "output_tokens": 10, "server_tool_use": {"web_search_requests": 3}},
        ),
        [(100, "3")],
        [(10, "15")],
        other="0.03",
    ),
    "gemini-thinking-is-output": Case(
        gemini(
            "gemini-2.5-pro",
            {
                "promptTokenCount": 1_000,
                "candidatesTokenCount": 200,
                "thoughtsTokenCount": 800,
                "totalTokenCount": 2_000,
            },
        ),
        [(1_000, "1.25")],
        [(1_000, "10")],
    ),
    "gemini-above-200k-cached": Case(
        gemini(
            "gemini-2.5-pro",
            {"promptTokenCount": 300_000, "cachedContentTokenCount": 100_000, "candidatesTokenCount": 1_000},
        ),
        [(200_000, "2.5"), (100_000, "0.25")],
        [(1_000, "15")],
    ),
    "gemini-audio": Case(
        gemini(
            "gemini-2.5-flash",
            {
                "promptTokenCount": 1_500,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 500},
                    {"modality": "AUDIO", "tokenCount": 1_000},
                ],
                "candidatesTokenCount": 100,
            },
        ),
        [(500, "0.3"), (1_000, "1")],
        [(100, "2.5")],
    ),
    "bedrock-nova": Case(
        bedrock("amazon.nova-lite-v1:0", {"inputTokens": 2_000, "cacheReadInputTokens": 1_000, "outputTokens": 300}),
        [(2_000, "0.06"), (1_000, "0.015")],
        [(300, "0.24")],
    ),
    "bedrock-claude-cache-writes": Case(
        bedrock(
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            {
                "inputTokens": 1_000,
                "cacheReadInputTokens": 4_000,
                "cacheWriteInputTokens": 3_000,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 2_000}, {"ttl": "5m", "inputTokens": 1_000}],
                "outputTokens": 500,
            },
        ),
        [(1_000, "3.3"), (4_000, "0.33"), (2_000, "6.6"), (1_000, "4.125")],
        [(500, "16.5")],
    ),
}

_THOUSAND = {"input_tokens": 1_000, "output_tokens": 100}
_PROMPT = {"promptTokenCount": 1_000, "candidatesTokenCount": 100}
_CHAT = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}
_SOUND = [{"modality": "TEXT", "tokenCount": 500}, {"modality": "AUDIO", "tokenCount": 9_500}]
_SEARCHES = [
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "a"}},
    {"type": "web_search_call", "id": "ws_2", "status": "completed", "action": {"type": "open_page", "url": "u"}},
    {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["a"]},
    {"type": "file_search_call", "id": "fs_2", "status": "failed", "queries": ["b"]},
]
_DOCUMENT = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
_READ = {"pages": [], "model": "mistral-ocr-2512-completion", "usage_info": {"pages_processed": 29}}
_CASES |= {
    "anthropic-fast": Case(
        anthropic("claude-opus-5", {**_THOUSAND, "speed": "fast", "service_tier": "standard"}),
        [(1_000, "10")],
        [(100, "50")],
    ),
    "anthropic-in-the-us-only": Case(
        anthropic(
            "claude-opus-4-6", {**_THOUSAND, "inference_geo": "us", "server_tool_use": {"web_search_requests": 1}}
        ),
        [(1_000, "5.5")],
        [(100, "27.5")],
        other="0.01",
    ),
    "bedrock-global-profile-whose-model-names-itself": Case(
        anthropic(
            "claude-sonnet-4-5-20250929",
            _THOUSAND,
            "/bedrock/model/global.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke",
        ),
        [(1_000, "3")],
        [(100, "15")],
    ),
    "bedrock-prompt-router": Case(
        call(
            "/bedrock/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Adefault-prompt-router%2Famazon.nova%3A1/converse",
            {"messages": []},
            {
                "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 1_000, "outputTokens": 100},
                "trace": {
                    "promptRouter": {
                        "invokedModelId": "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0"
                    }
                },
            },
        ),
        [(1_000, "0.06")],
        [(100, "0.24")],
    ),
    "azure-claude": Case(
        anthropic("claude-sonnet-4-5-20250929", _THOUSAND, "/azure/anthropic/v1/messages"),
        [(1_000, "3")],
        [(100, "15")],
    ),
    "vertex-in-openais-words": Case(
        call(
            "/vertex/v1/projects/p/locations/global/endpoints/openapi/chat/completions",
            {"model": "google/gemini-2.5-flash", "messages": []},
            {"model": "google/gemini-2.5-flash", "choices": [], "usage": _CHAT},
        ),
        [(1_000, "0.3")],
        [(100, "2.5")],
    ),
    "huggingface-by-who-serves-it": Case(
        call(
            "/huggingface/v1/chat/completions",
            {"model": "meta-llama/Llama-3.3-70B-Instruct:novita", "messages": []},
            {"model": "meta-llama/llama-3.3-70b-instruct", "choices": [], "usage": _CHAT},
        ),
        [(1_000, "0.135")],
        [(100, "0.4")],
    ),
    "deepseek-cached": Case(
        call(
            "/deepseek/chat/completions",
            {"model": "deepseek-chat", "messages": []},
            {"model": "deepseek-chat", "choices": [], "usage": {**_CHAT, "prompt_cache_hit_tokens": 600}},
        ),
        [(400, "0.135"), (600, "0.035")],
        [(100, "0.55")],
    ),
    "openai-searches": Case(
        openai_responses("gpt-5", _THOUSAND, output=_SEARCHES),
        [(1_000, "1.25")],
        [(100, "10")],
        other="0.0125",
    ),
    "openai-searches-that-are-charged": Case(
        openai_responses("gpt-5", _THOUSAND, output=_SEARCHES[:2], tool_usage={"web_search": {"num_requests": 3}}),
        [(1_000, "1.25")],
        [(100, "10")],
        other="0.03",
    ),
    "openai-compaction": Case(
        call("/v1/responses/compact", {"model": "gpt-5", "input": "Hi"}, {"output": [], "usage": _THOUSAND}),
        [(1_000, "1.25")],
        [(100, "10")],
    ),
    "openai-decisions-charge-the-input": Case(
        call(
            "/v1/decisions",
            {"model": "gpt-6-luna", "input": "Hi", "questions": [{"type": "predicate", "text": "Is it?"}]},
            {"model": "gpt-6-luna", "answers": [{"type": "predicate", "probability": 0.9}], "usage": _THOUSAND},
        ),
        [(1_000, "0.1")],
        [],
    ),
    "openai-sound-by-the-minute": Case(
        transcribed("/v1/audio/transcriptions", "whisper-1", {"usage": {"type": "duration", "seconds": 60}}),
        [(1_000_000, "0.006")],
        [],
    ),
    "openai-sound-of-half-seconds": Case(
        transcribed("/v1/audio/transcriptions", "whisper-1", {"duration": 30.5, "language": "english"}),
        [(1_000_000, "0.00305")],
        [],
    ),
    "openai-speech-by-the-character": Case(
        call("/v1/audio/speech", {"model": "tts-1", "input": "x" * 1_000, "voice": "alloy"}, b"ID3"),
        [(1_000, "15")],
        [],
    ),
    "mistral-sound": Case(
        transcribed(
            "/mistral/v1/audio/transcriptions",
            "voxtral-mini-latest",
            {"usage": {"prompt_audio_seconds": 60, "prompt_tokens": 4, "completion_tokens": 30, "total_tokens": 900}},
        ),
        [(1_000_000, "0.003")],
        [],
    ),
    "mistral-pages": Case(
        call("/mistral/v1/ocr", {"model": "mistral-ocr-2512", "document": _DOCUMENT}, _READ),
        [(29_000, "2")],
        [],
    ),
    "mistral-annotated-pages": Case(
        call(
            "/mistral/v1/ocr",
            {"model": "mistral-ocr-2512", "document": _DOCUMENT, "bbox_annotation_format": {"type": "json_schema"}},
            _READ,
        ),
        [(29_000, "3")],
        [],
    ),
    "mistral-fill-in-the-middle": Case(
        call(
            "/mistral/v1/fim/completions",
            {"model": "codestral-latest", "prompt": "def f(", "suffix": "return a"},
            {
                "model": "codestral-latest",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": "a):"}}],
                "usage": _CHAT,
            },
        ),
        [(1_000, "0.3")],
        [(100, "0.9")],
    ),
    "gemini-cached-audio": Case(
        gemini(
            "gemini-2.5-flash",
            {
                "promptTokenCount": 10_000,
                "cachedContentTokenCount": 9_900,
                "promptTokensDetails": _SOUND,
                "cacheTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 400},
                    {"modality": "AUDIO", "tokenCount": 9_500},
                ],
                "candidatesTokenCount": 100,
            },
        ),
        [(100, "0.3"), (400, "0.03"), (9_500, "0.1")],
        [(100, "2.5")],
    ),
    "gemini-cached-nobody-says-what": Case(
        gemini(
            "gemini-2.5-flash",
            {
                "promptTokenCount": 10_000,
                "cachedContentTokenCount": 9_900,
                "promptTokensDetails": _SOUND,
                "candidatesTokenCount": 100,
            },
        ),
        [(100, "1"), (500, "0.03"), (9_400, "0.1")],
        [(100, "2.5")],
    ),
    "gemini-2-is-charged-for-a-prompt-with-searches": Case(
        gemini("gemini-2.5-flash", _PROMPT, searched=("a", "b")), [(1_000, "0.3")], [(100, "2.5")], other="0.035"
    ),
    "gemini-3-is-charged-for-each-search": Case(
        gemini("gemini-3-flash-preview", _PROMPT, searched=("a", "", "b", "a")),
        [(1_000, "0.5")],
        [(100, "3")],
        other="0.028",
    ),
    "gemini-embeds-pictures": Case(
        call(
            "/v1beta/models/gemini-embedding-2:embedContent",
            {"content": {"parts": [{"text": "Hi"}]}},
            {
                "embedding": {"values": [1.0]},
                "usageMetadata": {
                    "promptTokenCount": 300,
                    "promptTokensDetails": [
                        {"modality": "TEXT", "tokenCount": 100},
                        {"modality": "DOCUMENT", "tokenCount": 80},
                        {"modality": "IMAGE", "tokenCount": 20},
                        {"modality": "VIDEO", "tokenCount": 100},
                    ],
                },
            },
        ),
        [(100, "0.2"), (100, "0.45"), (100, "12")],
        [],
    ),
}


def openai_batch(model: str, usage: dict[str, Any], calls: int, path: str = "/v1/batches/batch_1") -> Call:
    batch = {
        "id": "batch_1",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "model": model,
        "status": "completed",
        "created_at": 1_795_100_000,
        "completed_at": 1_795_103_600,
        "request_counts": {"total": calls, "completed": calls, "failed": 0},
        "usage": usage,
    }
    return call(path, {}, batch)


def gemini_batch(*usages: tuple[str, dict[str, Any]]) -> Call:
    answers = [{"response": {"usageMetadata": usage, "modelVersion": model}} for model, usage in usages]
    batch = {
        "name": "batches/1",
        "metadata": {
            "state": "BATCH_STATE_SUCCEEDED",
            "createTime": "2026-11-20T10:00:00.827892252Z",
            "model": "models/gemini-2.5-pro",
        },
        "done": True,
        "response": {"inlinedResponses": {"inlinedResponses": answers}},
    }
    return call("/v1beta/batches/1", {}, batch)


_LINES = {"method": "GET", "content_type": "application/x-jsonl"}


def anthropic_batch(*usages: tuple[str, dict[str, Any]]) -> Call:
    messages = [
        {"type": "message", "model": model, "usage": usage | {"service_tier": "batch"}} for model, usage in usages
    ]
    results = [{"custom_id": "a", "result": {"type": "succeeded", "message": message}} for message in messages]
    lines = "".join(json.dumps(result) + "\n" for result in results)
    return call("/v1/messages/batches/msgbatch_1/results", {}, lines.encode(), **_LINES)


_BATCHED = {"input_tokens": 400_000, "output_tokens": 50_000, "input_tokens_details": {"cached_tokens": 100_000}}
#: What the calls of a batch cost together.
_BATCHES: dict[str, Case] = {
    "openai": Case(
        openai_batch("gpt-5-2025-08-07", _BATCHED, 100), [(300_000, "0.625"), (100_000, "0.0625")], [(50_000, "5")]
    ),
    "openai-in-the-tier-of-the-average": Case(
        openai_batch("gpt-5.4", _BATCHED, 2), [(300_000, "1.25"), (100_000, "0.13")], [(50_000, "7.5")]
    ),
    "openai-of-long-prompts": Case(
        openai_batch("gpt-5.4", _BATCHED, 1), [(300_000, "2.5"), (100_000, "0.25")], [(50_000, "11.25")]
    ),
    "azure": Case(
        openai_batch("gpt-4o-mini", _BATCHED | {"input_tokens_details": None}, 100, "/azure/openai/batches/batch_1"),
        [(400_000, "0.075")],
        [(50_000, "0.3")],
    ),
    "gemini-of-which-some-are-long": Case(
        gemini_batch(
            *[("gemini-2.5-pro", {"promptTokenCount": 150_000, "candidatesTokenCount": 1_000})] * 2,
            ("gemini-2.5-pro", {"promptTokenCount": 250_000, "candidatesTokenCount": 500, "thoughtsTokenCount": 500}),
        ),
        [(300_000, "0.625"), (250_000, "1.25")],
        [(2_000, "5"), (1_000, "7.5")],
    ),
    "anthropic-with-cache-writes-of-both-kinds-and-searches": Case(
        anthropic_batch(
            ("claude-sonnet-4-5-20250929", _WRITES),
            ("claude-sonnet-4-5-20250929", {**_WRITES, "server_tool_use": {"web_search_requests": 3}}),
            ("claude-haiku-4-5", _THOUSAND),
        ),
        [(2_000, "1.5"), (4_000, "1.875"), (6_000, "3"), (16_000, "0.15"), (1_000, "0.5")],
        [(800, "7.5"), (100, "2.5")],
        other="0.03",
    ),
    "anthropic-in-the-us-only-and-not": Case(
        anthropic_batch(("claude-opus-4-6", _THOUSAND | {"inference_geo": "us"}), ("claude-opus-4-6", _THOUSAND)),
        [(1_000, "2.75"), (1_000, "2.5")],
        [(100, "13.75"), (100, "12.5")],
    ),
    "gemini-of-two-models-and-sound": Case(
        gemini_batch(
            ("gemini-2.5-flash", {"promptTokenCount": 10_000, "promptTokensDetails": _SOUND}),
            ("gemini-2.5-flash", {"promptTokenCount": 10_000, "promptTokensDetails": _SOUND}),
            ("gemini-2.5-pro", {"promptTokenCount": 10_000, "candidatesTokenCount": 100}),
        ),
        [(1_000, "0.15"), (19_000, "0.5"), (10_000, "0.625")],
        [(100, "5")],
    ),
}


@pytest.mark.parametrize("name", _BATCHES)
def test_a_batch_costs_what_the_price_list_says(name: str, recorded: Callable[..., list[Span]]) -> None:
    case = _BATCHES[name]
    path, request, response, headers = case.call
    asked_for, *spans = recorded(path, request, response, **headers)
    assert asked_for.cost is None
    assert_costs(case, spans)


@pytest.mark.parametrize("name", _CASES)
def test_a_call_costs_what_the_price_list_says(name: str, recorded: Callable[..., list[Span]]) -> None:
    case = _CASES[name]
    path, request, response, headers = case.call
    [span] = recorded(path, request, response, **headers)
    assert_costs(case, [span])
