"""OpenAI's responses made in the background: what they took is told later, maybe often, and counts once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from llmflow_core.otlp import parse_traces, spans_of
from llmflow_core.spans import ObservationType, Span
from llmflow_proxy import span
from llmflow_proxy.capture import Budget, Capture
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.policy import EVERYTHING, Policy
from llmflow_proxy.providers import providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings

PROVIDERS = providers_of(ProxySettings())
CREATED = 1_700_000_000
ASKED = {"model": "gpt-5", "input": "Think.", "background": True, "instructions": "Be brief.", "user": "ada"}
QUEUED = {
    "id": "resp_1", "object": "response", "created_at": CREATED, "status": "queued", "background": True,
    "model": "gpt-5-2025-08-07", "output": [], "usage": None, "error": None, "instructions": "Be brief.", "user": "ada",
}  # fmt: skip
COMPLETED = QUEUED | {
    "status": "completed",
    "completed_at": CREATED + 90,
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]}],
    "usage": {"input_tokens": 1000, "output_tokens": 50, "input_tokens_details": {"cached_tokens": 100}},
}


def recorded(
    method: str,
    path: str,
    answer: Any,
    *,
    asked: Any = None,
    stream: bool = False,
    policy: Policy = EVERYTHING,
    headers: Mapping[str, str] | None = None,
) -> list[Span]:
    budget = Budget(1 << 30)
    names = {"authorization": "Bearer sk-canary-key", **(headers or {})}
    exchange = Exchange(
        route=resolve(path, "", names, PROVIDERS, method),
        method=method,
        path=path,
        query="",
        request_headers=[(name.encode(), value.encode()) for name, value in names.items()],
        request=Capture(1 << 20, budget),
        response=Capture(1 << 20, budget),
        status=200,
        response_headers=[(b"content-type", b"text/event-stream" if stream else b"application/json")],
    )
    exchange.request.add(json.dumps(asked).encode() if asked else b"")
    exchange.response.add(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    made = span.build(exchange, 1 << 20, policy)
    assert made is not None
    return spans_of(parse_traces(made[1]))


def polled(answer: Any = COMPLETED, *, policy: Policy = EVERYTHING, **headers: str) -> list[Span]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return recorded("GET", "/v1/responses/resp_1", answer, policy=policy, headers=named)


def counted(*exchanges: Sequence[Span]) -> int:
    """The input tokens of all spans that differ in what the store knows a span by."""
    spans = {(s.trace_id, s.span_id, s.start_time_ns): s for spans in exchanges for s in spans}
    return sum(s.input_tokens or 0 for s in spans.values())


def test_the_answer_that_says_what_it_took_makes_a_call_of_its_own() -> None:
    [began] = recorded("POST", "/v1/responses", QUEUED, asked=ASKED, headers={"x-trace-id": "job"})
    [waiting] = polled(QUEUED | {"status": "in_progress"}, x_trace_id="job")
    poll, call = polled(x_trace_id="job", x_session_id="s1", x_trace_feature="report")
    assert (began.input_tokens, waiting.input_tokens, poll.input_tokens) == (None, None, None)
    assert poll.name == "GET /v1/responses/{id}"
    assert (call.name, call.observation_type, call.provider) == (
        "chat gpt-5-2025-08-07",
        ObservationType.GENERATION,
        "openai",
    )
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (1000, 100, 50)
    assert (call.start_time_ns, call.duration_ns) == (CREATED * 10**9, 90 * 10**9)
    assert (call.user_id, call.session_id, call.attributes["feature"]) == ("ada", "s1", "report")
    assert call.attributes["gen_ai.response.id"] == began.attributes["gen_ai.response.id"] == "resp_1"
    assert "Done." in call.content["gen_ai.output.messages"]
    assert "http.request.method" not in call.attributes
    # From the caller's trace to the call, and back.
    ids = {"trace_id": call.trace_id.hex(), "span_id": call.span_id.hex()}
    for mine in (began, waiting, poll):
        assert ids.items() <= mine.links[0].items()
    assert (call.links[0]["trace_id"], call.links[0]["span_id"]) == (poll.trace_id.hex(), poll.span_id.hex())


def test_it_counts_once_whoever_asks_and_however_often() -> None:
    assert counted(polled(), polled(), polled(x_trace_id="another"), polled(x_session_id="s")) == 1000
    mine, another = polled(x_llmflow_project="a"), polled(x_llmflow_project="b")
    assert counted(mine, another) == 2000
    cancelled = recorded("POST", "/v1/responses/resp_1/cancel", COMPLETED | {"status": "cancelled"})
    assert counted(polled(), cancelled) == 1000


def test_a_streamed_one_counts_once_with_the_request_that_began_it() -> None:
    events = [{"type": "response.created", "response": QUEUED}, {"type": "response.completed", "response": COMPLETED}]
    stream = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    began = recorded("POST", "/v1/responses", stream, asked=ASKED | {"stream": True}, stream=True)
    resumed = recorded("GET", "/v1/responses/resp_1", stream, stream=True)
    assert counted(began) == 1000
    assert counted(began, resumed, polled()) == 1000
    broken_off = recorded(
        "POST", "/v1/responses", stream[: stream.index(b"\n\n") + 2], asked=ASKED | {"stream": True}, stream=True
    )
    assert counted(broken_off, polled()) == 1000


@pytest.mark.parametrize("changes", [{"background": False}, {"background": None}, {"created_at": None}, {"id": None}])
def test_what_was_billed_when_it_was_asked_for_is_not_billed_again(changes: dict[str, Any]) -> None:
    [found] = polled(COMPLETED | changes)
    assert found.input_tokens is None


def test_it_is_recorded_as_far_as_its_exchange_is() -> None:
    _, call = polled(policy=Policy("metadata"))
    assert call.input_tokens == 1000
    assert not call.content
    _, redacted = polled(COMPLETED | {"instructions": "Write to ada@example.com"}, policy=Policy("redacted"))
    assert "ada@example.com" not in str(redacted)
    _, secret = polled(COMPLETED | {"instructions": "the key is sk-canary-key"})
    assert "canary" not in str(secret)


def test_one_too_large_for_the_log_keeps_both_spans() -> None:
    budget = Budget(1 << 30)
    exchange = Exchange(
        route=resolve("/v1/responses/resp_1", "", {}, PROVIDERS, "GET"), method="GET", path="/v1/responses/resp_1",
        query="", request_headers=[], request=Capture(1 << 20, budget), response=Capture(1 << 20, budget), status=200,
        response_headers=[(b"content-type", b"application/json")],
    )  # fmt: skip
    exchange.response.add(json.dumps(COMPLETED | {"instructions": "long " * 50_000}).encode())
    made = span.build(exchange, 1 << 20)
    assert made is not None
    smaller = span.without_content(made[1], 10_000)
    assert smaller is not None
    poll, call = spans_of(parse_traces(smaller))
    assert (poll.input_tokens, call.input_tokens) == (None, 1000)
