"""What a span cost, in US dollars.

Price data and arithmetic (cached tokens, tiers) are those that the package `genai-prices` bundles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import NamedTuple

from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

from llmflow_core.own_prices import OwnPrice, encoded, first_for
from llmflow_core.spans import SUMMING_TYPES, Span

#: What `Span.price_source` says: the name of an own price behind OWN_PRICE, or one of the others.
OWN_PRICE = "own:"
PRICE_DATA = "genai-prices"
FROM_A_CACHE = "cache"
#: The rates that an own price has.
RATES = (
    "input",
    "output",
    "cached_input",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "audio_input",
    "audio_output",
)
_Names = tuple[str | None, str | None, str | None]
_BILLIONTH_OF_A_CENT = Decimal("1e-11")
#: Enough for the dearest tokens of which a span states as many as it can.
_DIGITS = Context(prec=60)
# Where the price data calls a provider otherwise than the GenAI semantic conventions do.
_PRICE_DATA_NAMES = {"azure.ai.inference": "azure", "gcp.gen_ai": "google", "x_ai": "x-ai"}
_PATH = "models/"
# Where no provider is named: the one that the model's name tells, else those whose embedding models do not tell it.
_UNNAMED = (None, "openai", "cohere")


#: Names of models come from anyone; this many are remembered at a time.
_MOST_MODELS = 10_000
_PROBE = 1_000_000


class Prices:
    """The prices of all models known. Model look-ups are cached; one instance serves a whole process."""

    def __init__(self, own: Sequence[OwnPrice] = ()) -> None:
        self._own = tuple(own)
        self._known: dict[_Names, list[_OwnTariff | _Tariff]] = {}

    def use(self, own: Sequence[OwnPrice]) -> None:
        """Put these own prices, of which the first that fits counts, in the place of those there were."""
        if tuple(own) != self._own:
            self._own = tuple(own)
            self._known = {}

    def of_model(self, model: str, provider: str | None, at: datetime) -> tuple[str, Mapping[str, str]] | None:
        """Whose price a call of the model would have then, as `Span.price_source` tells it, and the rates in US
        dollars; None for a model without a price."""
        for tariff in self._tariffs((None, model, provider)):
            if (rates := tariff.described(at)) is not None:
                return tariff.source, rates
        return None

    def price(self, span: Span) -> None:
        """Set the costs and `price_source` of a span that has tokens and a model and came without a cost; one that came
        in two parts is their sum.

        The model that answered counts, else, also where no price of it is known, the one asked for. A model or provider
        that is not known leaves the costs None (unpriced, never zero); so do token counts that contradict each other.
        Agents and chains are never priced: what they state are the tokens of the calls inside them. What a gateway
        answered from its cache costs nothing.
        """
        if span.observation_type in SUMMING_TYPES:
            return
        if span.cost is None and span.input_cost is not None and span.output_cost is not None:
            span.cost = span.input_cost + span.output_cost
        if span.cost is not None or (span.input_tokens is None and span.output_tokens is None):
            return
        if _came_from_a_cache(span):
            span.cost = span.input_cost = span.output_cost = Decimal(0)
            span.price_source = FROM_A_CACHE
            return
        for tariff in self._tariffs((span.response_model, span.model, span.provider)):
            if (found := tariff.costs(span)) is not None:
                break
        else:
            return
        input_cost, output_cost, cost = found
        span.price_source = tariff.source
        span.cost = cost.quantize(_BILLIONTH_OF_A_CENT, context=_DIGITS)
        span.input_cost = input_cost.quantize(_BILLIONTH_OF_A_CENT, context=_DIGITS)
        span.output_cost = output_cost.quantize(_BILLIONTH_OF_A_CENT, context=_DIGITS)

    def _tariffs(self, names: _Names) -> list[_OwnTariff | _Tariff]:
        known = self._known.get(names)
        if known is None:
            if len(self._known) >= _MOST_MODELS:
                self._known.clear()
            models = [name for name in names[:2] if name]
            own = [_OwnTariff(price) for price in first_for(self._own, models, names[2])]
            known = self._known[names] = [*own, *_tariffs(*names)]
        return known


class _OwnTariff:
    """A price of the installation's own."""

    def __init__(self, price: OwnPrice) -> None:
        self._price = price
        self.source = f"{OWN_PRICE}{price.name}"

    def costs(self, span: Span) -> tuple[Decimal, Decimal, Decimal] | None:
        if not self._price.holds_at(span.start_time_ns):
            return None
        return self._price.costs(span, {name: count for name in _DETAILS if (count := _detail(span, name))})

    def described(self, at: datetime) -> Mapping[str, str] | None:
        if not self._price.holds_at(round(at.timestamp() * 1e9)):
            return None
        rates = encoded(self._price)
        return {name: rate for name, rate in rates.items() if name in RATES}


class _Rates(NamedTuple):
    """US dollars a token, where the price of a model is but that."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal

    def costs(self, span: Span) -> tuple[Decimal, Decimal, Decimal] | None:
        """As a tariff has them; None where the counts are not what they seem."""
        read, written = span.cache_read_tokens or 0, span.cache_write_tokens or 0
        uncached = (span.input_tokens or 0) - read - written
        if min(uncached, read, written, span.output_tokens or 0) < 0:
            return None
        input_cost = uncached * self.input + read * self.cache_read + written * self.cache_write
        output_cost = (span.output_tokens or 0) * self.output
        return input_cost, output_cost, input_cost + output_cost


class _Tariff:
    """What a provider takes for a model."""

    source = PRICE_DATA

    def __init__(self, provider: Provider, model: ModelInfo) -> None:
        self._provider = provider
        self._model = model
        self._details = _details_with_a_price(model)
        # The package takes a hundred times as long for one span as a few multiplications do.
        self._rates: dict[str, _Rates | None] = {}

    def costs(self, span: Span) -> tuple[Decimal, Decimal, Decimal] | None:
        """Of the input, of the output and of both; None when the counts contradict each other."""
        details = {name: count for name in self._details if (count := _detail(span, name))}
        context = _context(span) if self._model.price_variants else {}
        if not details and isinstance(self._model.prices, ModelPrice):
            rates = self._rates_in(context)
            if rates is not None and (found := rates.costs(span)) is not None:
                return found
        usage = Usage(
            input_tokens=span.input_tokens or 0,
            output_tokens=span.output_tokens or 0,
            cache_read_tokens=span.cache_read_tokens,
            cache_write_tokens=span.cache_write_tokens,
            **details,
        )
        at = datetime.fromtimestamp(span.start_time_ns / 1e9, UTC)
        try:
            result = self._model.calc_price(
                usage, self._provider, genai_request_timestamp=at, price_context=context or None
            )
        except ValueError:
            return None
        return result.input_price, result.output_price, result.total_price

    def described(self, at: datetime) -> Mapping[str, str]:
        prices = self._model.get_prices(at)
        return {name: _written(price) for name, price in vars(prices).items() if price is not None}

    def _rates_in(self, context: Mapping[str, str]) -> _Rates | None:
        key = "".join(context.values())
        # A variant may begin on a day.
        if context and any(variant.constraint is not None for variant in self._model.price_variants or ()):
            return None
        if key not in self._rates:
            self._rates[key] = _rates(self._model.get_prices(datetime.now(UTC), context))
        return self._rates[key]


def _written(price: Decimal | TieredPrices) -> str:
    """A rate as text; of tiers the first, and from where on the others hold."""
    if not isinstance(price, TieredPrices):
        return str(price)
    tiers = (f"{tier.price} above {tier.start} tokens" for tier in price.tiers)
    return f"{price.base} ({', '.join(tiers)})"


#: Parts of the tokens that some models have prices of their own for, by the price data's names: the attributes that
#: count them.
_DETAILS = {
    "cache_write_5m_tokens": "llmflow.usage.cache_write_5m.input_tokens",
    "cache_write_1h_tokens": "llmflow.usage.cache_write_1h.input_tokens",
    "input_audio_tokens": "gen_ai.usage.audio.input_tokens",
    "output_audio_tokens": "gen_ai.usage.audio.output_tokens",
    "input_image_tokens": "gen_ai.usage.image.input_tokens",
    "output_image_tokens": "gen_ai.usage.image.output_tokens",
    "web_searches": "llmflow.usage.server_tool_use.web_search_requests",
    "output_reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
}
_PRICE_KEYS = {
    name: name.replace("_tokens", "_mtok") if name.endswith("_tokens") else f"{name}_kcount" for name in _DETAILS
}
_SERVICE_TIERS = ("openai.response.service_tier", "llmflow.response.service_tier")
_CACHE_HEADERS = ("helicone-cache", "x-portkey-cache-status", "cf-aig-cache-status")


def _details_with_a_price(model: ModelInfo) -> list[str]:
    prices = [model.prices] if isinstance(model.prices, ModelPrice) else [entry.prices for entry in model.prices]
    prices += [variant.prices for variant in model.price_variants or ()]
    priced = {name for price in prices for name, value in vars(price).items() if value is not None}
    return [name for name, key in _PRICE_KEYS.items() if key in priced]


def _detail(span: Span, name: str) -> int | None:
    count = span.attributes.get(_DETAILS[name])
    if name == "output_reasoning_tokens" and count is None:
        count = span.reasoning_tokens
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def _context(span: Span) -> dict[str, str]:
    """What changes the price of all tokens: that the call was part of a batch, or its service tier."""
    tier = next((tier for name in _SERVICE_TIERS if isinstance(tier := span.attributes.get(name), str)), None)
    if tier is None:
        return {}
    return {"processing": "batch"} if tier == "batch" else {"service_tier": tier}


def _came_from_a_cache(span: Span) -> bool:
    for name in _CACHE_HEADERS:
        value = span.attributes.get(f"http.response.header.{name}")
        if value and str(value[0] if isinstance(value, list) else value).upper().endswith("HIT"):
            return True
    return False


def _tariffs(response_model: str | None, model: str | None, provider: str | None) -> list[_Tariff]:
    """The tariffs that may be meant, the most likely first."""
    found = []
    for name in _without_paths(filter(None, (response_model, model))):
        for whose in (_PRICE_DATA_NAMES.get(provider, provider),) if provider else _UNNAMED:
            try:
                found.append(_Tariff(*get_snapshot().find_provider_model(name, None, whose, None)))
            except (LookupError, ValueError):
                continue
    return found


def _without_paths(names: Iterable[str]) -> Iterator[str]:
    """Each name, and after it the last part of one that is a path: Google's `models/gemini-2.5-flash`, or
    `publishers/google/models/gemini-2.5-flash`."""
    for name in names:
        yield name
        if _PATH in name:
            yield name.rpartition(_PATH)[2]


def _rates(prices: ModelPrice) -> _Rates | None:
    """The rates of prices that are the same for each token, found out by asking for the price of a million."""
    if any(isinstance(price, TieredPrices) for price in vars(prices).values()):
        return None
    try:
        nothing = prices.calc_price(Usage(input_tokens=0, output_tokens=0))["total_price"]
        both = prices.calc_price(Usage(input_tokens=_PROBE, output_tokens=_PROBE))
        read = prices.calc_price(Usage(input_tokens=_PROBE, output_tokens=0, cache_read_tokens=_PROBE))["input_price"]
        write = prices.calc_price(Usage(input_tokens=_PROBE, output_tokens=0, cache_write_tokens=_PROBE))["input_price"]
    except ValueError:
        return None
    rates = _Rates(*(price / _PROBE for price in (both["input_price"], both["output_price"], read, write)))
    return None if nothing or both["total_price"] != both["input_price"] + both["output_price"] else rates
