"""What a call cost, where the answer says so itself. It is more than prices can tell: discounts and tools are in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from llmflow_core.spans import JSON
from llmflow_proxy.shape import mapping

#: xAI's unit: https://docs.x.ai/developers/cost-tracking
_TICKS_PER_USD = 10_000_000_000


def stated_cost(usage: Mapping[str, Any]) -> float | None:
    """US dollars: OpenRouter's number, the sum that Perplexity gives beside its parts, xAI's ticks or DeepInfra's
    estimate.

    To a caller who has OpenRouter use a key of their own (`is_byok`), its number is but the fee: what the provider
    takes is stated beside it.
    """
    if (ticks := _number(usage.get("cost_in_usd_ticks"))) is not None:
        return ticks / _TICKS_PER_USD
    cost = usage.get("cost", usage.get("estimated_cost"))
    stated = _number(mapping(cost).get("total_cost") if isinstance(cost, dict) else cost)
    if stated is None or usage.get("is_byok") is not True:
        return stated
    charged = _number(mapping(usage.get("cost_details")).get("upstream_inference_cost"))
    return None if charged is None else stated + charged


def cost_in_header(value: str) -> float | None:
    """US dollars that LiteLLM's proxy states in `x-litellm-response-cost`. Where it knows no price it says nothing, or
    0."""
    return _number(value) or None


def _number(value: JSON) -> float | None:
    """A finite number, which some write as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
