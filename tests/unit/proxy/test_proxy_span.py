"""The span of an exchange, built without any network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmflow_core.otlp import attributes_of, parse_traces, spans_of
from llmflow_core.spans import Span
from llmflow_proxy import span
from llmflow_proxy.capture import Budget, Capture
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.providers import providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings
from llmflow_testkit.providers import openai_api

LIMIT = 1 << 20
PROVIDERS = providers_of(ProxySettings())
QUESTION = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def exchange_of(
    request: bytes,
    response: bytes,
    *,
    path: str = "/v1/chat/completions",
    query: str = "",
    status: int | None = 200,
    headers: dict[str, str] | None = None,
    content_type: str = "application/json",
    held: int = LIMIT,
) -> Exchange:
    names = {"authorization": "Bearer sk-canary-key", **(headers or {})}
    exchange = Exchange(
        route=resolve(path, query, names, PROVIDERS),
        method="POST",
        path=path,
        query=query,
        request_headers=[(name.encode(), value.encode()) for name, value in names.items()],
        request=Capture(held, Budget(1 << 30)),
        response=Capture(held, Budget(1 << 30)),
        start_ns=1_700_000_000_000_000_000,
        started=1_000_000_000,
        first_byte=1_250_000_000,
        ended=3_000_000_000,
        status=status,
        response_headers=[(b"content-type", content_type.encode()), (b"x-request-id", b"req_1")],
    )
    for start in range(0, len(request), 1000):
        exchange.request.add(request[start : start + 1000])
    for start in range(0, len(response), 1000):
        exchange.response.add(response[start : start + 1000])
    return exchange


def built(exchange: Exchange, limit: int = LIMIT) -> Span:
    (found,) = spans_of(parse_traces(serialized(exchange, limit)))
    return found


def serialized(exchange: Exchange, limit: int = LIMIT) -> bytes:
    recorded = span.build(exchange, limit)
    assert recorded is not None
    return recorded[1]


def streamed(words: int) -> bytes:
    request = {**QUESTION, "stream": True, "stream_options": {"include_usage": True}}
    headers = {"authorization": "Bearer sk", "x-fake": f"words={words}"}
    return b"".join(openai_api.reply("POST", "/v1/chat/completions", headers, json.dumps(request).encode(), 0).chunks)


def test_times_and_names() -> None:
    found = built(exchange_of(json.dumps(QUESTION).encode(), streamed(5), content_type="text/event-stream"))
    assert (found.name, found.kind, found.service) == ("chat gpt-4o", 3, "llmflow-proxy")
    assert (found.start_time_ns, found.duration_ns) == (1_700_000_000_000_000_000, 2_000_000_000)
    assert found.time_to_first_token_ns == 250_000_000
    assert found.attributes["server.address"] == "api.openai.com"
    assert found.attributes["server.port"] == 443
    assert found.attributes["http.response.header.x-request-id"] == ["req_1"]


def test_no_time_to_first_chunk_for_an_answer_in_one_piece() -> None:
    assert built(exchange_of(b"{}", b"{}")).time_to_first_token_ns is None


@pytest.mark.parametrize("content_type", ["", "text/plain; charset=utf-8", "application/octet-stream"])
def test_a_stream_that_is_not_said_to_be_one(content_type: str) -> None:
    found = built(exchange_of(json.dumps(QUESTION).encode(), streamed(10), content_type=content_type))
    whole = built(exchange_of(json.dumps(QUESTION).encode(), streamed(10), content_type="text/event-stream"))
    assert json.loads(found.content["gen_ai.output.messages"])
    assert found.content == whole.content
    assert (found.output_tokens, found.time_to_first_token_ns) == (whole.output_tokens, whole.time_to_first_token_ns)


def test_a_stream_longer_than_its_capture_keeps_its_usage() -> None:
    stream = streamed(2000)
    found = built(exchange_of(json.dumps(QUESTION).encode(), stream, content_type="text/event-stream", held=100_000))
    assert len(stream) > 300_000
    assert found.attributes["llmflow.response.truncated"] is True
    assert found.output_tokens is not None
    assert found.output_tokens > 1000
    assert found.finish_reasons == ["stop"]
    (answer,) = json.loads(found.content["gen_ai.output.messages"])
    assert answer["parts"][0]["content"].startswith("the quick brown fox")


def test_a_request_longer_than_its_capture_is_read_as_far_as_it_goes() -> None:
    question = {"model": "gpt-4o", "messages": [{"role": "user", "content": "long " * 10_000}]}
    found = built(exchange_of(json.dumps(question).encode(), b"{}", held=20_000))
    assert (found.model, found.attributes["llmflow.request.truncated"]) == ("gpt-4o", True)
    (message,) = json.loads(found.content["gen_ai.input.messages"])
    assert message["parts"][0]["content"].startswith("long long")


def test_content_is_cut_to_the_limit_oldest_first() -> None:
    messages = [{"role": "user", "content": f"{n} " + "x" * 2000} for n in range(10)]
    found = built(exchange_of(json.dumps({**QUESTION, "messages": messages}).encode(), b"{}"), limit=5000)
    kept = json.loads(found.content["gen_ai.input.messages"])
    assert len(found.content["gen_ai.input.messages"]) < 8000
    assert [message["role"] for message in kept] == ["user"] * 10
    assert kept[-1]["parts"] == [{"type": "text", "content": messages[-1]["content"]}]
    assert kept[0]["parts"][0]["content"] == "… [cut]"


def test_secrets_appear_nowhere() -> None:
    exchange = exchange_of(
        json.dumps({**QUESTION, "messages": [{"role": "user", "content": "my key is sk-canary-key"}]}).encode(),
        json.dumps({"error": {"message": "bad key canary-query", "type": "t", "code": "sk-canary-key"}}).encode(),
        query="key=canary-query&limit=20",
        status=401,
        headers={"cookie": "session=canary-cookie", "x-goog-api-key": "canary-goog", "x-trace-note": "sk-canary-key"},
    )
    raw = serialized(exchange)
    assert b"canary" not in raw
    found = built(exchange)
    assert found.status_message == "bad key [redacted]"
    assert found.attributes["url.full"].endswith("/v1/chat/completions?key=[redacted]&limit=20")


def test_an_unknown_api_is_a_plain_http_span() -> None:
    found = built(exchange_of(b"anything", b"\x00\x01", path="/v1/sounds/new", content_type="audio/mpeg"))
    assert (found.name, found.observation_type, found.status) == ("POST /v1/sounds/new", "span", "unset")
    assert found.content == {}
    assert found.attributes["http.request.body.size"] == 8


def test_a_body_that_is_no_json_is_still_an_exchange() -> None:
    found = built(exchange_of(b"\xff\xfenot json", b"<html>gateway</html>", status=502))
    assert (found.name, found.status, found.error_type, found.http_status) == ("chat", "error", "502", 502)


def test_custom_headers_and_retries_are_kept() -> None:
    headers = {"x-tenant": "acme", "x-stainless-retry-count": "2", "x-stainless-os": "Linux", "user-agent": "t/1"}
    attributes = built(exchange_of(b"{}", b"{}", headers=headers)).attributes
    assert attributes["http.request.header.x-tenant"] == ["acme"]
    assert attributes["http.request.resend_count"] == 2
    assert attributes["user_agent.original"] == "t/1"
    assert not any("stainless" in name or "authorization" in name for name in attributes)


def test_headers_are_utf_8_or_else_latin_1() -> None:
    exchange = exchange_of(b"{}", b"{}")
    exchange.request_headers += [(b"x-trace-user-id", "José".encode()), (b"x-trace-city", "Köln".encode("latin-1"))]
    exchange.request_headers += [(b"x-tenant", "Łódź".encode())]
    found = built(exchange)
    assert (found.user_id, found.attributes["city"]) == ("José", "Köln")
    assert found.attributes["http.request.header.x-tenant"] == ["Łódź"]


def test_a_cancelled_exchange_is_no_error() -> None:
    exchange = exchange_of(json.dumps(QUESTION).encode(), streamed(50)[:2000], content_type="text/event-stream")
    exchange.failure = "cancelled"
    found = built(exchange)
    assert (found.status, found.attributes["llmflow.cancelled"]) == ("unset", True)
    (answer,) = json.loads(found.content["gen_ai.output.messages"])
    assert answer["parts"][0]["content"].startswith("the quick")


def test_a_span_larger_than_the_log_allows_loses_its_largest_attributes() -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "q" * 5000}]
    answer = {"id": "a", "choices": [{"message": {"content": "a" * 50_000}, "finish_reason": "stop"}]}
    value = serialized(
        exchange_of(json.dumps({**QUESTION, "messages": messages}).encode(), json.dumps(answer).encode())
    )
    smaller = span.without_content(value, 10_000)
    assert smaller is not None
    assert len(smaller) <= 10_000
    attributes = attributes_of(parse_traces(smaller).resource_spans[0].scope_spans[0].spans[0].attributes)
    assert attributes["llmflow.dropped_attributes"] == ["gen_ai.output.messages"]
    assert "q" * 5000 in attributes["gen_ai.input.messages"]
    assert span.without_content(value, 50) is None
