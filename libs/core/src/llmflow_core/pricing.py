"""What a span cost, in US dollars.

Price data and arithmetic (cached tokens, tiers) are those that the package `genai-prices` bundles.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import PriceCalculation

from llmflow_core.spans import SUMMING_TYPES, Span

_BILLIONTH_OF_A_CENT = Decimal("1e-11")
# Where the price data calls a provider otherwise than the GenAI semantic conventions do.
_PRICE_DATA_NAMES = {"azure.ai.inference": "azure", "gcp.gen_ai": "google", "x_ai": "x-ai"}
# Where no provider is named: the one that the model's name tells, else those whose embedding models do not tell it.
_UNNAMED = (None, "openai", "cohere")


class Prices:
    """The prices of all models known. Model look-ups are cached; one instance serves a whole process."""

    def price(self, span: Span) -> None:
        """Set `cost`, `input_cost` and `output_cost` of a span that has tokens and a model and came without a cost.

        The model that answered counts, else, also where no price of it is known, the one asked for. A model or provider
        that is not known leaves the costs None (unpriced, never zero); so do token counts that contradict each other.
        Agents and chains are never priced: what they state are the tokens of the calls inside them.
        """
        if span.observation_type in SUMMING_TYPES:
            return
        if span.cost is not None or (span.input_tokens is None and span.output_tokens is None):
            return
        usage = Usage(
            input_tokens=span.input_tokens or 0,
            output_tokens=span.output_tokens or 0,
            cache_read_tokens=span.cache_read_tokens,
            cache_write_tokens=span.cache_write_tokens,
        )
        at = datetime.fromtimestamp(span.start_time_ns / 1e9, UTC)
        providers = (_PRICE_DATA_NAMES.get(span.provider, span.provider),) if span.provider else _UNNAMED
        models = [model for model in (span.response_model, span.model) if model]
        tries = (_calculated(usage, model, provider, at) for model in models for provider in providers)
        result = next((found for found in tries if found is not None), None)
        if result is None:
            return
        span.cost = result.total_price.quantize(_BILLIONTH_OF_A_CENT)
        span.input_cost = result.input_price.quantize(_BILLIONTH_OF_A_CENT)
        span.output_cost = result.output_price.quantize(_BILLIONTH_OF_A_CENT)


def _calculated(usage: Usage, model: str, provider: str | None, at: datetime) -> PriceCalculation | None:
    try:
        return get_snapshot().calc(usage, model, provider, None, at)
    except (LookupError, ValueError):
        return None
