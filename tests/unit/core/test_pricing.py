from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot

from llmflow_core.pricing import Prices
from llmflow_core.spans import ObservationType, Span

NOVEMBER_2025_NS = 1_762_000_000 * 10**9


def priced(**fields: Any) -> Span:
    defaults = {"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "n", "duration_ns": 1}
    span = Span(**{**defaults, "start_time_ns": NOVEMBER_2025_NS, **fields})
    Prices().price(span)
    return span


@pytest.mark.parametrize(
    ("usage", "input_cost", "output_cost"),
    [
        # $2.50 and $10 a million tokens
        ({"input_tokens": 1_000, "output_tokens": 100}, "0.0025", "0.001"),
        # 800 at $2.50, 200 cached at $1.25
        ({"input_tokens": 1_000, "cache_read_tokens": 200, "output_tokens": 0}, "0.00225", "0"),
    ],
)
def test_gpt_4o_by_hand(usage: dict[str, int], input_cost: str, output_cost: str) -> None:
    span = priced(provider="openai", model="gpt-4o", **usage)
    assert (span.input_cost, span.output_cost) == (Decimal(input_cost), Decimal(output_cost))
    assert span.cost == Decimal(input_cost) + Decimal(output_cost)


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-5", "text-embedding-3-small", "embed-v4.0"])
def test_a_model_has_a_price_where_no_provider_is_named(model: str) -> None:
    assert priced(model=model, input_tokens=1_000).cost


def test_anthropic_cache_writes_and_reads_by_hand() -> None:
    # $3 a million in, $3.75 written to the cache, $0.30 read from it, $15 out
    span = priced(
        provider="anthropic",
        model="claude-sonnet-4-5",
        input_tokens=10_000,
        cache_write_tokens=2_000,
        cache_read_tokens=5_000,
        output_tokens=1_000,
    )
    assert span.input_cost == (3_000 * Decimal("3") + 2_000 * Decimal("3.75") + 5_000 * Decimal("0.30")) / 1_000_000
    assert span.output_cost == Decimal("0.015")


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o"),
        ("azure.ai.openai", "gpt-4o"),
        ("anthropic", "claude-sonnet-4-5"),
        ("gcp.gemini", "gemini-2.5-pro"),
        ("gcp.vertex_ai", "gemini-2.5-pro"),
        ("mistral_ai", "mistral-large-latest"),
        ("deepseek", "deepseek-chat"),
        ("x_ai", "grok-3"),
    ],
)
def test_the_conventions_names_of_providers_are_known(provider: str, model: str) -> None:
    cost = priced(provider=provider, model=model, input_tokens=1_000_000).cost
    assert cost is not None
    assert cost > 0


def test_a_cost_that_came_with_the_span_wins() -> None:
    span = priced(provider="openai", model="gpt-4o", input_tokens=1_000, cost=Decimal("0.5"))
    assert (span.cost, span.input_cost) == (Decimal("0.5"), None)


def test_a_cost_that_came_in_parts_is_their_sum() -> None:
    span = priced(model="no-such-model", input_tokens=1_000, input_cost=Decimal("0.5"), output_cost=Decimal("0.25"))
    assert (span.cost, span.price_source) == (Decimal("0.75"), None)


@pytest.mark.parametrize(
    "model", ["models/gemini-2.5-flash", "projects/p/locations/global/publishers/google/models/gemini-2.5-flash"]
)
def test_a_model_that_is_named_by_its_path_has_its_price(model: str) -> None:
    span, short = (priced(provider="gcp.gemini", model=name, input_tokens=10) for name in (model, "gemini-2.5-flash"))
    assert span.cost is not None
    assert span.cost == short.cost


@pytest.mark.parametrize(
    "fields",
    [
        {"provider": "openai", "model": "no-such-model", "input_tokens": 5},
        {"provider": "no-such-provider", "model": "gpt-4o", "input_tokens": 5},
        {"provider": "openai", "input_tokens": 5},
        {"provider": "openai", "model": "gpt-4o"},
        {"provider": "openai", "model": "gpt-4o", "input_tokens": 5, "cache_read_tokens": 50},
        {"provider": "openai", "model": "gpt-4o", "input_tokens": 5, "observation_type": ObservationType.AGENT},
    ],
    ids=["model", "provider", "no model", "no tokens", "contradiction", "sum of its calls"],
)
def test_what_cannot_be_priced_has_no_cost(fields: dict[str, Any]) -> None:
    assert priced(**fields).cost is None


@pytest.mark.parametrize("count", [-5, -0.5, 1e308, math.nan, math.inf, 2**64])
@pytest.mark.parametrize(
    ("model", "counted"),
    [
        ("whisper-1", "llmflow.usage.audio.input_seconds"),
        ("tts-1", "llmflow.usage.input_characters"),
        ("gpt-4o", "llmflow.usage.web_search.requests"),
        ("gpt-4o-audio-preview", "gen_ai.usage.audio.input_tokens"),
    ],
)
def test_a_count_that_cannot_be_changes_no_cost(model: str, counted: str, count: float) -> None:
    tokens = {"provider": "openai", "model": model, "input_tokens": 5, "output_tokens": 5}
    assert priced(**tokens, attributes={counted: count}).cost == priced(**tokens).cost


def test_a_model_that_answers_under_a_name_without_a_price_costs_what_was_asked_for() -> None:
    span = priced(
        provider="gcp.gemini", model="gemini-2.5-flash", response_model="gemini-2.5-flash-001", input_tokens=10
    )
    asked = priced(provider="gcp.gemini", model="gemini-2.5-flash", input_tokens=10)
    assert span.cost is not None
    assert span.cost == asked.cost


def test_every_price_is_the_packages_own() -> None:
    rng = random.Random(6)
    models = [(provider, model) for provider in get_snapshot().providers for model in provider.models]
    for provider, model in rng.sample(models, 200):
        tokens = rng.randrange(10**6)
        usage = {
            "input_tokens": tokens,
            "output_tokens": rng.choice([0, rng.randrange(10**5)]),
            "cache_read_tokens": rng.choice([None, 0, rng.randrange(tokens // 2 + 1)]),
            "cache_write_tokens": rng.choice([None, rng.randrange(tokens // 2 + 1), tokens]),
        }
        tier = rng.choice([None, "default", "flex", "priority"])
        at = datetime.fromtimestamp(NOVEMBER_2025_NS / 1e9, UTC) + timedelta(days=rng.randrange(380))
        try:
            context = {"service_tier": tier} if tier else None
            expected = get_snapshot().calc(Usage(**usage), model.id, provider.id, None, at, context).total_price
        except (LookupError, ValueError):
            expected = None
        rates = vars(model.get_prices(at))
        if rates and not any(name.endswith("_mtok") for name in rates):
            expected = None  # tokens are not what it is paid by
        attributes = {"openai.response.service_tier": tier} if tier else {}
        named = {"provider": provider.id, "model": model.id, "attributes": attributes}
        cost = priced(**named, **usage, start_time_ns=round(at.timestamp() * 10**9)).cost
        assert cost == (None if expected is None else expected.quantize(Decimal("1e-11"))), (
            provider.id,
            model.id,
            usage,
        )


def test_a_service_tier_is_not_taken_for_a_speed_of_that_name() -> None:
    prices = Prices()

    def cost(**said: str) -> Decimal:
        span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="n", start_time_ns=1_795_132_800 * 10**9, duration_ns=1)
        span.provider, span.model, span.input_tokens = "anthropic", "claude-opus-5", 1_000
        span.attributes = {f"llmflow.response.{name}": value for name, value in said.items()}
        prices.price(span)
        assert span.cost
        return span.cost

    usual = cost()
    assert cost(speed="fast") > usual
    assert cost(service_tier="fast") == usual


@pytest.mark.parametrize(("calls", "rates"), [(4, ("1.25", "10")), (1, ("2.5", "15")), (None, ("2.5", "15"))])
@pytest.mark.parametrize("searches", [None, 3])
def test_the_tier_of_a_batch_is_that_of_its_average_call(
    calls: int | None, rates: tuple[str, str], searches: int | None
) -> None:
    attributes: dict[str, Any] = {"llmflow.usage.calls": calls, "llmflow.usage.web_search.requests": searches}
    span = priced(
        provider="gcp.gemini", model="gemini-2.5-pro", input_tokens=400_000, output_tokens=1_000, attributes=attributes
    )
    assert span.input_cost == 400_000 * Decimal(rates[0]) / 1_000_000
    assert span.output_cost == 1_000 * Decimal(rates[1]) / 1_000_000
    assert span.cost == span.input_cost + span.output_cost + Decimal("0.035") * (searches or 0)
