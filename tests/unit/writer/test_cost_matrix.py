"""What calls cost: usage bodies of the providers, read by the proxy and by the writer, beside figures that were worked
out by hand from the price lists (US dollars a million tokens)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from llmflow_bus import Record, topics
from llmflow_core.pricing import Prices
from llmflow_core.spans import Span
from llmflow_proxy import span as proxy_span
from llmflow_proxy.capture import Budget, Capture
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.providers import providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings
from llmflow_writer.records import decode

_LIMIT = 1 << 20
_SETTINGS = {"BEDROCK_BASE_URL": "https://bedrock-runtime.us-east-1.amazonaws.com"}
_PROVIDERS = providers_of(ProxySettings.model_validate(_SETTINGS))
#: In November 2026; the price data knows batch prices and service tiers since October 2026.
_START_NS = 1_795_132_800 * 10**9
_PRICES = Prices()


def recorded(path: str, request: Any, response: Any, **headers: str) -> Span:
    """The span that the writer would store of a call."""
    exchange = Exchange(
        route=resolve(path, "", {}, _PROVIDERS),
        method="POST",
        path=path,
        query="",
        request_headers=[],
        request=Capture(_LIMIT, Budget(_LIMIT)),
        response=Capture(_LIMIT, Budget(_LIMIT)),
        start_ns=_START_NS,
        ended=2,
        started=1,
        status=200,
        response_headers=[
            (b"content-type", b"application/json"),
            *((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()),
        ],
    )
    exchange.request.add(json.dumps(request).encode())
    exchange.response.add(json.dumps(response).encode())
    built = proxy_span.build(exchange, _LIMIT)
    assert built is not None
    record = Record(topic=topics.SPANS, partition=0, offset=0, key=None, value=built[1], headers={}, timestamp_ms=0)
    decoded = decode(record, _PRICES)
    assert decoded.problems == []
    [span] = decoded.items
    assert isinstance(span, Span)
    return span


def openai(model: str, usage: dict[str, Any], tier: str = "default", **headers: str) -> Span:
    answer = {"role": "assistant", "content": "Hi"}
    response = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}],
        "usage": usage,
        "service_tier": tier,
    }
    return recorded("/v1/chat/completions", {"model": model, "messages": []}, response, **headers)


def openai_responses(model: str, usage: dict[str, Any]) -> Span:
    response = {
        "id": "resp_1",
        "object": "response",
        "model": model,
        "status": "completed",
        "output": [],
        "usage": usage,
    }
    return recorded("/v1/responses", {"model": model, "input": "Hi"}, response)


def anthropic(model: str, usage: dict[str, Any]) -> Span:
    response = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "usage": usage,
    }
    return recorded("/v1/messages", {"model": model, "max_tokens": 9, "messages": []}, response)


def gemini(model: str, usage: dict[str, Any]) -> Span:
    content = {"role": "model", "parts": [{"text": "Hi"}]}
    response = {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": usage,
        "modelVersion": model,
    }
    return recorded(f"/v1beta/models/{model}:generateContent", {"contents": []}, response)


def bedrock(model: str, usage: dict[str, Any]) -> Span:
    response = {
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn",
        "usage": usage,
        "metrics": {"latencyMs": 100},
    }
    return recorded(f"/bedrock/model/{model}/converse", {"messages": []}, response)


class Case(NamedTuple):
    """A call, and what it costs: each part as (tokens, dollars a million)."""

    span: Span
    input: list[tuple[int, str]]
    output: list[tuple[int, str]]
    other: str = "0"


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


@pytest.mark.parametrize("name", _CASES)
def test_a_call_costs_what_the_price_list_says(name: str) -> None:
    case = _CASES[name]
    million = Decimal(1_000_000)
    input_cost = sum((tokens * Decimal(rate) for tokens, rate in case.input), Decimal(0)) / million
    output_cost = sum((tokens * Decimal(rate) for tokens, rate in case.output), Decimal(0)) / million
    assert (case.span.input_cost, case.span.output_cost) == (input_cost, output_cost)
    assert case.span.cost == input_cost + output_cost + Decimal(case.other)


@pytest.mark.parametrize(
    "headers", [{"helicone_cache": "HIT"}, {"x_portkey_cache_status": "SEMANTIC HIT"}, {"cf_aig_cache_status": "HIT"}]
)
def test_what_a_gateway_answers_from_its_cache_is_not_billed(headers: dict[str, str]) -> None:
    assert openai("gpt-4o-mini", _CACHED, **headers).cost == 0
    [(name, _)] = headers.items()
    assert openai("gpt-4o-mini", _CACHED, **{name: "MISS"}).cost == _CASES["openai-cached"].span.cost
