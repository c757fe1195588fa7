"""Jaeger's read API over HTTP: the requests of Grafana's data source and of Jaeger's page, on a real database."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest_asyncio

from llmflow_core.api_keys import ApiKey, digest_of, new_key
from llmflow_core.spans import Span
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store, open_store
from llmflow_store.administration import Actor
from llmflow_store.topology import Dependency, Operation
from llmflow_testkit.query_api_app import query_api_app
from llmflow_testkit.spans import NOON, NOON_NS, make_generation, make_span

USER = ("llmflow", "a long password")
SECOND = 1_000_000_000
MINUTES = 60 * 1_000_000
NOON_US = NOON_NS // 1000
RANGE = {"start": NOON_US - MINUTES, "end": NOON_US + 10 * MINUTES}


def a_trace(**root: Any) -> list[Span]:
    """A request to `shop` that asks a model through `assistant`."""
    first = make_span(
        name="GET /answer",
        service="shop",
        kind=2,
        duration_ns=3 * SECOND,
        resource_attributes={"service.name": "shop", "host.name": "a"},
        **root,
    )
    second = make_generation(
        trace_id=first.trace_id,
        parent_span_id=first.span_id,
        start_time_ns=NOON_NS + SECOND,
        attributes={"http.status_code": 200, "ratio": 0.5, "streamed": True, "models": ["a", "b"], "feature": "chat"},
        links=[{"trace_id": "ab" * 16, "span_id": "cd" * 8}],
    )
    return [first, second]


@pytest_asyncio.fixture
async def store(migrated_embedded_url: str) -> AsyncIterator[Store]:
    store = open_store(migrated_embedded_url)
    yield store
    await store.close()


@pytest_asyncio.fixture
async def trace(store: Store) -> list[Span]:
    """The trace in question, with another that failed, two minutes later, in the same project."""
    spans = a_trace()
    failed = make_span(name="GET /other", service="shop", status="error", start_time_ns=NOON_NS + 120 * SECOND)
    nameless = make_span(name="nameless", start_time_ns=NOON_NS + 240 * SECOND)
    await store.write_spans([*spans, failed, nameless])
    return spans


@pytest_asyncio.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    with query_api_app(QueryApiSettings(auth_password=USER[1], host="127.0.0.1"), store=store) as app:
        transport = httpx.ASGITransport(cast(Any, app))
        async with httpx.AsyncClient(transport=transport, base_url="http://llmflow.test", auth=USER) as client:
            yield client


async def data(client: httpx.AsyncClient, path: str, **parameters: Any) -> Any:
    answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert set(document) == {"data", "total", "limit", "offset", "errors"}
    assert (document["total"], document["errors"]) == (len(document["data"]), None)
    return document["data"]


async def found(client: httpx.AsyncClient, **parameters: Any) -> list[str]:
    """The names of the earliest spans of the traces that a search finds."""
    traces = await data(client, "/api/traces", **{**RANGE, **parameters})
    return [min(trace["spans"], key=lambda span: span["startTime"])["operationName"] for trace in traces]


async def test_a_trace_as_jaeger_writes_it(client: httpx.AsyncClient, trace: list[Span]) -> None:
    root = trace[0]
    [document] = await data(client, f"/api/traces/{root.trace_id.hex()}", start=RANGE["start"], end=RANGE["end"])
    assert (document["traceID"], document["warnings"]) == (root.trace_id.hex(), None)
    assert document["processes"]["p1"] == {
        "serviceName": "shop",
        "tags": [{"key": "host.name", "type": "string", "value": "a"}],
    }
    first, second = document["spans"]
    assert (first["spanID"], first["references"], first["processID"]) == (root.span_id.hex(), [], "p1")
    assert (first["startTime"], first["duration"]) == (NOON_US, 3_000_000)
    assert second["references"] == [
        {"refType": "CHILD_OF", "traceID": root.trace_id.hex(), "spanID": root.span_id.hex()},
        {"refType": "FOLLOWS_FROM", "traceID": "ab" * 16, "spanID": "cd" * 8},
    ]
    tags = {tag["key"]: (tag["type"], tag["value"]) for tag in second["tags"]}
    assert tags.items() >= {
        ("http.status_code", ("int64", 200)),
        ("ratio", ("float64", 0.5)),
        ("streamed", ("bool", True)),
        ("models", ("string", '["a","b"]')),
        ("span.kind", ("string", "client")),
        ("otel.status_code", ("string", "OK")),
        ("llmflow.cost_usd", ("float64", 0.00572500001)),
    }
    [log] = second["logs"]
    assert log == {
        "timestamp": NOON_US,
        "fields": [{"key": "event", "type": "string", "value": "retry"}, {"key": "n", "type": "int64", "value": 1}],
    }


async def test_the_requests_of_grafana(client: httpx.AsyncClient, store: Store, trace: list[Span]) -> None:
    now = make_span(service="fresh", start_time_ns=time.time_ns() - SECOND, kind=3)
    await store.write_spans([now, make_span(start_time_ns=time.time_ns() - SECOND)])
    for prefix in ("/api", "/jaeger/api"):
        assert await data(client, f"{prefix}/services") == ["fresh"]
        assert await data(client, f"{prefix}/services/fresh/operations") == ["work"]
        assert await data(client, f"{prefix}/operations", service="fresh") == [{"name": "work", "spanKind": "client"}]
        assert await data(client, f"{prefix}/operations", service="fresh", spanKind="server") == []
        # Without a range the last two days are searched.
        assert len(await data(client, f"{prefix}/traces", service="fresh", operation="All", limit=20)) == 1
        assert await data(client, f"{prefix}/traces", service="shop") == []
        [one] = await data(client, f"{prefix}/traces/{trace[0].trace_id.hex()}")
        assert len(one["spans"]) == 2
        range_ms = {"endTs": NOON_US // 1000 + 600_000, "lookback": 3_600_000}
        assert await data(client, f"{prefix}/dependencies", **range_ms) == [
            {"parent": "shop", "child": "assistant", "callCount": 1}
        ]


async def test_a_search_finds_the_newest_first(client: httpx.AsyncClient, trace: list[Span]) -> None:
    both = ["GET /other", "GET /answer"]
    assert await found(client, service="shop") == both
    assert await found(client, service="shop", limit=1) == both[:1]
    assert await found(client, service="unknown_service", operation="nameless") == ["nameless"]
    assert await found(client, service="shop", end=NOON_US) == both[1:]
    assert await found(client, service="shop", start=NOON_US + MINUTES) == both[:1]


CONDITIONS: list[tuple[dict[str, str], list[str]]] = [
    ({"operation": "GET /answer"}, ["GET /answer"]),
    ({"operation": "chat gpt-4o"}, []),
    ({"service": "assistant", "operation": "chat gpt-4o"}, ["GET /answer"]),
    ({"minDuration": "2s"}, ["GET /answer"]),
    ({"minDuration": "2000.5ms", "maxDuration": "1h2m3s"}, ["GET /answer"]),
    ({"maxDuration": "1.5s"}, ["GET /other"]),
    ({"tags": json.dumps({"error": "true"})}, ["GET /other"]),
    ({"tags": json.dumps({"host.name": "a", "span.kind": "server"})}, ["GET /answer"]),
    ({"tag": "host.name:a"}, ["GET /answer"]),
    ({"service": "assistant", "tags": json.dumps({"http.status_code": "200", "feature": "chat"})}, ["GET /answer"]),
    ({"tags": json.dumps({"feature": "chat"})}, []),
]


async def test_conditions_hold_for_one_span(client: httpx.AsyncClient, trace: list[Span]) -> None:
    for conditions, names in CONDITIONS:
        assert await found(client, **{"service": "shop", **conditions}) == names, conditions


ERRORS = [
    ("/api/traces?service=shop&minDuration=2", 400, "unable to parse param 'minDuration'"),
    ("/api/traces?service=shop&tags={", 400, "malformed 'tags' parameter"),
    ("/api/traces?service=shop&tag=error", 400, "malformed 'tag' parameter"),
    ("/api/traces?service=shop&start=yesterday", 400, "start"),
    ("/api/traces?service=shop&tag=a:%00", 400, "NUL"),
    ('/api/traces?service=shop&tags={"%5Cu0000":"a"}', 400, "NUL"),
    ("/api/traces/00000000000000000000000000000001", 404, "trace not found"),
]


async def test_errors_are_jaegers_and_problem_details(client: httpx.AsyncClient, store: Store) -> None:
    for path, status, message in ERRORS:
        answer = await client.get(path)
        document = answer.json()
        assert (answer.status_code, document["status"], document["data"]) == (status, status, None), path
        [error] = document["errors"]
        assert error["code"] == status
        assert message in error["msg"]


async def test_who_asks_gets_their_project(client: httpx.AsyncClient, store: Store) -> None:
    shop, other = a_trace(project="a"), make_span(name="of b", service="only-b", project="b")
    for span in shop:
        span.project = "a"
    await store.write_spans([*shop, other])
    path = f"/api/traces/{other.trace_id.hex()}"
    assert (await client.get(path, headers={"X-LLMFlow-Project": "b"})).status_code == 200
    assert (await client.get(path, params={"project": "b"})).status_code == 200
    assert (await client.get(path)).status_code == 404
    key, key_id = new_key()
    await store.create_key(
        ApiKey(id=key_id, digest=digest_of(key), project="a", scopes=frozenset({"read"})), name="k", by=Actor("test")
    )
    assert (await client.get(path, auth=None)).status_code == 401
    bearer = {"Authorization": f"Bearer {key}"}
    confined = {**bearer, "X-LLMFlow-Project": "b"}
    assert (await client.get(path, auth=None, headers=confined)).status_code == 404
    assert (await client.get(path, auth=None, headers=bearer, params={"project": "b"})).status_code == 403
    mine = await client.get(f"/api/traces/{shop[0].trace_id.hex()}", auth=(key_id, key))
    assert mine.status_code == 200


async def test_an_id_without_its_leading_zeros_is_found(client: httpx.AsyncClient, store: Store) -> None:
    await store.write_spans([make_span(trace_id=bytes(15) + b"\x1f")])
    assert [trace["traceID"] for trace in await data(client, "/api/traces/1f")] == ["0" * 30 + "1f"]


async def test_traces_are_asked_for_by_their_ids(client: httpx.AsyncClient, store: Store) -> None:
    await store.write_spans([make_span(trace_id=bytes(15) + bytes([number])) for number in (1, 2, 3)])
    found = await data(client, "/api/traces", traceID=["3", "1", "9"])
    assert [int(trace["traceID"], 16) for trace in found] == [3, 1]


async def test_operations_and_dependencies(migrated_database_url: str) -> None:
    store = open_store(migrated_database_url)
    try:
        await store.write_spans([*a_trace(), make_span(name="GET /answer", service="other", kind=3)])
        begin, end = NOON - timedelta(minutes=1), NOON + timedelta(minutes=1)
        assert await store.operations("default", "shop", begin) == [Operation("GET /answer", 2)]
        assert await store.operations("default", "shop", end) == []
        assert await store.dependencies("default", begin, end) == [Dependency("shop", "assistant", 1)]
        assert await store.dependencies("default", end, end + timedelta(minutes=1)) == []
        assert await store.dependencies("another", begin, end) == []
    finally:
        await store.close()
