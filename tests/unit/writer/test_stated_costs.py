"""Costs that an answer states itself, and those of what no total of the answer counts."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from llmflow_core.pricing import Prices
from llmflow_core.spans import Span

Recorded = Callable[..., list[Span]]
_USAGE = {"prompt_tokens": 10_000, "completion_tokens": 2_000}


@pytest.mark.parametrize(
    "header", [("helicone_cache", "HIT"), ("x_portkey_cache_status", "SEMANTIC HIT"), ("cf_aig_cache_status", "HIT")]
)
def test_what_a_gateway_answers_from_its_cache_is_not_billed(header: tuple[str, str], recorded: Recorded) -> None:
    name, hit = header
    request, answer = {"model": "gpt-4o-mini", "messages": []}, {"model": "gpt-4o-mini", "usage": _USAGE}
    costs = [recorded("/v1/chat/completions", request, answer, **{name: said})[0].cost for said in (hit, "MISS")]
    assert costs == [0, (10_000 * Decimal("0.15") + 2_000 * Decimal("0.6")) / 1_000_000]


_UPSTREAM = {"upstream_inference_cost": 0.0361}


@pytest.mark.parametrize(
    ("path", "usage", "cost"),
    [
        ("/openrouter/v1/chat/completions", {"prompt_tokens": 9, "cost": 0.00125}, "0.00125"),
        ("/openrouter/v1/completions", {"prompt_tokens": 9, "cost": 0.00125}, "0.00125"),
        ("/openrouter/v1/embeddings", {"prompt_tokens": 9, "cost": 0.00125}, "0.00125"),
        ("/openrouter/v1/responses", {"input_tokens": 9, "cost": 0.00125}, "0.00125"),
        ("/openrouter/v1/messages", {"input_tokens": 9, "cost": 0.00125}, "0.00125"),
        ("/openrouter/v1/chat/completions", {"cost": 0.04, "cost_details": _UPSTREAM}, "0.04"),
        ("/openrouter/v1/chat/completions", {"cost": 0.0018, "is_byok": True, "cost_details": _UPSTREAM}, "0.0379"),
        ("/openrouter/v1/chat/completions", {"prompt_tokens": 9, "cost": 0, "is_byok": True}, None),
        ("/perplexity/chat/completions", {"cost": {"request_cost": 0.005, "total_cost": 0.006}}, "0.006"),
        ("/xai/v1/chat/completions", {"prompt_tokens": 9, "cost_in_usd_ticks": 37_756_000}, "0.0037756"),
        ("/v1/chat/completions", {"prompt_tokens": 9, "cost": "0.00125"}, "0.00125"),
        ("/v1/chat/completions", {"prompt_tokens": 9, "cost": "free"}, None),
        ("/xai/v1/responses", {"input_tokens": 9, "cost_in_usd_ticks": 37_756_000}, "0.0037756"),
        ("/xai/v1/images/generations", {"cost_in_usd_ticks": 200_000_000}, "0.02"),
        ("/v1/chat/completions", {"prompt_tokens": 9, "estimated_cost": 0.0000064}, "0.0000064"),
    ],
)
def test_a_cost_that_the_answer_states_is_the_calls(
    path: str, usage: dict[str, Any], cost: str | None, recorded: Recorded
) -> None:
    [span] = recorded(path, {"model": "m"}, {"id": "r", "model": "m", "usage": usage})
    assert span.cost == (None if cost is None else Decimal(cost))
    assert span.price_source is None


@pytest.mark.parametrize(("header", "cost"), [("3.5e-05", Decimal("0.000035")), ("0.0", None), ("", None)])
def test_litellms_proxy_states_its_cost_in_a_header(header: str, cost: Decimal | None, recorded: Recorded) -> None:
    answer = {"model": "m", "usage": {"prompt_tokens": 9}}
    [span] = recorded("/v1/chat/completions", {"model": "m"}, answer, x_litellm_response_cost=header)
    assert span.cost == cost


def test_groqs_sound_costs_ten_seconds_at_least(recorded: Recorded) -> None:
    answer = {"text": "Hi", "duration": 4.2}
    [span] = recorded("/groq/v1/audio/transcriptions", {"model": "whisper-large-v3"}, answer)
    assert span.cost == round(Decimal("0.111") * 10 / 3600, 11)


def test_the_model_that_draws_is_a_call_of_its_own(recorded: Recorded) -> None:
    drawn = {
        "input_tokens": 50,
        "input_tokens_details": {"image_tokens": 40, "text_tokens": 10},
        "output_tokens": 4_000,
        "total_tokens": 4_050,
    }
    call, drawing = recorded(
        "/v1/responses",
        {"model": "gpt-5", "input": "Draw a cat.", "safety_identifier": "ada"},
        {
            "id": "resp_1",
            "model": "gpt-5",
            "status": "completed",
            "output": [{"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aGk="}],
            "tools": [{"type": "image_generation", "model": "gpt-image-2"}],
            "usage": {"input_tokens": 1_000, "output_tokens": 100},
            "tool_usage": {"image_gen": drawn, "web_search": {"num_requests": 0}},
        },
    )
    assert (call.model, call.input_tokens, call.cost) == ("gpt-5", 1_000, Decimal("0.00225"))
    assert (drawing.name, drawing.user_id, drawing.trace_id) == (
        "generate_content gpt-image-2", "ada", call.trace_id
    )  # fmt: skip
    assert (drawing.input_tokens, drawing.output_tokens) == (50, 4_000)
    # $5 a million tokens of text, $8 of pictures, $30 out.
    assert drawing.cost == (10 * Decimal(5) + 40 * Decimal(8) + 4_000 * Decimal(30)) / 1_000_000


def test_a_picture_without_pixels_took_a_second_model(recorded: Recorded) -> None:
    usage = {"input_tokens": 100, "output_tokens": 50, "reasoning_tokens": 10, "total_tokens": 150}
    call, writing = recorded(
        "/v1/images/generations",
        {"model": "gpt-image-2", "prompt": "A cat."},
        {"data": [], "usage": {"input_tokens": 10, "output_tokens": 20}, "svg_usage": {"model": "gpt-5", **usage}},
    )
    assert (call.output_tokens, writing.model, writing.reasoning_tokens) == (20, "gpt-5", 10)
    assert writing.cost == (100 * Decimal("1.25") + 50 * Decimal(10)) / 1_000_000


@pytest.mark.parametrize(
    ("model", "tokens"),
    [("tts-1", 10), ("whisper-1", None)],
    ids=["tokens of what is paid by the character", "nothing"],
)
def test_what_is_not_counted_as_it_is_charged_has_no_cost(model: str, tokens: int | None) -> None:
    span = Span(
        trace_id=b"t" * 16, span_id=b"s" * 8, name="n", start_time_ns=1, duration_ns=1,
        provider="openai", model=model, input_tokens=tokens,
    )  # fmt: skip
    Prices().price(span)
    assert span.cost is None
