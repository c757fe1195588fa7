"""Projects, traces and spans over HTTP: what is sent, how pages follow each other, how errors look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from llmflow_core.errors import Retryable
from llmflow_core.ids import trace_id_from_text
from llmflow_core.spans import ObservationType, Span, SpanKind, Status
from llmflow_store.port import Store

Client = AsyncTestClient[Litestar]
START = 1_700_000_000_123_456_789
SECOND = 1_000_000_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def make_span(number: int = 0, **changes: Any) -> Span:
    facts: dict[str, Any] = {
        "trace_id": bytes.fromhex(TRACE),
        "span_id": (number + 1).to_bytes(8, "big"),
        "name": f"span {number}",
        "start_time_ns": START + number * SECOND,
        "duration_ns": SECOND,
    }
    return Span(**{**facts, **changes})


def make_traces(count: int) -> list[Span]:
    return [make_span(number, trace_id=(number + 1).to_bytes(16, "big")) for number in range(count)]


async def names(client: Client, **parameters: str) -> list[str]:
    answer = await client.get("/api/v1/traces", params=parameters)
    assert answer.status_code == 200, answer.text
    return [trace["name"] for trace in answer.json()["traces"]]


async def test_projects_are_listed(client: Client, store: Store) -> None:
    await store.write_spans([make_span(project="shop"), make_span(project="demo")])
    answer = await client.get("/api/v1/projects")
    assert (answer.status_code, answer.json()["projects"]) == (200, ["default", "demo", "shop"])
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_no_project_comes_to_be_by_a_name_that_nothing_can_be_sent_to(client: Client) -> None:
    score = {"session_id": "chat", "name": "tone", "value": 1}
    for name in ("shop\n", "A B"):
        created = await client.post("/api/v1/projects", json={"name": name})
        scored = await client.post("/api/v1/scores", params={"project": name}, json=score)
        assert (created.status_code, scored.status_code, scored.json()["field"]) == (400, 400, "project")
    assert (await client.get("/api/v1/projects")).json()["projects"] == ["default"]


async def test_a_trace_in_the_list(client: Client, store: Store) -> None:
    await store.write_spans(
        [
            make_span(service="shop", user_id="alice", session_id="chat-1", tags=["a"], input_preview="Hi"),
            make_span(
                1,
                parent_span_id=(1).to_bytes(8, "big"),
                observation_type=ObservationType.GENERATION,
                status=Status.ERROR,
                model="gpt-4o",
                input_tokens=3,
                output_tokens=4,
                cost=Decimal("0.1000000000000000001"),
            ),
            make_span(2, parent_span_id=(1).to_bytes(8, "big"), cost=Decimal("0.2")),
        ]
    )
    answer = await client.get("/api/v1/traces")
    assert answer.json() == {
        "traces": [
            {
                "project": "default",
                "trace_id": TRACE,
                "name": "span 0",
                "service": "shop",
                "has_root": True,
                "start_time": "2023-11-14T22:13:20.123456Z",
                "duration_ns": 3 * SECOND,
                "status": "error",
                "span_count": 3,
                "error_count": 1,
                "generation_count": 1,
                "input_tokens": 3,
                "output_tokens": 4,
                "cost": "0.3000000000000000001",
                "unpriced_count": 0,
                "models": ["gpt-4o"],
                "user_id": "alice",
                "session_id": "chat-1",
                "tags": ["a"],
                "environment": None,
                "input_preview": "Hi",
                "output_preview": None,
            }
        ],
        "next_cursor": None,
    }


async def test_pages_follow_each_other_without_gap_or_repetition_while_traces_arrive(
    client: Client, store: Store
) -> None:
    old = make_traces(7)
    await store.write_spans(old)
    seen: list[str] = []
    cursor = None
    while True:
        parameters = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/traces", params=parameters)).json()
        seen += [trace["name"] for trace in page["traces"]]
        await store.write_spans([make_span(100 + len(seen), trace_id=(100 + len(seen)).to_bytes(16, "big"))])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [span.name for span in reversed(old)]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, ["span 2", "span 1", "span 0"]),
        ({"limit": "1"}, ["span 2"]),
        ({"model": "gpt-4o"}, ["span 1"]),
        ({"service": "shop"}, ["span 2"]),
        ({"user_id": "ål?ce & co"}, ["span 2"]),
        ({"session_id": "chat-1"}, ["span 0"]),
        ({"status": "error"}, ["span 1"]),
        ({"status": "error", "service": "shop"}, []),
        ({"project": "other"}, ["elsewhere"]),
        ({"project": "nowhere"}, []),
        ({"from": "2023-11-14T22:13:21.123456Z"}, ["span 2", "span 1"]),
        ({"from": "2023-11-14T23:13:21.123456+01:00"}, ["span 2", "span 1"]),
        ({"from": "2023-11-14T22:13:21.123456"}, ["span 2", "span 1"]),
        ({"to": "2023-11-14T22:13:21Z"}, ["span 0"]),
        ({"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59-12:00"}, ["span 2", "span 1", "span 0"]),
        ({"from": "9999-12-31T00:00:00Z"}, []),
    ],
)
async def test_the_list_is_filtered(
    client: Client, store: Store, parameters: dict[str, str], found: Sequence[str]
) -> None:
    first, second, third = make_traces(3)
    first.session_id = "chat-1"
    second.model, second.status = "gpt-4o", Status.ERROR
    third.service, third.user_id = "shop", "ål?ce & co"
    await store.write_spans([first, second, third, make_span(project="other", name="elsewhere")])
    assert await names(client, **parameters) == list(found)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "many"),
        ("cursor", ""),
        ("cursor", "AAAA"),
        ("from", "yesterday"),
        ("to", "2023-13-01"),
        ("status", "ok"),
        ("order", "name"),
        ("direction", "up"),
        ("model", "a\0b"),
        ("service", "x" * 1025),
        ("project", "x" * 64),
    ],
)
async def test_a_wrong_parameter_is_named(client: Client, parameter: str, value: str) -> None:
    answer = await client.get("/api/v1/traces", params={parameter: value})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    body = answer.json()
    assert (body["status"], body["field"]) == (400, parameter)
    assert body["detail"].startswith(f"{parameter}: ")


async def test_a_trace_with_its_spans(client: Client, store: Store) -> None:
    root = make_span(0, kind=SpanKind.SERVER, service="shop")
    child = make_span(
        1,
        parent_span_id=root.span_id,
        kind=SpanKind.CLIENT,
        observation_type=ObservationType.GENERATION,
        status=Status.ERROR,
        status_message="slow down",
        provider="openai",
        model="gpt-4o",
        response_model="gpt-4o-2024-08-06",
        input_tokens=10,
        output_tokens=20,
        cache_read_tokens=4,
        cache_write_tokens=1,
        reasoning_tokens=5,
        cost=Decimal("0.00000003"),
        time_to_first_token_ns=7,
        error_type="rate_limit_exceeded",
        content={"gen_ai.input.messages": "[]"},
    )
    await store.write_spans([child, root])
    body = (await client.get(f"/api/v1/traces/{TRACE}")).json()
    assert body["trace"]["trace_id"] == TRACE
    assert [span["span_id"] for span in body["spans"]] == ["0000000000000001", "0000000000000002"]
    assert (body["spans"][0]["kind"], body["spans"][0]["offset_ns"], body["spans"][0]["parent_span_id"]) == (
        "server",
        0,
        None,
    )
    assert body["spans"][1] == {
        "span_id": "0000000000000002",
        "parent_span_id": "0000000000000001",
        "name": "span 1",
        "kind": "client",
        "observation_type": "generation",
        "service": "",
        "start_time": "2023-11-14T22:13:21.123456Z",
        "offset_ns": SECOND,
        "duration_ns": SECOND,
        "status": "error",
        "status_message": "slow down",
        "provider": "openai",
        "model": "gpt-4o",
        "response_model": "gpt-4o-2024-08-06",
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_read_tokens": 4,
        "cache_write_tokens": 1,
        "reasoning_tokens": 5,
        "cost": "0.00000003",
        "time_to_first_token_ns": 7,
        "error_type": "rate_limit_exceeded",
    }


async def test_a_span_with_its_content(client: Client, store: Store) -> None:
    message = [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]
    await store.write_spans(
        [
            make_span(
                scope="openai",
                scope_version="1.2",
                observation_type=ObservationType.GENERATION,
                input_cost=Decimal("0.1"),
                output_cost=Decimal("0.2"),
                tokens_per_second=82.5,
                finish_reasons=["stop"],
                http_status=200,
                attributes={"a": {"b": [1, None]}},
                resource_attributes={"service.name": "shop"},
                events=[{"name": "e"}],
                links=[{"trace_id": TRACE}],
                content={"gen_ai.input.messages": message},
            )
        ]
    )
    body = (await client.get(f"/api/v1/traces/{TRACE}/spans/0000000000000001")).json()
    assert body["trace_id"] == TRACE
    assert body["span"]["name"] == "span 0"
    assert (body["input_cost"], body["output_cost"], body["tokens_per_second"]) == ("0.1", "0.2", 82.5)
    assert (body["scope"], body["scope_version"], body["finish_reasons"]) == ("openai", "1.2", ["stop"])
    assert body["attributes"] == {"a": {"b": [1, None]}}
    assert body["raw_content"] == {"gen_ai.input.messages": message}
    (shown,) = body["conversation"]["input"]
    assert (shown["role"], shown["parts"][0]["type"], shown["parts"][0]["text"]) == ("user", "text", "Hello")


@pytest.mark.parametrize("text", ["order 66", "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736", "ümlaut"])
async def test_a_trace_is_found_by_the_name_that_its_caller_gave_it(client: Client, store: Store, text: str) -> None:
    await store.write_spans([make_span(trace_id=trace_id_from_text(text))])
    for path in (f"/api/v1/traces/{quote(text)}", f"/api/v1/traces/{quote(text)}/spans/0000000000000001"):
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        f"/api/v1/traces/{TRACE}?project=other",
        f"/api/v1/traces/{'1' * 32}",
        f"/api/v1/traces/{TRACE}/spans/{'1' * 16}",
        f"/api/v1/traces/{TRACE}/spans/0000000000000001?project=other",
        "/api/v1/nothing",
        "/api/nothing",
        "/api",
        "/",
        "/nothing",
    ],
)
async def test_what_does_not_exist_is_404(client: Client, store: Store, path: str) -> None:
    await store.write_spans([make_span()])
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["title"] == "Not Found"


async def test_a_malformed_span_id_is_named(client: Client) -> None:
    answer = await client.get(f"/api/v1/traces/{TRACE}/spans/1")
    assert (answer.status_code, answer.json()["field"]) == (400, "span_id")


async def test_another_method_is_405_and_says_which_are_allowed(client: Client) -> None:
    answer = await client.delete("/api/v1/traces")
    assert (answer.status_code, answer.json()["title"]) == (405, "Method Not Allowed")
    assert "GET" in answer.headers["allow"]


async def test_a_database_that_is_away_is_503_with_a_time_to_retry(
    client: Client, break_store: Callable[[Exception], None]
) -> None:
    break_store(Retryable("connect to postgresql://user:secret@host failed", retry_after=2.2))
    answer = await client.get("/api/v1/traces")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert "secret" not in answer.text
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/healthz")).status_code == 200


async def test_an_unexpected_error_is_500_and_keeps_its_text_to_the_log(
    client: Client, break_store: Callable[[Exception], None], caplog: pytest.LogCaptureFixture
) -> None:
    break_store(RuntimeError("a secret"))
    answer = await client.get("/api/v1/traces")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "a secret" not in answer.text
    assert "a secret" in caplog.text


@pytest.mark.parametrize(("accepted", "coding"), [("gzip", "gzip"), ("gzip, deflate, br, zstd", "zstd")])
async def test_large_answers_are_compressed_for_those_who_can_read_it(
    client: Client, store: Store, accepted: str, coding: str
) -> None:
    await store.write_spans([make_span(number) for number in range(100)])
    plain = await client.get(f"/api/v1/traces/{TRACE}", headers={"Accept-Encoding": "identity"})
    packed = await client.get(f"/api/v1/traces/{TRACE}", headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == coding
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(plain.content) / 5


async def test_probes_need_no_user(anonymous: Client) -> None:
    for path in ("/healthz", "/readyz"):
        assert (await anonymous.get(path)).status_code == 200


async def test_the_store_is_closed_with_the_application(make_client: Callable[..., Client], store: Any) -> None:
    async with make_client():
        assert not store.closed
    assert store.closed
