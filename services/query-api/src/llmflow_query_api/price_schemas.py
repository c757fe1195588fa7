"""The bodies of own prices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from llmflow_query_api.preconditions import Version

Rate = Annotated[
    str,
    Meta(
        description="US dollars a million tokens, as a decimal number.",
        pattern=r"^\d{1,6}(\.\d{1,12})?$",
        examples=["2.50"],
    ),
]
_Pattern = Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"^[^\x00]*$", examples=["house-model-.*"])]


class NewPrice(Struct, frozen=True, kw_only=True, rename={"from_": "from"}, forbid_unknown_fields=True):
    """What a model costs, for calls that began in from ≤ start < to. `model` and `provider` are regular expressions
    (RE2) that must match the whole name, in any case. A rate that is not given is that of `input` or `output`, and that
    of a cache write for one hour that of other cache writes."""

    model: _Pattern
    input: Rate
    output: Rate
    provider: _Pattern | None = None
    from_: datetime | None = None
    to: datetime | None = None
    cached_input: Rate | None = None
    cache_write: Rate | None = None
    cache_write_1h: Rate | None = None
    reasoning: Rate | None = None
    audio_input: Rate | None = None
    audio_output: Rate | None = None


class PriceDetail(Struct, frozen=True, kw_only=True):
    """One own price, and where it came from: the administrators, by this API, or the writer's file."""

    name: Annotated[str, Meta(examples=["house-models"])]
    origin: Literal["api", "file"]
    price: NewPrice
    version: Version


class PriceInUse(Struct, frozen=True, kw_only=True):
    """Whose price a model has: `own:NAME` or `genai-prices`. Rates are US dollars, those of the price data by its names
    (`input_mtok`: a million tokens)."""

    source: Annotated[str, Meta(examples=["genai-prices"])]
    rates: Annotated[dict[str, str], Meta(examples=[{"input_mtok": "2.5", "output_mtok": "10"}])]


class PriceList(Struct, frozen=True, kw_only=True):
    """The own prices in the order in which they are tried; `in_use` is that of the model asked for, null for none."""

    prices: list[PriceDetail]
    in_use: PriceInUse | None


class Repricing(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Which spans to price again: those of a project that started in from ≤ start < to, from where `cursor` says on."""

    project: Annotated[str, Meta(max_length=63, pattern=r"^[^\x00]*$", examples=["default"])]
    from_: datetime
    to: datetime
    cursor: Annotated[str | None, Meta(description="next_cursor of the answer before.")] = None


class Repriced(Struct, frozen=True, kw_only=True):
    """What one portion came to: spans that were looked at, and that have another cost now. Send `next_cursor` as
    `cursor` for the next portion; it is null after the last."""

    examined: Annotated[int, Meta(examples=[2000])]
    changed: Annotated[int, Meta(examples=[150])]
    next_cursor: str | None
