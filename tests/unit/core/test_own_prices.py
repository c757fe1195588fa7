"""An installation's own prices, and which of several counts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from llmflow_core.errors import Rejected
from llmflow_core.own_prices import OwnPrice, encoded, own_price, own_prices
from llmflow_core.pricing import Prices
from llmflow_core.spans import Span

_JULY = datetime(2025, 7, 1, tzinfo=UTC)
_JUNE_NS = 1_750_000_000 * 10**9
_AUGUST_NS = 1_754_500_000 * 10**9


def price(**definition: Any) -> OwnPrice:
    return own_price({"name": "p", "model": "house-.*", "input": "2", "output": "8", **definition})


def call(**fields: Any) -> Span:
    defaults: dict[str, Any] = {"model": "house-1", "provider": "acme", "input_tokens": 1_000, "output_tokens": 100}
    return Span(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        name="n",
        duration_ns=1,
        **{"start_time_ns": _JUNE_NS, **defaults, **fields},
    )


def priced(span: Span, *prices: OwnPrice) -> Span:
    Prices(prices).price(span)
    return span


def test_every_kind_of_token_has_its_rate() -> None:
    rates = {
        "cached_input": "0.5",
        "cache_write": "3",
        "cache_write_1h": "4",
        "reasoning": "9",
        "audio_input": "20",
        "audio_output": "40",
    }
    span = call(
        input_tokens=10_000,
        cache_read_tokens=4_000,
        cache_write_tokens=3_000,
        output_tokens=2_000,
        reasoning_tokens=500,
        attributes={
            "llmflow.usage.cache_write_1h.input_tokens": 1_000,
            "gen_ai.usage.audio.input_tokens": 800,
            "gen_ai.usage.audio.output_tokens": 300,
        },
    )
    priced(span, price(**rates))
    million = Decimal(1_000_000)
    read = 2_200 * 2 + 4_000 * Decimal("0.5") + 2_000 * 3 + 1_000 * 4 + 800 * 20
    assert (span.input_cost, span.output_cost) == (read / million, Decimal(1_200 * 8 + 500 * 9 + 300 * 40) / million)
    assert span.cost == Decimal("0.0585")
    assert span.price_source == "own:p"


def test_rates_that_are_not_given_are_those_of_input_and_output() -> None:
    span = priced(call(cache_read_tokens=200, cache_write_tokens=300, reasoning_tokens=50), price())
    assert (span.input_cost, span.output_cost) == (Decimal("0.002"), Decimal("0.0008"))


@pytest.mark.parametrize(
    ("definition", "fields", "cost"),
    [
        ({}, {"model": "HOUSE-1"}, "0.0028"),
        ({}, {"model": "x", "response_model": "house-9"}, "0.0028"),
        ({}, {"model": "my-house-1"}, None),
        ({"provider": "ac.e"}, {}, "0.0028"),
        ({"provider": "other"}, {}, None),
        ({"provider": "acme"}, {"provider": None}, None),
        ({"from": _JULY}, {}, None),
        ({"from": "2025-07-01"}, {"start_time_ns": _AUGUST_NS}, "0.0028"),
        ({"to": _JULY}, {"start_time_ns": _AUGUST_NS}, None),
        ({}, {"cache_read_tokens": 2_000}, None),
        ({}, {"observation_type": "agent"}, None),
    ],
)
def test_for_which_calls_a_price_holds(definition: dict[str, Any], fields: dict[str, Any], cost: str | None) -> None:
    assert priced(call(**fields), price(**definition)).cost == (None if cost is None else Decimal(cost))


def test_own_prices_come_before_the_price_data_and_after_a_cost_that_came_along() -> None:
    negotiated = price(model="gpt-4o", input="1", output="1")
    assert priced(call(model="gpt-4o", provider="openai"), negotiated).cost == Decimal("0.0011")
    assert priced(call(model="gpt-4o", provider="openai")).price_source == "genai-prices"
    stated = priced(call(model="gpt-4o", cost=Decimal("7")), negotiated)
    assert (stated.cost, stated.price_source) == (Decimal(7), None)


def test_the_first_that_fits_counts_and_others_can_take_their_place() -> None:
    old = price(name="old", to=_JULY)
    prices = Prices([old, price(name="any", input="4")])
    for start, source in ((_JUNE_NS, "own:old"), (_AUGUST_NS, "own:any")):
        span = call(start_time_ns=start)
        prices.price(span)
        assert span.price_source == source
    assert prices.of_model("house-1", None, _JULY) == ("own:any", {"input": "4", "output": "8"})
    prices.use([])
    assert prices.of_model("house-1", None, _JULY) is None
    tiered = prices.of_model("claude-sonnet-4-5", "anthropic", _JULY)
    assert tiered is not None
    assert tiered[1]["input_mtok"] == "3 (6 above 200000 tokens)"
    found = prices.of_model("gpt-4o", "openai", _JULY)
    assert found is not None
    assert (found[0], found[1]["input_mtok"]) == ("genai-prices", "2.5")


def test_as_many_tokens_as_a_span_can_state_have_a_cost() -> None:
    most = 2**63 - 1
    span = priced(call(input_tokens=most, output_tokens=most), price(input="999999", output="999999"))
    assert span.cost == pytest.approx(Decimal(2 * most), rel=Decimal("1e-5"))


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({"model": "("}, "model"),
        ({"model": r"\Qhouse"}, "model"),
        ({"model": "a)|(b"}, "model"),
        ({"input": "-1"}, "input"),
        ({"input": "NaN"}, "input"),
        ({"name": "a b"}, "name"),
        ({"surprise": 1}, "surprise"),
        ({"from": "2025-07-01", "to": "2025-06-01"}, None),
    ],
)
def test_what_states_no_price_is_refused(
    definition: dict[str, Any], field: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Rejected) as refused:
        price(**definition)
    assert refused.value.field == field
    assert "b'" not in str(refused.value)
    assert capfd.readouterr().err == ""


def test_a_price_survives_being_written_down() -> None:
    one = price(provider="acme", cached_input="0.5", **{"from": _JULY})
    assert own_price(encoded(one)) == one
    assert encoded(one)["cached_input"] == "0.5"
    assert own_prices({"prices": [encoded(one)]}) == [one]
    several: list[Any] = [[], {"prices": {}}, {"prices": [encoded(one), encoded(one)]}, {"price": []}]
    for wrong in several:
        with pytest.raises(Rejected):
            own_prices(wrong)


def test_of_several_prices_the_wrong_one_is_named() -> None:
    right = encoded(price())
    with pytest.raises(Rejected, match=r"^prices: house \(number 2\): input: Field required$"):
        own_prices({"prices": [right, {"name": "house", "model": "x"}]})
    with pytest.raises(Rejected, match=r"^prices: number 1: "):
        own_prices({"prices": [7, right]})
