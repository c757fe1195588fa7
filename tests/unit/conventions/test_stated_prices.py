"""What instrumentations say that changes the price of a call, each in names of its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from llmflow_core.conventions import apply_conventions
from llmflow_core.pricing import Prices
from llmflow_core.spans import JSON, Span


def priced(attributes: dict[str, JSON]) -> Span:
    """A span of November 2026 with these attributes."""
    span = Span(
        trace_id=b"t" * 16, span_id=b"s" * 8, name="n", start_time_ns=1_795_132_800 * 10**9, duration_ns=1,
        attributes=attributes,
    )  # fmt: skip
    apply_conventions(span)
    Prices().price(span)
    return span


_ANTHROPIC = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-6",
    "gen_ai.usage.input_tokens": 10_000,
    "gen_ai.usage.cache_write.input_tokens": 10_000,
    "gen_ai.usage.output_tokens": 0,
}
_GPT_5 = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-5",
    "gen_ai.usage.input_tokens": 10_000,
    "gen_ai.usage.output_tokens": 0,
}
_SPOKEN = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.model_name": "gpt-audio",
    "llm.token_count.prompt": 1_000,
    "llm.token_count.prompt_details.audio": 900,
    "llm.token_count.completion": 1_000,
    "llm.token_count.completion_details.audio": 900,
}


@pytest.mark.parametrize(
    ("attributes", "cost"),
    [
        # $3.75 a million tokens written for five minutes, $6 for an hour.
        (_ANTHROPIC, "0.0375"),
        (_ANTHROPIC | {"anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 10_000}, "0.06"),
        (_ANTHROPIC | {"anthropic.response.service_tier": "batch"}, "0.01875"),
        (_GPT_5 | {"openai.response.service_tier": "priority"}, "0.025"),
        (_GPT_5 | {"gen_ai.openai.response.service_tier": "flex"}, "0.00625"),
        # $2.50 and $10 for text, $32 and $64 for sound.
        (_SPOKEN, "0.08765"),
    ],
)
def test_a_detail_has_its_price(attributes: dict[str, JSON], cost: str) -> None:
    assert priced(attributes).cost == Decimal(cost)


@pytest.mark.parametrize(
    ("metadata", "cost"),
    [
        ({"gateway": {"cost": "0.0091175", "marketCost": "0.0091175"}, "openai": {"serviceTier": "flex"}}, "0.0091175"),
        ({"gateway": {"cost": "0", "marketCost": "0.0091175"}}, "0.0091175"),
        ({"gateway": {"cost": "0"}}, "0"),
        ({"openrouter": {"provider": "Azure", "usage": {"cost": 0.00125}}}, "0.00125"),
        ({"openrouter": {"usage": {"cost": 0, "costDetails": {"upstreamInferenceCost": 0.019}}}}, "0.019"),
        ({"openai": {"serviceTier": "default"}}, None),
    ],
)
def test_the_ai_sdk_passes_the_gateways_cost_on(metadata: dict[str, Any], cost: str | None) -> None:
    span = priced(
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.provider": "gateway",
            "ai.model.id": "openai/gpt-5",
            "ai.usage.inputTokens": 10,
            "ai.usage.outputTokens": 10,
            "ai.response.providerMetadata": orjson.dumps(metadata).decode(),
        }
    )
    assert span.cost == (None if cost is None else Decimal(cost))
