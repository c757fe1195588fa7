"""Batches: what their calls took is told once they have ended, maybe often, and counts once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from llmflow_core.otlp import parse_traces, spans_of
from llmflow_core.spans import Span
from llmflow_proxy import span
from llmflow_proxy.capture import Budget, Capture
from llmflow_proxy.exchange import Exchange, Failure
from llmflow_proxy.providers import providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings

PROVIDERS = providers_of(ProxySettings.model_validate({"AZURE_BASE_URL": "https://my-resource.openai.azure.com"}))
CREATED = 1_795_000_000
NS = 10**9
DAY = 86_400
LIMIT = 1 << 20
BATCH: dict[str, Any] = {
    "id": "batch_1", "object": "batch", "endpoint": "/v1/responses", "model": "gpt-5-2025-08-07", "errors": None,
    "input_file_id": "file-in", "completion_window": "24h", "status": "completed", "output_file_id": "file-out",
    "error_file_id": "", "created_at": CREATED, "in_progress_at": CREATED + 60, "expires_at": CREATED + DAY,
    "finalizing_at": CREATED + 3000, "completed_at": CREATED + 3600, "failed_at": None, "expired_at": None,
    "cancelling_at": None, "cancelled_at": None, "request_counts": {"completed": 98, "failed": 2, "total": 100},
    "usage": {
        "completion_tokens": 0, "prompt_tokens": 0, "total_tokens": 51_000,
        "completion_tokens_details": None, "prompt_tokens_details": None,
        "input_tokens": 31_000, "output_tokens": 20_000,
        "input_tokens_details": {"cached_tokens": 24_000}, "output_tokens_details": {"reasoning_tokens": 18_000},
    },
    "metadata": {"description": "a nightly one"},
}  # fmt: skip
WAITING = BATCH | {"status": "in_progress", "completed_at": None, "finalizing_at": None, "output_file_id": None}
TEXT = {"promptTokenCount": 1_000, "candidatesTokenCount": 100, "thoughtsTokenCount": 50}
LONG = {"promptTokenCount": 201_000, "candidatesTokenCount": 10}
SEARCHED = [{"groundingMetadata": {"webSearchQueries": ["a", "b"]}, "content": {"parts": [{"text": "canary"}]}}]


def gemini_batch(*answers: dict[str, Any], state: str = "BATCH_STATE_SUCCEEDED", **batch: Any) -> dict[str, Any]:
    """An operation with these answers, twice as the API has them."""
    output = {"inlinedResponses": {"inlinedResponses": [{"response": answer} for answer in answers]}}
    metadata = {
        "model": "models/gemini-2.5-pro", "createTime": "2026-11-18T11:06:40.827892252Z",
        "endTime": "2026-11-18T12:06:40.5Z", "state": state, "output": output, **batch,
    }  # fmt: skip
    return {"name": "batches/1", "metadata": metadata, "done": True, "response": output}


def gemini_answer(usage: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"candidates": [], "usageMetadata": usage, "modelVersion": "gemini-2.5-pro", **members}


RESULTS = "/v1/messages/batches/msgbatch_1/results"
WRITES = {
    "input_tokens": 10, "cache_creation_input_tokens": 50, "cache_read_input_tokens": 80, "output_tokens": 4,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30}, "service_tier": "batch",
}  # fmt: skip
ADVICE = {"type": "advisor_message", "model": "claude-opus-5", "input_tokens": 7, "output_tokens": 2}
SAID = {"content": [{"type": "text", "text": "canary"}], "stop_reason": "end_turn"}


def anthropic_results(*usages: dict[str, Any], model: str = "claude-haiku-4-5") -> bytes:
    """The lines of the results of calls with these usages, and of one that failed."""
    messages = [{"id": "msg_1", "type": "message", "model": model, "usage": usage, **SAID} for usage in usages]
    ended = [{"type": "errored", "error": {}}, *({"type": "succeeded", "message": message} for message in messages)]
    return b"".join(json.dumps({"custom_id": "a", "result": one}).encode() + b"\n" for one in ended)


def recorded(
    path: str,
    answer: Any,
    *,
    method: str = "GET",
    at: int = CREATED + DAY,
    kept: int = LIMIT,
    status: int = 200,
    failure: Failure | None = None,
    headers: Mapping[str, str] | None = None,
    **answered: str,
) -> list[Span]:
    """What is recorded of an exchange that began `at`, of whose answer no more than `kept` bytes were."""
    names = headers or {}
    exchange = Exchange(
        route=resolve(path, "", names, PROVIDERS, method),
        method=method,
        path=path,
        query="",
        request_headers=[(name.encode(), value.encode()) for name, value in names.items()],
        request=Capture(LIMIT, Budget(LIMIT)),
        response=Capture(kept, Budget(LIMIT)),
        start_ns=at * NS,
        started=1,
        ended=2,
        status=status,
        failure=failure,
        response_headers=[
            (name.replace("_", "-").encode(), value.encode())
            for name, value in ({"content_type": "application/json"} | answered).items()
        ],
    )
    exchange.response.add(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    made = span.build(exchange, LIMIT)
    assert made is not None
    return spans_of(parse_traces(made[1]))


def counted(*exchanges: Sequence[Span]) -> int:
    """The input tokens of all spans that differ in what the store knows a span by."""
    spans = {(s.trace_id, s.span_id, s.start_time_ns): s for spans in exchanges for s in spans}
    return sum(s.input_tokens or 0 for s in spans.values())


def test_a_batch_that_has_ended_is_a_call_of_its_own() -> None:
    poll, calls = recorded("/v1/batches/batch_1", BATCH)
    assert (poll.name, poll.input_tokens, poll.observation_type) == ("GET /v1/batches/{id}", None, "span")
    assert (calls.name, calls.observation_type) == ("chat gpt-5-2025-08-07", "generation")
    assert (calls.provider, calls.model, calls.finish_reasons) == ("openai", "gpt-5-2025-08-07", ["completed"])
    assert (calls.input_tokens, calls.cache_read_tokens) == (31_000, 24_000)
    assert (calls.output_tokens, calls.reasoning_tokens) == (20_000, 18_000)
    assert (calls.start_time_ns, calls.duration_ns) == (CREATED * NS, 3600 * NS)
    assert calls.attributes["openai.response.service_tier"] == "batch"
    assert calls.attributes["llmflow.usage.calls"] == 98
    assert (poll.links[0]["trace_id"], poll.links[0]["span_id"]) == (calls.trace_id.hex(), calls.span_id.hex())


def test_it_counts_once_whoever_asks_and_however_often() -> None:
    polls = [recorded("/v1/batches/batch_1", BATCH, at=CREATED + DAY + late) for late in (0, 9, 99)]
    page = {"object": "list", "data": [BATCH, BATCH | {"id": "batch_2"}, WAITING | {"id": "batch_3"}]}
    listed = recorded("/v1/batches", page)
    assert (counted(*polls), counted(listed), counted(*polls, listed)) == (31_000, 62_000, 62_000)
    other = recorded("/v1/batches/batch_1", BATCH, headers={"x-llmflow-project": "other"})
    assert counted(*polls, other) == 62_000


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling"])
def test_what_it_took_so_far_is_not_what_it_took(status: str) -> None:
    assert counted(recorded("/v1/batches/batch_1", WAITING | {"status": status})) == 0
    assert counted(recorded("/v1/batches", {"data": [WAITING | {"status": status}]})) == 0


@pytest.mark.parametrize(("status", "when"), [("cancelled", "cancelled_at"), ("expired", "expired_at")])
def test_one_that_ended_early_counts_as_far_as_it_came(status: str, when: str) -> None:
    ended = BATCH | {"status": status, "completed_at": None, when: CREATED + 500}
    _, calls = recorded("/v1/batches/batch_1/cancel", ended, method="POST")
    assert (calls.input_tokens, calls.duration_ns, calls.finish_reasons) == (31_000, 500 * NS, [status])


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("/v1/chat/completions", "chat m"),
        ("/chat/completions", "chat m"),
        ("/v1/completions", "text_completion m"),
        ("/v1/embeddings", "embeddings m"),
        ("/v1/images/edits", "generate_content m"),
    ],
)
def test_it_is_named_after_what_its_calls_do(endpoint: str, name: str) -> None:
    assert recorded("/v1/batches/batch_1", BATCH | {"endpoint": endpoint, "model": "m"})[1].name == name


def test_azure_has_the_same_batches() -> None:
    for path in ("/azure/openai/batches/batch_1", "/azure/openai/v1/batches/batch_1"):
        _, calls = recorded(path, BATCH)
        assert (calls.provider, calls.input_tokens) == ("azure.ai.openai", 31_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"usage": None},
        {"usage": {"input_tokens": 0, "output_tokens": 0}},
        {"object": "batch.deleted"},
        {"created_at": None},
        {"created_at": 1 << 70},
        {"id": None},
    ],
)
def test_what_states_no_usage_or_no_time_is_no_call(changes: dict[str, Any]) -> None:
    [poll] = recorded("/v1/batches/batch_1", BATCH | changes)
    assert not poll.links


def test_one_that_ended_long_ago_may_have_been_counted_and_removed() -> None:
    path = "/v1/batches/batch_1"
    assert counted(recorded(path, BATCH, at=CREATED + 3600 + 7 * DAY)) == 31_000
    assert counted(recorded(path, BATCH, at=CREATED + 3601 + 7 * DAY)) == 0


def test_what_was_not_seen_whole_is_not_counted() -> None:
    whole = json.dumps({"data": [BATCH, BATCH | {"id": "batch_2"}]}).encode()
    path = "/v1/batches"
    assert counted(recorded(path, whole, kept=len(whole))) == 62_000
    assert counted(recorded(path, whole, kept=len(whole) - 1)) == 0
    assert counted(recorded(path, whole[:-300], failure="broken")) == 0
    assert counted(recorded(path, gzip.compress(whole), content_encoding="gzip")) == 62_000
    padded = b" " * (LIMIT * 8 - len(whole)) + whole
    assert counted(recorded(path, gzip.compress(padded[1:]), content_encoding="gzip")) == 62_000
    assert counted(recorded(path, gzip.compress(padded), content_encoding="gzip")) == 0


def test_the_answers_of_a_gemini_batch_are_summed_up() -> None:
    searched = gemini_answer(TEXT, candidates=SEARCHED)
    failed = {"promptFeedback": {"blockReason": "OTHER"}}
    asked_for, calls = recorded("/v1beta/batches/1", gemini_batch(gemini_answer(TEXT), searched, failed))
    assert (asked_for.name, asked_for.input_tokens) == ("GET /{version}/batches/{id}", None)
    assert asked_for.attributes["llmflow.resource.status"] == "BATCH_STATE_SUCCEEDED"
    assert (calls.name, calls.provider) == ("generate_content gemini-2.5-pro", "gcp.gemini")
    assert (calls.input_tokens, calls.output_tokens, calls.reasoning_tokens) == (2_000, 300, 100)
    assert calls.attributes["llmflow.usage.web_search.requests"] == 1
    assert calls.attributes["llmflow.response.service_tier"] == "batch"
    assert calls.attributes["llmflow.usage.calls"] == 2
    assert (calls.start_time_ns, calls.duration_ns) == (CREATED * NS + 827_892_000, 3600 * NS - 327_892_000)
    assert not calls.content


def test_a_gemini_batch_is_one_call_for_each_price() -> None:
    flash = gemini_answer(TEXT, modelVersion="gemini-2.5-flash")
    batch = gemini_batch(gemini_answer(LONG), flash, gemini_answer(TEXT), gemini_answer(LONG))
    _, *calls = recorded("/v1beta/batches/1", batch)
    assert [(one.response_model, one.input_tokens, one.attributes["llmflow.usage.calls"]) for one in calls] == [
        ("gemini-2.5-pro", 402_000, 2),
        ("gemini-2.5-flash", 1_000, 1),
        ("gemini-2.5-pro", 1_000, 1),
    ]
    other_order = gemini_batch(gemini_answer(TEXT), flash, gemini_answer(LONG), gemini_answer(LONG))
    page = {"operations": [batch]}
    assert counted(calls, recorded("/v1beta/batches/1", other_order), recorded("/v1beta/batches", page)) == 404_000


def test_embeddings_of_a_gemini_batch_state_their_tokens_each() -> None:
    answers: list[dict[str, Any]] = [{"embedding": {"values": [1]}, "tokenCount": count} for count in ("7", 3)]
    _, calls = recorded("/v1beta/batches/1", gemini_batch(*answers, model="models/gemini-embedding-2"))
    assert (calls.name, calls.observation_type) == ("embeddings gemini-embedding-2", "embedding")
    assert (calls.input_tokens, calls.output_tokens) == (10, None)


@pytest.mark.parametrize(
    "batch",
    [
        gemini_batch(gemini_answer(TEXT), state="BATCH_STATE_RUNNING"),
        gemini_batch(gemini_answer(TEXT), createTime=None),
        gemini_batch(gemini_answer(TEXT), createTime="soon"),
        gemini_batch(),
        gemini_batch() | {"response": {"responsesFile": "files/1"}},
        gemini_batch(gemini_answer(TEXT)) | {"name": None},
        {},
    ],
)
def test_a_gemini_batch_without_what_its_calls_took_is_none(batch: dict[str, Any]) -> None:
    [asked_for] = recorded("/v1beta/batches/1", batch)
    assert asked_for.input_tokens is None


def test_a_gemini_batch_cut_off_is_not_counted() -> None:
    whole = json.dumps(gemini_batch(gemini_answer(TEXT), gemini_answer(TEXT))).encode()
    assert counted(recorded("/v1beta/batches/1", whole)) == 2_000
    assert counted(recorded("/v1beta/batches/1", whole, kept=len(whole) - 9)) == 0
    assert counted(recorded("/v1beta/batches/1", whole[:-9], failure="cancelled")) == 0


def test_the_results_of_an_anthropic_batch_are_summed_up() -> None:
    asked_for, calls = recorded(RESULTS, anthropic_results(WRITES, WRITES), content_type="application/x-jsonl")
    assert (asked_for.name, asked_for.input_tokens) == ("GET /v1/messages/batches/{id}/results", None)
    assert asked_for.attributes["llmflow.resource.request_counts.errored"] == 1
    assert asked_for.attributes["llmflow.resource.id"] == "msgbatch_1"
    assert (calls.name, calls.provider, calls.observation_type) == ("chat claude-haiku-4-5", "anthropic", "generation")
    assert (calls.input_tokens, calls.cache_write_tokens, calls.cache_read_tokens) == (280, 100, 160)
    assert calls.attributes["llmflow.usage.cache_write_5m.input_tokens"] == 40
    assert calls.attributes["llmflow.usage.cache_write_1h.input_tokens"] == 60
    assert (calls.output_tokens, calls.attributes["llmflow.usage.calls"]) == (8, 2)
    assert (calls.start_time_ns // NS, calls.duration_ns, calls.tokens_per_second) == (CREATED + DAY, 0, None)
    assert "canary" not in str((asked_for, calls))


def test_an_anthropic_batch_has_the_same_ids_whenever_it_is_asked_for() -> None:
    lines = anthropic_results({**WRITES, "iterations": [ADVICE]})
    asked = [recorded(RESULTS, lines, at=CREATED + late * DAY, content_type="application/x-jsonl") for late in (1, 9)]
    ids = [[(one.trace_id, one.span_id, one.response_model, one.input_tokens) for one in calls] for _, *calls in asked]
    assert ids[0] == ids[1]
    assert {one[2:] for one in ids[0]} == {("claude-haiku-4-5", 140), ("claude-opus-5", 7)}
    [_, other, _] = recorded(RESULTS.replace("_1", "_2"), lines, content_type="application/x-jsonl")
    assert (other.trace_id, other.span_id) not in {one[:2] for one in ids[0]}


def test_results_that_were_not_seen_whole_are_not_counted() -> None:
    whole = anthropic_results(WRITES, WRITES, WRITES)
    part = whole[: whole.rindex(b"\n", 0, -1) + 1]
    fetched = partial(recorded, RESULTS, content_type="application/x-jsonl")
    assert counted(fetched(whole)) == 420
    assert counted(fetched(gzip.compress(whole), content_encoding="gzip")) == 420
    assert counted(fetched(whole, kept=len(part))) == 0
    failures: tuple[Failure, ...] = ("cancelled", "broken", "timeout", "caller_timeout")
    for failure in failures:
        assert counted(fetched(part, failure=failure)) == 0
    assert counted(fetched(part, status=206)) == 0
    many = anthropic_results(*[WRITES] * (LIMIT * 8 // len(anthropic_results(WRITES))))
    assert counted(fetched(gzip.compress(many * 2), content_encoding="gzip")) == 0
