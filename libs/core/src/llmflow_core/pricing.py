"""What a span cost, in US dollars.

Price data and arithmetic (cached tokens, tiers) are those that the package `genai-prices` bundles.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal
from types import NoneType
from typing import NamedTuple

from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.data_units import unit_data
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
)

from llmflow_core.own_prices import OwnPrice, encoded, first_for
from llmflow_core.spans import CALLS_OF_BATCH, SUMMING_TYPES, Span

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
# Where the price data calls a provider otherwise than the GenAI semantic conventions do. The tiers and searches of
# Azure's OpenAI models it has among OpenAI's own; Azure serves models of others as well.
_PRICE_DATA_NAMES = {
    "azure.ai.inference": ("azure",),
    "azure.ai.openai": ("openai", "azure"),
    "gcp.gen_ai": ("google",),
    "x_ai": ("x-ai",),
}
# What stands before a model's name in a path, and in Vertex AI's API that is compatible with OpenAI's.
_PATHS = ("models/", "google/")
# Amazon's ids say where a model runs, which its price depends on; the names that models give themselves do not.
_PRICED_AS_ASKED = "aws.bedrock"
# Where no provider is named: the one that the model's name tells, else those whose embedding models do not tell it.
_UNNAMED = (None, "openai", "cohere")


#: Names of models come from anyone; this many are remembered at a time.
_MOST_MODELS = 10_000
#: A model has few tiers and service tiers; of these, and of days, so many are remembered.
_MOST_RATES = 200
_PROBE = 1_000_000
_NS_PER_DAY = 86_400 * 10**9


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
        """Set the costs and `price_source` of a span that states what it took (tokens, seconds of sound, characters,
        pages) and a model, and came without a cost; one that came in two parts is their sum.

        The model that answered counts, else, also where no price of it is known, the one asked for. A model or provider
        that is not known leaves the costs None (unpriced, never zero); so do token counts that contradict each other.
        Agents and chains are never priced: what they state are the tokens of the calls inside them. What a gateway
        answered from its cache costs nothing.
        """
        if span.observation_type in SUMMING_TYPES:
            return
        if span.cost is None and span.input_cost is not None and span.output_cost is not None:
            span.cost = span.input_cost + span.output_cost
        if span.cost is not None or not (span.response_model or span.model):
            return
        if not (_has_tokens(span) or _details_of(span, _OTHER_UNITS)):
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
        if not self._price.holds_at(span.start_time_ns) or not _has_tokens(span):
            return None
        counts = _details_of(span, _DETAILS)
        return self._price.costs(span, {name: count for name, count in counts.items() if isinstance(count, int)})

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
        entries = [ConditionalPrice(prices=model.prices)] if isinstance(model.prices, ModelPrice) else model.prices
        own = any(model is one for one in provider.models)
        # Of another provider's model the package leaves them out too.
        self._variants = list(model.price_variants or ()) if own else []
        prices = [vars(entry.prices) for entry in entries] + [vars(variant.prices) for variant in self._variants]
        keys = {name for known in prices for name, price in known.items() if price is not None}
        self._details = [name for name, key in _PRICE_KEYS.items() if key in keys]
        # What is free has no price of any kind.
        self._by_tokens = not keys or any(key.endswith("_mtok") for key in keys)
        tiered = [price for known in prices for price in known.values() if isinstance(price, TieredPrices)]
        self._tiers = sorted({tier.start for price in tiered for tier in price.tiers})
        constraints = {type(entry.constraint) for entry in entries} | {type(one.constraint) for one in self._variants}
        self._same_all_day = constraints <= {NoneType, StartDateConstraint}
        # The package takes fifty times as long for one span as a few multiplications do.
        self._rates: dict[tuple[int, int, tuple[tuple[str, str], ...]], _Rates | None] = {}

    def costs(self, span: Span) -> tuple[Decimal, Decimal, Decimal] | None:
        """Of the input, of the output and of all; None when the counts contradict each other, or are not of what the
        model is priced by."""
        found, premium = self._costs(span), _premium(span)
        if found is None or not premium:
            return found
        return found[0] * (1 + premium), found[1] * (1 + premium), found[2] + (found[0] + found[1]) * premium

    def _costs(self, span: Span) -> tuple[Decimal, Decimal, Decimal] | None:
        details = _details_of(span, self._details)
        if not (self._by_tokens and _has_tokens(span)) and _OTHER_UNITS.isdisjoint(details):
            return None
        context = _context(span) if self._variants else {}
        if not details and self._same_all_day:
            rates = self._rates_of(span, context)
            if rates is not None and (found := rates.costs(span)) is not None:
                return found
        details |= self._cached_media(span, details)
        usage = Usage(
            input_tokens=span.input_tokens or 0,
            output_tokens=span.output_tokens or 0,
            cache_read_tokens=span.cache_read_tokens,
            cache_write_tokens=span.cache_write_tokens,
            **details,
        )
        at = datetime.fromtimestamp(span.start_time_ns / 1e9, UTC)
        try:
            if self._tiers and (asked := _asked(span)) != usage.input_tokens:
                price = _of_tier(self._model.get_prices(at, context or None), asked).calc_price(usage)
                return price["input_price"], price["output_price"], price["total_price"]
            result = self._model.calc_price(
                usage, self._provider, genai_request_timestamp=at, price_context=context or None
            )
        except ValueError:
            return None
        return result.input_price, result.output_price, result.total_price

    def _cached_media(self, span: Span, details: Mapping[str, int | float]) -> dict[str, int | float]:
        """How much of the sound or the pictures was cached, where nobody said so: no more of them than had to be."""
        found = {}
        for cached, given in (
            ("cache_audio_read_tokens", "input_audio_tokens"),
            ("cache_image_read_tokens", "input_image_tokens"),
        ):
            if cached in self._details and cached not in details and given in details and span.cache_read_tokens:
                found[cached] = max(0, span.cache_read_tokens - (span.input_tokens or 0) + details[given])
        return found

    def described(self, at: datetime) -> Mapping[str, str]:
        prices = self._model.get_prices(at)
        return {name: _written(price) for name, price in vars(prices).items() if price is not None}

    def _rates_of(self, span: Span, context: Mapping[str, str]) -> _Rates | None:
        """The rates of this day, of the tier that the input reaches, and in this context."""
        asked = _asked(span) if self._tiers else 0
        key = (span.start_time_ns // _NS_PER_DAY, bisect_left(self._tiers, asked), tuple(context.items()))
        if key not in self._rates:
            if len(self._rates) >= _MOST_RATES:
                self._rates.clear()
            at = datetime.fromtimestamp(span.start_time_ns / 1e9, UTC)
            self._rates[key] = _rates(self._model.get_prices(at, context or None), asked)
        return self._rates[key]


def _written(price: Decimal | TieredPrices) -> str:
    """A rate as text; of tiers the first, and from where on the others hold."""
    if not isinstance(price, TieredPrices):
        return str(price)
    tiers = (f"{tier.price} above {tier.start} tokens" for tier in price.tiers)
    return f"{price.base} ({', '.join(tiers)})"


#: What some models have prices of their own for, parts of the tokens or other units, by the price data's names: the
#: attributes that count it, the first that is there.
_DETAILS: Mapping[str, tuple[str, ...]] = {
    "cache_write_5m_tokens": (
        "llmflow.usage.cache_write_5m.input_tokens",
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
    ),
    "cache_write_1h_tokens": (
        "llmflow.usage.cache_write_1h.input_tokens",
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    ),
    "input_audio_tokens": ("gen_ai.usage.audio.input_tokens", "llm.token_count.prompt_details.audio"),
    "output_audio_tokens": ("gen_ai.usage.audio.output_tokens", "llm.token_count.completion_details.audio"),
    "input_image_tokens": ("gen_ai.usage.image.input_tokens",),
    "output_image_tokens": ("gen_ai.usage.image.output_tokens",),
    "input_video_tokens": ("gen_ai.usage.video.input_tokens",),
    "output_video_tokens": ("gen_ai.usage.video.output_tokens",),
    "cache_audio_read_tokens": ("llmflow.usage.cache_read.audio.input_tokens",),
    "cache_image_read_tokens": ("llmflow.usage.cache_read.image.input_tokens",),
    "web_searches": ("llmflow.usage.server_tool_use.web_search_requests", "llmflow.usage.web_search.requests"),
    "storage_searches": ("llmflow.usage.file_search.requests",),
    "output_reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens",),
    "audio_seconds": ("llmflow.usage.audio.input_seconds",),
    "input_audio_seconds": ("llmflow.usage.audio.input_seconds",),
    "input_characters": ("llmflow.usage.input_characters",),
    "input_document_pages": ("llmflow.usage.pages",),
    "input_annotated_document_pages": ("llmflow.usage.annotated_pages",),
}
#: Those by which models are priced that do not count tokens.
_OTHER_UNITS = frozenset({"audio_seconds", "input_audio_seconds", "input_characters", "input_document_pages"})
_PRICE_KEYS = {name: unit_data[name]["price_key"] for name in _DETAILS}
#: More than anything counts, as a span's tokens.
_MOST = 2**63
_US_ONLY = Decimal("0.1")
_SERVICE_TIERS = (
    "openai.response.service_tier",
    "llmflow.response.service_tier",
    "anthropic.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "gen_ai.response.service_tier",
)
_CACHE_HEADERS = ("helicone-cache", "x-portkey-cache-status", "cf-aig-cache-status")


def _asked(span: Span) -> int:
    """How many tokens of input a call had, which its tier follows from: where a span stands for all calls of a batch,
    on average."""
    calls, asked = span.attributes.get(CALLS_OF_BATCH), span.input_tokens or 0
    return asked // calls if isinstance(calls, int) and calls > 1 else asked


def _has_tokens(span: Span) -> bool:
    return span.input_tokens is not None or span.output_tokens is not None


def _details_of(span: Span, names: Iterable[str]) -> dict[str, int | float]:
    """The counts of these details that the span states and that are more than zero."""
    attributes, found = span.attributes, {}
    for name in names:
        for key in _DETAILS[name]:
            if key in attributes:
                count = attributes[key]
                is_count = isinstance(count, int) or (isinstance(count, float) and name.endswith("_seconds"))
                # What cannot be must not keep the span from being stored.
                if is_count and count is not True and 0 < count < _MOST:
                    found[name] = count
                break
        else:
            if name == "output_reasoning_tokens" and span.reasoning_tokens:
                found[name] = span.reasoning_tokens
    return found


def _context(span: Span) -> dict[str, str]:
    """What changes the price of all tokens: that the call was part of a batch, or its service tier, and its speed."""
    tier = next((tier for name in _SERVICE_TIERS if isinstance(tier := span.attributes.get(name), str)), None)
    context = {} if tier is None else {"processing": "batch"} if tier == "batch" else {"service_tier": tier}
    speed = span.attributes.get("llmflow.response.speed")
    return {**context, "speed": speed} if isinstance(speed, str) else context


def _premium(span: Span) -> Decimal:
    """What a call costs more for where it was answered, as a share of the price of its tokens: Anthropic's data
    residency, which the price data leaves out."""
    return _US_ONLY if span.attributes.get("llmflow.response.inference_geo") == "us" else Decimal(0)


def _came_from_a_cache(span: Span) -> bool:
    for name in _CACHE_HEADERS:
        value = span.attributes.get(f"http.response.header.{name}")
        if value and str(value[0] if isinstance(value, list) else value).upper().endswith("HIT"):
            return True
    return False


def _tariffs(response_model: str | None, model: str | None, provider: str | None) -> list[_Tariff]:
    """The tariffs that may be meant, the most likely first."""
    names = (model, response_model) if provider == _PRICED_AS_ASKED else (response_model, model)
    found = []
    for name in _without_paths(filter(None, names)):
        for whose in _PRICE_DATA_NAMES.get(provider, (provider,)) if provider else _UNNAMED:
            try:
                found.append(_Tariff(*get_snapshot().find_provider_model(*_served(name, whose), None)))
            except (LookupError, ValueError):
                continue
    return found


def _served(model: str, provider: str | None) -> tuple[str, None, str | None]:
    """A model and its provider as the price data has them. Behind Hugging Face's router that is who serves the model,
    which a caller may add to its name."""
    if provider == "huggingface":
        model, _, host = model.partition(":")
        provider = f"{provider}_{host}"
    return model, None, provider


def _in_its_tier(price: Decimal | TieredPrices | None, asked: int) -> Decimal | None:
    if not isinstance(price, TieredPrices):
        return price
    return next((tier.price for tier in reversed(price.tiers) if asked > tier.start), price.base)


def _without_paths(names: Iterable[str]) -> Iterator[str]:
    """Each name, and after it the last part of one that is a path: Google's `models/gemini-2.5-flash`,
    `publishers/google/models/gemini-2.5-flash` or `google/gemini-2.5-flash`."""
    for name in names:
        yield name
        for path in _PATHS:
            if path in name:
                yield name.rpartition(path)[2]
                break


def _of_tier(tiered: ModelPrice, asked: int) -> ModelPrice:
    """The prices of the tier that so many tokens of input reach."""
    return ModelPrice(**{name: _in_its_tier(price, asked) for name, price in vars(tiered).items()})


def _rates(tiered: ModelPrice, asked: int) -> _Rates | None:
    """The rates of a call with so many tokens of input, found out by asking for the price of a million; None where they
    are not the same for each token."""
    prices = _of_tier(tiered, asked)
    try:
        nothing = prices.calc_price(Usage(input_tokens=0, output_tokens=0))["total_price"]
        both = prices.calc_price(Usage(input_tokens=_PROBE, output_tokens=_PROBE))
        read = prices.calc_price(Usage(input_tokens=_PROBE, output_tokens=0, cache_read_tokens=_PROBE))["input_price"]
        write = prices.calc_price(Usage(input_tokens=_PROBE, output_tokens=0, cache_write_tokens=_PROBE))["input_price"]
    except ValueError:
        return None
    rates = _Rates(*(price / _PROBE for price in (both["input_price"], both["output_price"], read, write)))
    return None if nothing or both["total_price"] != both["input_price"] + both["output_price"] else rates
