"""Anthropic's advisor tool: what its model took is billed at that model's prices, beside the answer's totals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from llmflow_core.otlp import parse_traces, spans_of
from llmflow_core.pricing import Prices
from llmflow_core.spans import ObservationType, Span
from llmflow_proxy import span
from llmflow_proxy.capture import Budget, Capture
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.providers import providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings

PROVIDERS = providers_of(ProxySettings())
STARTED_NS = 1_795_132_800 * 10**9
ASKED = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 4096,
    "tools": [{"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-4-7"}],
    "messages": [{"role": "user", "content": "Build a worker pool."}],
    "metadata": {"user_id": "ada"},
}
CONTENT = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "advisor", "input": {}},
    {
        "type": "advisor_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": {"type": "advisor_result", "text": "Coordinate with a channel."},
    },
    {"type": "text", "text": "Here it is."},
]
NOT_CACHED = {"cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
ADVICE = {
    "type": "advisor_message",
    "model": "claude-opus-4-7",
    "input_tokens": 823,
    "output_tokens": 1612,
    **NOT_CACHED,
}
#: Anthropic's own example: the totals are the sums of the two turns of the model that was asked.
USAGE: dict[str, Any] = {
    "input_tokens": 1760,
    "cache_read_input_tokens": 412,
    "cache_creation_input_tokens": 0,
    "output_tokens": 531,
    "iterations": [
        {"type": "message", "input_tokens": 412, "output_tokens": 89, **NOT_CACHED},
        ADVICE,
        {"type": "message", "input_tokens": 1348, "output_tokens": 442, **NOT_CACHED, "cache_read_input_tokens": 412},
    ],
}
ANSWER = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-6", "content": CONTENT,
    "stop_reason": "end_turn", "stop_sequence": None, "usage": USAGE,
}  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": ANSWER
        | {"content": [], "stop_reason": None, "usage": {"input_tokens": 412, "output_tokens": 1, **NOT_CACHED}},
    },
    *({"type": "content_block_start", "index": place, "content_block": block} for place, block in enumerate(CONTENT)),
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USAGE},
    {"type": "message_stop"},
]


def streamed(*events: Mapping[str, Any]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (str(e["type"]).encode(), json.dumps(e).encode()) for e in events)


def recorded(answer: Any, *, asked: Mapping[str, str] | None = None, **answered: str) -> list[Span]:
    """The spans of a call, priced; `asked` and `answered` are headers of the request and of the answer."""
    budget = Budget(1 << 30)
    names = asked or {}
    media_type = b"text/event-stream" if isinstance(answer, bytes) else b"application/json"
    exchange = Exchange(
        route=resolve("/v1/messages", "", names, PROVIDERS, "POST"),
        method="POST",
        path="/v1/messages",
        query="",
        request_headers=[(name.encode(), value.encode()) for name, value in names.items()],
        request=Capture(1 << 20, budget),
        response=Capture(1 << 20, budget),
        start_ns=STARTED_NS,
        started=0,
        ended=5_000_000,
        status=200,
        response_headers=[
            (b"content-type", media_type),
            *((name.replace("_", "-").encode(), value.encode()) for name, value in answered.items()),
        ],
    )
    exchange.request.add(json.dumps(ASKED).encode())
    exchange.response.add(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    made = span.build(exchange, 1 << 20)
    assert made is not None
    spans = spans_of(parse_traces(made[1]))
    for found in spans:
        Prices().price(found)
    return spans


@pytest.mark.parametrize("answer", [ANSWER, streamed(*EVENTS)], ids=["whole", "streamed"])
def test_advice_is_a_call_of_its_own_at_its_models_prices(answer: Any) -> None:
    headers = {"x-session-id": "s1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    call, advice = recorded(answer, asked=headers)
    # $3 a million tokens in, $0.30 of them from the cache, $15 out.
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (2172, 412, 531)
    assert call.cost == (1760 * Decimal("3") + 412 * Decimal("0.30") + 531 * Decimal("15")) / 1_000_000
    # $5 a million tokens in, $25 out.
    assert (advice.input_tokens, advice.output_tokens) == (823, 1612)
    assert advice.cost == Decimal("0.044415")
    assert (advice.name, advice.model, advice.provider) == ("chat claude-opus-4-7", "claude-opus-4-7", "anthropic")
    assert advice.observation_type == ObservationType.GENERATION
    assert advice.start_time_ns == call.start_time_ns + 1 == STARTED_NS + 1
    assert advice.start_time_ns + advice.duration_ns == call.start_time_ns + call.duration_ns
    assert (advice.user_id, advice.session_id) == ("ada", "s1")
    assert "channel" in call.content["gen_ai.output.messages"]
    assert not advice.content
    assert (advice.trace_id, advice.parent_span_id) == (call.trace_id, call.parent_span_id)
    assert advice.parent_span_id
    assert (advice.links[0]["trace_id"], advice.links[0]["span_id"]) == (call.trace_id.hex(), call.span_id.hex())


def test_each_time_it_was_asked_counts_beside_the_compactions() -> None:
    summing_up = {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3500, **NOT_CACHED}
    kept = {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 400}
    cached = ADVICE | {
        "input_tokens": 10, "cache_creation_input_tokens": 500, "cache_read_input_tokens": 1000,
        "cache_creation": kept, "output_tokens": 20,
    }  # fmt: skip
    usage = USAGE | {"iterations": [summing_up, *USAGE["iterations"], cached], "service_tier": "priority"}
    call, first, second = recorded(ANSWER | {"usage": usage})
    assert (call.input_tokens, call.output_tokens) == (182_172, 4031)
    assert (first.input_tokens, first.output_tokens) == (823, 1612)
    assert (second.input_tokens, second.cache_read_tokens, second.cache_write_tokens) == (1510, 1000, 500)
    # $5 a million tokens fresh, $0.50 from the cache, $6.25 into it for five minutes, $10 for an hour, $25 out.
    assert second.cost == Decimal("0.005675")
    # The tier of the one model is not that of the other.
    assert call.attributes["llmflow.response.service_tier"] == "priority"
    assert "llmflow.response.service_tier" not in second.attributes
    assert len({first.span_id, second.span_id}) == 2


def test_a_call_without_a_trace_stays_the_root_of_it() -> None:
    call, advice = recorded(ANSWER)
    assert (advice.trace_id, advice.parent_span_id, call.parent_span_id) == (call.trace_id, None, None)
    assert call.start_time_ns < advice.start_time_ns


def test_a_gateways_cache_had_the_advice_too() -> None:
    call, advice = recorded(ANSWER, helicone_cache="HIT")
    assert (call.cost, advice.cost) == (Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    "answer",
    [streamed(*EVENTS[:-2]), ANSWER | {"usage": USAGE | {"iterations": None}}],
    ids=["broken off", "no iterations"],
)
def test_what_cannot_be_known_makes_no_call(answer: Any) -> None:
    assert len(recorded(answer)) == 1
