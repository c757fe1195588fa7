"""Capture modes and sampling: who decides, and what of a span is left."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from llmflow_core.content import conversation
from llmflow_core.otlp import parse_traces, spans_of
from llmflow_core.spans import Span
from llmflow_proxy.capture import Budget, Capture
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.policy import EVERYTHING, Policy
from llmflow_proxy.providers import providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings
from llmflow_proxy.span import build

CANARY = "violet-hippopotamus"
QUESTION: dict[str, Any] = {
    "model": "gpt-4o",
    "temperature": 0.5,
    "stop": [CANARY],
    "user": "ada",
    "messages": [
        {"role": "system", "content": f"You are a {CANARY}."},
        {"role": "user", "content": f"I am ada@example.com, a {CANARY}, card 4111 1111 1111 1111."},
    ],
    "tools": [{"type": "function", "function": {"name": "call_me", "description": CANARY, "parameters": {}}}],
}
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": f"{CANARY}? +49 30 901820"}}
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3},
}
REFUSAL = {"error": {"message": f"Your prompt {CANARY!r} of ada@example.com is bad", "type": "x", "code": "bad_prompt"}}


def exchange(answer: Any = ANSWER, status: int = 200, headers: Mapping[str, str] | None = None) -> Exchange:
    budget = Budget(1 << 30)
    given = {"x-trace-note": "for bob@example.com", "x-client": "eve@example.com", **(headers or {})}
    query = "q=carol%40example.com"
    made = Exchange(
        route=resolve("/v1/chat/completions", query, {}, providers_of(ProxySettings())),
        method="POST",
        path="/v1/chat/completions",
        query=query,
        request_headers=[(name.encode(), value.encode()) for name, value in given.items()],
        request=Capture(1 << 20, budget),
        response=Capture(1 << 20, budget),
        status=status,
        response_headers=[(b"content-type", b"application/json")],
    )
    made.request.add(orjson.dumps(QUESTION))
    made.response.add(answer if isinstance(answer, bytes) else orjson.dumps(answer))
    made.ended = made.started + 1000
    return made


def recorded(made: Exchange, policy: Policy) -> tuple[Span, bytes] | None:
    built = build(made, 1 << 20, policy)
    if built is None:
        return None
    (span,) = spans_of(parse_traces(built[1]), built[0])
    return span, built[1]


def must_record(made: Exchange, policy: Policy) -> tuple[Span, bytes]:
    found = recorded(made, policy)
    assert found is not None
    return found


def test_everything_is_recorded_without_a_policy() -> None:
    span, value = must_record(exchange(), EVERYTHING)
    assert CANARY.encode() in value
    assert b"ada@example.com" in value
    assert "llmflow.capture" not in span.attributes
    assert "llmflow.sample_ratio" not in span.attributes


def test_metadata_holds_no_content() -> None:
    span, value = must_record(exchange(), Policy("metadata"))
    assert CANARY.encode() not in value
    assert b"example.com" not in value.replace(b"bob@example.com", b"").replace(b"eve@example.com", b"")
    assert conversation(span).output == []
    assert (span.model, span.response_model, span.input_tokens, span.output_tokens) == (
        "gpt-4o",
        "gpt-4o-2024-08-06",
        7,
        3,
    )
    assert (span.finish_reasons, span.user_id, span.attributes["llmflow.capture"]) == (["stop"], "ada", "metadata")
    assert span.attributes["gen_ai.request.temperature"] == 0.5


def test_metadata_holds_no_error_text() -> None:
    span, value = must_record(exchange(REFUSAL, 400), Policy("metadata"))
    assert CANARY.encode() not in value
    assert (span.status, span.status_message, span.error_type) == ("error", "", "bad_prompt")
    strange = {"error": {"message": "m", "code": f"the prompt {CANARY}"}}
    span, value = must_record(exchange(strange, 400), Policy("metadata"))
    assert (span.error_type, CANARY.encode() in value) == ("_OTHER", False)


def test_redacted_blanks_what_it_finds_everywhere() -> None:
    span, value = must_record(exchange(), Policy("redacted", patterns=["violet-[a-z]+"]))
    for secret in (CANARY, "ada@example.com", "bob@", "eve@", "4111 1111", "901820"):
        assert secret.encode() not in value
    said = conversation(span)
    assert said.input[-1].parts[0].text == "I am [email], a [redacted], card [card]."
    assert said.output[0].parts[0].text == "[redacted]? [phone]"
    assert (span.attributes["note"], span.model, span.attributes["llmflow.capture"]) == (
        "for [email]",
        "gpt-4o",
        "redacted",
    )
    span, _ = must_record(exchange(REFUSAL, 400), Policy("redacted"))
    assert span.status_message == f"Your prompt {CANARY!r} of [email] is bad"


@pytest.mark.parametrize(
    ("deployment", "asked", "mode"),
    [
        ("full", "metadata", "metadata"),
        ("full", " Redacted ", "redacted"),
        ("full", "full", "full"),
        ("redacted", "full", "redacted"),
        ("redacted", "metadata", "metadata"),
        ("metadata", "full", "metadata"),
        ("metadata", "redacted", "metadata"),
        ("full", "metdata", "metadata"),
        ("full", "", "metadata"),
    ],
)
def test_a_request_may_only_ask_for_less(deployment: Any, asked: str, mode: str) -> None:
    assert Policy(deployment).decide({"x-llmflow-capture": asked}).mode == mode


@pytest.mark.parametrize(
    ("asked", "ratio"),
    [("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("2", 0.5), ("-1", 0.5), ("nan", 0.5), ("inf", 0.5), ("half", 0.5)],
)
def test_a_request_may_choose_its_ratio(asked: str, ratio: float) -> None:
    assert Policy(ratio=0.5).decide({"x-llmflow-sample": asked}).ratio == ratio


def test_sampling_keeps_about_its_share_and_whole_traces() -> None:
    rng = random.Random(4)
    traces = [rng.randbytes(16) for _ in range(10_000)]
    few, more = Policy(ratio=0.1).decide({}), Policy(ratio=0.4).decide({})
    kept = {trace for trace in traces if few.keeps(trace)}
    assert 900 < len(kept) < 1100
    assert kept < {trace for trace in traces if more.keeps(trace)}
    assert not any(Policy(ratio=0).decide({}).keeps(trace) for trace in [*traces, b"\xff" * 16])
    assert all(Policy(ratio=1).decide({}).keeps(trace) for trace in [*traces, bytes(16)])


def test_what_is_sampled_says_its_ratio() -> None:
    headers = {"x-trace-id": "f" * 32, "x-llmflow-sample": "0.01"}
    span, _ = must_record(exchange(headers=headers), EVERYTHING)
    assert span.attributes["llmflow.sample_ratio"] == 0.01
    assert recorded(exchange(headers={**headers, "x-trace-id": "0" * 31 + "1"}), EVERYTHING) is None


def test_failures_are_always_kept() -> None:
    nothing = Policy(ratio=0)
    assert recorded(exchange(), nothing) is None
    span, _ = must_record(exchange(REFUSAL, 400), nothing)
    assert (span.status, span.attributes["llmflow.sample_ratio"]) == ("error", 1.0)
    unreachable = exchange(b"", 502)
    unreachable.failure, unreachable.failure_message = "unreachable", "cannot connect"
    assert must_record(unreachable, nothing)[0].error_type == "connection_error"


def test_an_error_inside_a_stream_is_kept() -> None:
    made = exchange(b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n')
    made.response_headers = [(b"content-type", b"text/event-stream")]
    assert must_record(made, Policy(ratio=0))[0].status_message == "overloaded"
    talk = {**ANSWER, "choices": [{"index": 0, "message": {"role": "assistant", "content": "An error occurred"}}]}
    assert recorded(exchange(talk), Policy(ratio=0)) is None
