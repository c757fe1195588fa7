"""Filters, span lists, analytics and facets over HTTP, on a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from llmflow_store import Store
from llmflow_testkit.spans import NOON, make_generation, make_span

_DAY = {"from": (NOON - timedelta(hours=1)).isoformat(), "to": (NOON + timedelta(hours=1)).isoformat()}


@pytest.fixture
async def client(client: httpx.AsyncClient, store: Store) -> httpx.AsyncClient:
    """The user, who has three spans."""
    root = make_generation(name="answer", user_id="ada", attributes={"feature": "chat"})
    tool = make_span(
        trace_id=root.trace_id, parent_span_id=root.span_id, name="look up", observation_type="tool", status="error"
    )
    other = make_generation(name="other", model="claude-sonnet-4", response_model=None, user_id="bob", cost=None)
    await store.write_spans([root, tool, other])
    return client


async def _get(client: httpx.AsyncClient, path: str, **parameters: Any) -> Any:
    answer = await client.get(f"/api/v1{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_lists_take_a_filter(client: httpx.AsyncClient) -> None:
    traces = await _get(client, "/traces", filter="status:error user:ada")
    assert [trace["name"] for trace in traces["traces"]] == ["answer"]

    spans = await _get(client, "/spans", filter="type:generation -model:claude*")
    [span] = spans["spans"]
    assert (span["name"], span["user_id"], span["input_preview"]) == ("answer", "ada", "hello")
    assert span["trace_id"] == traces["traces"][0]["trace_id"]


async def test_span_pages_follow_each_other(client: httpx.AsyncClient) -> None:
    first = await _get(client, "/spans", limit=2)
    second = await _get(client, "/spans", limit=2, cursor=first["next_cursor"])
    assert sorted(span["name"] for span in first["spans"] + second["spans"]) == ["answer", "look up", "other"]
    assert second["next_cursor"] is None

    wrong = await client.get("/api/v1/spans", params={"cursor": "x"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "cursor")


@pytest.mark.parametrize(("path", "member"), [("/traces", "traces"), ("/spans", "spans")])
async def test_lists_come_in_other_orders(client: httpx.AsyncClient, store: Store, path: str, member: str) -> None:
    await store.write_spans([make_span(duration_ns=duration_ns) for duration_ns in (3, 1, 2)])
    parameters: dict[str, Any] = {"order": "duration", "direction": "asc", "limit": 1}
    durations = []
    page = await _get(client, path, **parameters)
    while True:
        durations += [row["duration_ns"] for row in page[member]]
        if page["next_cursor"] is None:
            break
        wrong = await client.get(f"/api/v1{path}", params={"order": "cost", "cursor": page["next_cursor"]})
        assert (wrong.status_code, wrong.json()["field"]) == (400, "cursor")
        page = await _get(client, path, **parameters, cursor=page["next_cursor"])
    assert durations[:3] == [1, 2, 3]
    assert durations == sorted(durations)


async def test_a_wrong_filter_says_where(client: httpx.AsyncClient) -> None:
    for path in ("/traces", "/spans", "/facets", "/analytics?metric=cost"):
        separator = "&" if "?" in path else "?"
        answer = await client.get(f"/api/v1{path}{separator}filter=user:ada%20colour:red")
        problem = answer.json()
        assert (answer.status_code, problem["field"], problem["position"]) == (400, "filter", 9), path
        assert "unknown field 'colour'" in problem["detail"]


async def test_analytics_answers_the_questions_of_the_documentation(client: httpx.AsyncClient) -> None:
    cost = await _get(client, "/analytics", metric="cost", group_by="user_id", **_DAY)
    assert cost["unit"] == "usd"
    assert [(group["key"], group["value"]) for group in cost["groups"]] == [
        ({"user": "ada"}, 0.00572500001),
        ({"user": "bob"}, 0.0),
    ]
    assert cost["total"]["value"] == 0.00572500001

    latency = await _get(client, "/analytics", metric="latency", group_by="model", interval="1h", **_DAY)
    assert (latency["unit"], latency["aggregation"], latency["interval_seconds"]) == ("nanoseconds", "avg", 3600)
    for group in latency["groups"]:
        assert abs(group["value"] / 1e9 - 1) < 0.02
        assert [point["time"] for point in group["points"]] == ["2025-06-15T12:00:00Z"]


async def test_facets_offer_values_to_filter_by(client: httpx.AsyncClient) -> None:
    everything = await _get(client, "/facets", **_DAY)
    assert everything["fields"]["type"] == [
        {"value": "generation", "span_count": 2},
        {"value": "tool", "span_count": 1},
    ]
    failed = await _get(client, "/facets", filter="status:error", **_DAY)
    assert failed["fields"]["type"] == [{"value": "tool", "span_count": 1}]
    half_known = await _get(client, "/facets", filter='model:gpt-4o name:"answer"', **_DAY)
    assert half_known["fields"]["type"] == [{"value": "generation", "span_count": 1}]


async def test_senseless_questions_name_the_parameter(client: httpx.AsyncClient) -> None:
    for parameters, field in (
        ({}, "metric"),
        ({"metric": "beauty"}, "metric"),
        ({"metric": "cost", "aggregation": "p95"}, "aggregation"),
        ({"metric": "cost", "group_by": "colour"}, "group_by"),
        ({"metric": "cost", "interval": "often"}, "interval"),
        ({"metric": "cost", "from": "2025-01-02T00:00:00", "to": "2025-01-01T00:00:00"}, "to"),
    ):
        answer = await client.get("/api/v1/analytics", params=parameters)
        assert (answer.status_code, answer.json()["field"]) == (400, field), parameters
