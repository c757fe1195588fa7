"""Prices of an installation's own: for models that the price data does not know, and for negotiated rates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import re2  # type: ignore[import-untyped]
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from llmflow_core.errors import Rejected
from llmflow_core.patterns import compiled
from llmflow_core.spans import Span

_MILLION = Decimal(1_000_000)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _pattern(text: str) -> str:
    try:
        compiled(text)
        compiled(_in_any_case(text))
    except ValueError as error:
        raise ValueError(f"not a regular expression (RE2): {error}") from None
    return text


def _zoned(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


Pattern = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_pattern)]
Moment = Annotated[datetime, AfterValidator(_zoned)]
Rate = Annotated[Decimal, Field(ge=0, lt=1_000_000, allow_inf_nan=False, decimal_places=12)]


class OwnPrice(BaseModel):
    """What a model costs, in US dollars a million tokens, for calls that began in from ≤ start < to.

    `model` and `provider` are regular expressions (RE2) that must match the whole name, in any case. A rate that is not
    given is that of `input` or of `output`; a write of an hour costs what other writes cost.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Annotated[str, Field(pattern=f"^{_NAME.pattern}$")]
    model: Pattern
    provider: Pattern | None = None
    from_time: Moment | None = Field(None, alias="from")
    to_time: Moment | None = Field(None, alias="to")
    input: Rate
    output: Rate
    cached_input: Rate | None = None
    cache_write: Rate | None = None
    cache_write_1h: Rate | None = None
    reasoning: Rate | None = None
    audio_input: Rate | None = None
    audio_output: Rate | None = None

    @model_validator(mode="after")
    def _in_order(self) -> OwnPrice:
        if self.from_time and self.to_time and self.from_time >= self.to_time:
            raise ValueError("to must be after from")
        return self

    def is_for(self, model: str, provider: str | None) -> bool:
        """Whether it is the price of this model; one for a provider is none for calls whose provider is unknown."""
        return _matches(self.model, model) and (self.provider is None or _matches(self.provider, provider or ""))

    def holds_at(self, start_time_ns: int) -> bool:
        """Whether a call that began then has it."""
        start = datetime.fromtimestamp(start_time_ns / 1e9, UTC)
        return (self.from_time is None or self.from_time <= start) and (self.to_time is None or start < self.to_time)

    def costs(self, span: Span, details: Mapping[str, int]) -> tuple[Decimal, Decimal, Decimal] | None:
        """Of the input, of the output and of both; None when the counts contradict each other.

        `details` are the parts of the tokens by the price data's names: `cache_write_1h_tokens`, `input_audio_tokens`,
        `output_audio_tokens`, `output_reasoning_tokens`.
        """
        read, written = span.cache_read_tokens or 0, span.cache_write_tokens or 0
        kept = details.get("cache_write_1h_tokens", 0)
        heard, said = details.get("input_audio_tokens", 0), details.get("output_audio_tokens", 0)
        thought = details.get("output_reasoning_tokens", 0)
        fresh = (span.input_tokens or 0) - read - written - heard
        plain = (span.output_tokens or 0) - said - thought
        if min(fresh, read, written - kept, heard, plain, said, thought, kept) < 0:
            return None
        write = _or(self.cache_write, self.input)
        input_cost = (
            fresh * self.input
            + read * _or(self.cached_input, self.input)
            + (written - kept) * write
            + kept * _or(self.cache_write_1h, write)
            + heard * _or(self.audio_input, self.input)
        ) / _MILLION
        output_cost = (
            plain * self.output
            + thought * _or(self.reasoning, self.output)
            + said * _or(self.audio_output, self.output)
        ) / _MILLION
        return input_cost, output_cost, input_cost + output_cost


def own_price(definition: object) -> OwnPrice:
    """The price that some JSON or YAML states. Raises Rejected, naming the field, for what states none."""
    try:
        return OwnPrice.model_validate(definition)
    except ValidationError as error:
        found = error.errors()[0]
        where = str(found["loc"][0]) if found["loc"] else None
        raise Rejected(found["msg"].removeprefix("Value error, "), field=where) from None


def own_prices(definitions: object) -> list[OwnPrice]:
    """The prices of a file: an object whose member `prices` is a list of them, each name once. Raises Rejected, which
    says which of them is wrong."""
    if not isinstance(definitions, dict) or set(definitions) != {"prices"}:
        raise Rejected("must be an object with the one member prices")
    if not isinstance(definitions["prices"], list):
        raise Rejected("must be a list", field="prices")
    prices = [_listed(number, definition) for number, definition in enumerate(definitions["prices"], start=1)]
    names = [price.name for price in prices]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise Rejected(f"{twice} is there twice", field="name")
    return prices


def _listed(number: int, definition: object) -> OwnPrice:
    try:
        return own_price(definition)
    except Rejected as error:
        name = definition.get("name") if isinstance(definition, dict) else None
        which = f"{name} (number {number})" if isinstance(name, str) else f"number {number}"
        raise Rejected(f"{which}: {error}", field="prices") from None


def first_for(prices: Iterable[OwnPrice], models: Sequence[str], provider: str | None) -> list[OwnPrice]:
    """Those for one of the models, the first model's first, otherwise in their order."""
    known = list(prices)
    return [price for model in models for price in known if price.is_for(model, provider)]


def encoded(price: OwnPrice) -> dict[str, Any]:
    """As JSON that `own_price` reads, rates as decimal strings, without what is not given."""
    return TypeAdapter(OwnPrice).dump_python(price, mode="json", by_alias=True, exclude_none=True)  # type: ignore[no-any-return]


def _matches(pattern: str, text: str) -> bool:
    return re2.fullmatch(_in_any_case(pattern), text) is not None


def _in_any_case(pattern: str) -> str:
    return f"(?i:{pattern})"


def _or(rate: Decimal | None, otherwise: Decimal) -> Decimal:
    return otherwise if rate is None else rate
