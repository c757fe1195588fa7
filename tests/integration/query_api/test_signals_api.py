"""Logs, metrics, AI command-line tools and scores over HTTP, from what the tools really sent, in a real database."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from llmflow_core.coding_tools import EventKind
from llmflow_core.logs import LogRecord, logs_of
from llmflow_core.metrics import metric_points_of
from llmflow_core.spans import Score, Span
from llmflow_store import Store
from llmflow_testkit.recorded_coding_tools import recorded_logs, recorded_metrics
from llmflow_testkit.signals import make_coding_log, make_log
from llmflow_testkit.spans import NOON_NS, make_generation

FAR_FUTURE: dict[str, Any] = {"from": "2100-01-01T00:00:00Z"}
TOOLS = ("claude_code", "codex", "gemini_cli")
Client = httpx.AsyncClient


async def get(client: Client, path: str, status: int = 200, **parameters: Any) -> Any:
    answer = await client.get(f"/api/v1{path}", params=parameters)
    assert answer.status_code == status, answer.text
    return answer.json()


def logs_of_tool(tool: str) -> list[LogRecord]:
    return logs_of(recorded_logs(tool), place=tool.encode(), received_ns=NOON_NS)


async def test_what_the_tools_sent_is_summed_up(client: Client, store: Store) -> None:
    for tool in TOOLS:
        await store.write_logs(logs_of_tool(tool))
    tools = {entry["tool"]: entry for entry in (await get(client, "/coding-tools"))["tools"]}
    assert tuple(tools) == TOOLS
    for tool, entry in tools.items():
        usage = entry["usage"]
        assert (entry["sessions"], usage["prompts"], usage["requests"]) == (1, 1, 2), tool
        assert (usage["accepted"], usage["rejected"], usage["tool_calls"]) == (1, 0, 1), tool
        assert usage["input_tokens"] > usage["output_tokens"] > 0, tool
    assert tools["claude_code"]["usage"]["failed_tool_calls"] == 1
    stated = [log.attributes["cost_usd"] for log in logs_of_tool("claude_code") if "cost_usd" in log.attributes]
    assert Decimal(tools["claude_code"]["usage"]["cost"]) == pytest.approx(Decimal(str(sum(stated))))
    # Here nobody priced the others.
    assert (tools["codex"]["usage"]["cost"], tools["codex"]["usage"]["unpriced_count"]) == (None, 2)
    assert (await get(client, "/coding-tools", **FAR_FUTURE))["tools"] == []


async def test_a_session_has_one_cost_although_events_and_traces_tell_one(client: Client, store: Store) -> None:
    events = [make_coding_log(EventKind.REQUEST, cost=Decimal("0.25")), make_coding_log(EventKind.PROMPT)]
    later = make_coding_log(EventKind.REQUEST, cost=None, session_id="s-2", tool="codex", time_ns=NOON_NS + 10**9)
    await store.write_logs([*events, later])
    for session_id in ("s-1", "s-2"):
        await store.write_spans([make_generation(session_id=session_id, cost=Decimal("0.5"))])
    first = await get(client, "/coding-tools/sessions", limit=1)
    second = await get(client, "/coding-tools/sessions", limit=1, cursor=first["next_cursor"])
    assert second["next_cursor"] is None
    facts = ("session_id", "cost", "cost_source", "trace_cost", "trace_count", "user_id")
    found = [[session[fact] for fact in facts] for page in (first, second) for session in page["sessions"]]
    assert found == [["s-2", "0.5", "traces", "0.5", 1, "ada"], ["s-1", "0.25", "events", "0.5", 1, "ada"]]
    only = await get(client, "/coding-tools/sessions", tool="claude_code", user_id="ada")
    assert [session["session_id"] for session in only["sessions"]] == ["s-1"]
    wrong = await get(client, "/coding-tools/sessions", status=400, cursor="x")
    assert wrong["field"] == "cursor"


async def test_logs_are_listed_page_by_page(client: Client, store: Store) -> None:
    recorded = logs_of_tool("claude_code")
    await store.write_logs([*recorded, make_log(severity_number=17, body="disk full", trace_id=b"t" * 16)])
    ids: list[str] = []
    parameters: dict[str, Any] = {"limit": 4}
    while parameters.get("cursor", "") is not None:
        page = await get(client, "/logs", **parameters)
        ids += [entry["id"] for entry in page["logs"]]
        parameters["cursor"] = page["next_cursor"]
    assert len(ids) == len(set(ids)) == len(recorded) + 1
    (failed,) = (await get(client, "/logs", severity="error"))["logs"]
    assert (failed["body"], failed["trace_id"], failed["coding"]) == ("disk full", "74" * 16, None)
    assert (await get(client, "/logs", trace_id="74" * 16, text="DISK"))["logs"] == [failed]
    calls = (await get(client, "/logs", tool="claude_code", event_name="claude_code.api_request"))["logs"]
    assert [entry["coding"]["kind"] for entry in calls] == ["request", "request"]
    assert calls[0]["coding"]["model"] == "claude-sonnet-4-5-20250929"
    assert len((await get(client, "/logs", session_id=calls[0]["session_id"]))["logs"]) == len(recorded)
    assert (await get(client, "/logs", project="other"))["logs"] == []
    assert (await get(client, "/logs", status=400, severity="loud"))["field"] == "severity"
    assert (await get(client, "/logs", status=400, cursor="AAAA"))["field"] == "cursor"


async def test_metrics_are_listed_and_drawn(client: Client, store: Store) -> None:
    points = metric_points_of(recorded_metrics("claude_code"))
    await store.write_metrics(points)
    metrics = {metric["name"]: metric for metric in (await get(client, "/metrics/names"))["metrics"]}
    tokens = metrics["claude_code.token.usage"]
    assert (tokens["unit"], tokens["type"], tokens["temporality"]) == ("tokens", "sum", "delta")
    assert {"model", "type", "session.id"} <= set(tokens["attributes"])
    day = max(point.time_ns for point in points) // 10**9
    asked: dict[str, Any] = {"name": "claude_code.token.usage", "from": f"{day - 3600}", "to": f"{day + 60}"}
    drawn = await get(client, "/metrics/query", **asked, by="type", interval=86_400)
    by_type = {line["label"]: line["points"][0]["value"] for line in drawn["lines"]}
    assert (drawn["interval_seconds"], set(by_type)) == (86_400, {"input", "output", "cacheRead", "cacheCreation"})
    sent = {p.series.attributes["type"]: p.value for p in points if p.series.name == "claude_code.token.usage"}
    assert by_type == sent
    largest = await get(client, "/metrics/query", **asked, by="type", interval=86_400, limit=1)
    assert (len(largest["lines"]), largest["line_count"]) == (1, 4)
    assert largest["lines"][0]["points"][0]["value"] == max(value or 0 for value in sent.values())
    only = await get(client, "/metrics/query", **asked, interval=86_400, attribute=["type=input", "model=nothing"])
    assert only["lines"] == []
    assert (await get(client, "/metrics/query", status=400, **asked, interval=1))["field"] == "interval"
    assert (await get(client, "/metrics/query", status=400, **asked, interval=10**15))["field"] == "interval"
    assert (await get(client, "/metrics/query", status=400, **asked, attribute="type"))["field"] == "attribute"
    assert (await get(client, "/metrics/query", status=400, name="x", **FAR_FUTURE))["field"] == "from"


@pytest.fixture
async def scored(store: Store) -> Span:
    """A stored generation that came with a score."""
    span = make_generation(scores=[Score(name="relevance", value=0.9, label="good", comment="because")])
    await store.write_spans([span, replace(span, span_id=b"other_id", scores=[])])
    return span


async def test_scores_of_spans_are_shown_with_them(client: Client, scored: Span) -> None:
    place = f"/traces/{scored.trace_id.hex()}"
    (score,) = (await get(client, place))["scores"]
    assert (score["name"], score["value"], score["label"], score["data_type"]) == ("relevance", 0.9, "good", "numeric")
    assert (score["span_id"], score["source"], score["author"]) == (scored.span_id.hex(), "eval", None)
    assert (await get(client, f"{place}/spans/{scored.span_id.hex()}"))["scores"] == [score]
    assert (await get(client, f"{place}/spans/{b'other_id'.hex()}"))["scores"] == []
    assert (await get(client, "/scores", name="relevance"))["scores"] == [score]


async def test_a_score_can_be_posted_again_listed_and_deleted(client: Client, scored: Span) -> None:
    trace_id = scored.trace_id.hex()
    body = {"id": "mine", "name": "helpful", "trace_id": trace_id, "value": 1, "data_type": "boolean"}
    for _ in range(2):
        answer = await client.post("/api/v1/scores", json=body)
        assert answer.status_code == 201, answer.text
    for value in ("NaN", "Infinity"):
        refused = await client.post("/api/v1/scores", json={"name": "helpful", "trace_id": trace_id, "value": value})
        assert refused.status_code == 400, refused.text
    created = answer.json()
    assert (created["label"], created["author"], created["source"], created["span_id"]) == (
        "true",
        "llmflow",
        "api",
        None,
    )
    assert [score["id"] for score in (await get(client, f"/traces/{trace_id}"))["scores"]].count("mine") == 1
    generated = await client.post(
        "/api/v1/scores",
        json={
            "name": "tone",
            "session_id": "s-9",
            "label": "kind",
            "source": "annotation",
            "time": "2025-01-02T03:04:05Z",
        },
    )
    assert generated.json()["time"] == "2025-01-02T03:04:05Z"
    assert (await get(client, "/scores", session_id="s-9"))["scores"] == [generated.json()]
    first = await get(client, "/scores", limit=2)
    rest = await get(client, "/scores", limit=2, cursor=first["next_cursor"])
    assert ([len(first["scores"]), len(rest["scores"])], rest["next_cursor"]) == ([2, 1], None)
    assert (await client.delete("/api/v1/scores/mine")).status_code == 204
    assert (await client.delete("/api/v1/scores/mine")).status_code == 404
    longest = await client.post("/api/v1/scores", json={**body, "id": "\U0001f600" * 200})
    assert longest.status_code == 201, longest.text


async def test_a_score_that_is_none_is_refused(client: Client) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"name": "n", "value": 1}, "trace_id"),
        ({"name": "n", "value": 1, "session_id": "s", "span_id": "00" * 8}, "trace_id"),
        ({"name": "n", "session_id": "s"}, "label"),
        ({"name": "n", "session_id": "s", "data_type": "numeric", "label": "x"}, "value"),
        ({"name": "n", "session_id": "s", "data_type": "boolean", "value": 2}, "value"),
        ({"session_id": "s", "value": 1}, "name"),
        ({"name": "n", "session_id": "", "value": 1}, "session_id"),
        ({"name": "n", "session_id": "s", "value": 1, "id": "a\0"}, "id"),
    ]
    for body, field in wrong:
        answer = await client.post("/api/v1/scores", json=body)
        assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text


async def test_nothing_of_it_is_shown_to_strangers(client: Client) -> None:
    for path in (
        "/logs",
        "/metrics/names",
        "/metrics/query?name=x",
        "/coding-tools",
        "/coding-tools/sessions",
        "/scores",
    ):
        assert (await client.get(f"/api/v1{path}", auth=None)).status_code == 401, path
