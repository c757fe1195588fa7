"""Sessions, users, models and field values over HTTP, on a real database."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from llmflow_core.coding_tools import EventKind
from llmflow_store import Store, search
from llmflow_testkit.signals import make_coding_log
from llmflow_testkit.spans import NOON, NOON_NS, make_generation, make_span

_DAY = {"from": (NOON - timedelta(hours=2)).isoformat(), "to": (NOON + timedelta(hours=2)).isoformat()}
_MINUTE = 60 * 10**9
_ODD = "https://chat.test//rooms/7/"


@pytest.fixture
def database_url(migrated_database_url: str) -> str:
    """Once on each kind of database."""
    return migrated_database_url


async def _get(client: httpx.AsyncClient, path: str, **parameters: Any) -> Any:
    answer = await client.get(f"/api/v1{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _converse(store: Store) -> None:
    """Session `old` at minutes 0 and 3, `new` at 1 and 4, `odd` at 2, and a trace of no session at 5."""
    sessions = ["old", "new", _ODD, "old", "new", None]
    await store.write_spans(
        [
            make_generation(
                start_time_ns=NOON_NS + minute * _MINUTE,
                session_id=session,
                user_id="ada" if minute < 3 else "bob",
                status="error" if minute == 3 else "ok",
                cost=Decimal(minute + 1),
                input_preview=f"question {minute}",
            )
            for minute, session in enumerate(sessions)
        ]
    )


async def test_sessions_come_in_order_of_their_newest_trace(client: httpx.AsyncClient, store: Store) -> None:
    await _converse(store)
    pages, cursor = [], None
    while True:
        page = await _get(client, "/sessions", limit=1, **({"cursor": cursor} if cursor else {}))
        pages.append([session["totals"]["session_id"] for session in page["sessions"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == [["new"], ["old"], [_ODD]]

    [new, old, _] = (await _get(client, "/sessions"))["sessions"]
    totals = old["totals"]
    assert (totals["trace_count"], totals["error_count"], totals["cost"]) == (2, 1, "5")
    assert (totals["user_ids"], totals["models"]) == (["ada", "bob"], ["gpt-4o"])
    assert totals["duration_ns"] == 3 * _MINUTE + 10**9
    assert (totals["first_time"], old["newest_trace"]["input_preview"]) == ("2025-06-15T12:00:00.123456Z", "question 3")
    assert (totals["input_tokens"], totals["output_tokens"]) == (2400, 690)
    assert new["coding_tools"] == []


async def test_sessions_of_a_model_used_much_little_or_never(
    client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _converse(store)
    await store.write_spans([make_generation(session_id="rare", model="rare-1")])
    # Of a model with more calls than this the traces are looked at one by one.
    monkeypatch.setattr(search, "_MANY", 1)

    async def names(filter_: str) -> list[str]:
        found = await _get(client, "/sessions", filter=filter_)
        return [session["totals"]["session_id"] for session in found["sessions"]]

    everything = await names("model:gpt-4o")
    assert {"new", "old"} <= set(everything)
    assert await names("model:rare-1") == ["rare"]
    assert await names("model:never") == []
    assert set(await names("model:gpt-4o OR model:rare-1")) == {"rare", *everything}
    assert await names("model:gpt-4o model:rare-1") == []


async def test_a_session_appears_by_its_newest_trace_in_the_range(client: httpx.AsyncClient, store: Store) -> None:
    await _converse(store)
    until = (NOON + timedelta(minutes=2, seconds=30)).isoformat()
    early = (await _get(client, "/sessions", to=until))["sessions"]
    assert [session["totals"]["session_id"] for session in early] == [_ODD, "new", "old"]
    assert [session["totals"]["trace_count"] for session in early] == [1, 1, 1]

    failed = (await _get(client, "/sessions", filter="status:error"))["sessions"]
    assert [(found["totals"]["session_id"], found["totals"]["trace_count"]) for found in failed] == [("old", 2)]
    assert (await _get(client, "/sessions", filter="status:error", to=until))["sessions"] == []
    by_attribute = await _get(client, "/sessions", filter="attr.gen_ai.request.temperature:0.7 user:bob")
    assert [found["totals"]["session_id"] for found in by_attribute["sessions"]] == ["new", "old"]


async def test_a_session_shows_its_traces_in_order_with_previews(client: httpx.AsyncClient, store: Store) -> None:
    await _converse(store)
    first = await _get(client, "/sessions/old", limit=1)
    second = await _get(client, "/sessions/old", limit=1, cursor=first["next_cursor"])
    assert [trace["input_preview"] for trace in first["traces"] + second["traces"]] == ["question 0", "question 3"]
    assert second["next_cursor"] is None
    assert first["totals"]["trace_count"] == 2

    odd = await client.get(f"/api/v1/sessions/{httpx.URL('http://x', params={'q': _ODD}).query.decode()[2:]}")
    assert odd.json()["session_id"] == _ODD, odd.text
    assert odd.json()["totals"]["trace_count"] == 1
    missing = await client.get("/api/v1/sessions/none")
    assert missing.status_code == 404


async def test_a_coding_tools_session_is_joined_by_its_id(client: httpx.AsyncClient, store: Store) -> None:
    await _converse(store)
    logs = [make_coding_log(EventKind.REQUEST, session_id=session) for session in ("new", "logs alone")]
    await store.write_logs(logs)
    [new, *_] = (await _get(client, "/sessions"))["sessions"]
    assert (new["totals"]["session_id"], new["coding_tools"]) == ("new", [logs[0].coding.tool])  # type: ignore[union-attr]

    both = await _get(client, "/sessions/new")
    assert (len(both["traces"]), [found["session_id"] for found in both["coding_sessions"]]) == (2, ["new"])
    alone = await _get(client, "/sessions/logs%20alone")
    assert (alone["totals"], alone["traces"], len(alone["coding_sessions"])) == (None, [], 1)


async def test_users_are_ranked_and_summed_up(client: httpx.AsyncClient, store: Store) -> None:
    await _converse(store)
    by_cost = (await _get(client, "/users", **_DAY))["users"]
    assert [(user["user_id"], user["usage"]["cost"]) for user in by_cost] == [("bob", "15"), ("ada", "6")]
    usage = by_cost[0]["usage"]
    assert (usage["request_count"], usage["error_count"], usage["input_tokens"]) == (3, 1, 3600)
    assert [user["user_id"] for user in (await _get(client, "/users", prefix="a", **_DAY))["users"]] == ["ada"]
    assert (await _get(client, "/users", limit=1, order="errors", **_DAY))["users"][0]["user_id"] == "bob"

    async def costs(filter_: str) -> dict[str, str]:
        found = await _get(client, "/users", filter=filter_, **_DAY)
        return {user["user_id"]: user["usage"]["cost"] for user in found["users"]}

    assert await costs("user:b*") == {"bob": "15"}
    assert await costs("status:ok") == {"bob": "11", "ada": "6"}
    assert await costs("session:old") == {"bob": "4", "ada": "1"}
    assert await costs("model:never") == {}
    [old, _] = (await _get(client, "/users", filter="session:old", **_DAY))["users"]
    assert old["usage"] == {
        **old["usage"],
        "request_count": 1,
        "error_count": 1,
        "input_tokens": 1200,
        "last_time": "2025-06-15T12:00:00Z",
    }
    refused = await client.get("/api/v1/users", params={"filter": "status:perhaps"})
    assert (refused.status_code, refused.json()["field"]) == (400, "filter")

    bob = await _get(client, "/users/bob", interval="1h", **_DAY)
    assert (bob["usage"], bob["interval_seconds"]) == (usage, 3600)
    assert [(point["time"], point["usage"]["cost"]) for point in bob["course"]] == [("2025-06-15T12:00:00Z", "15")]
    assert (await client.get("/api/v1/users/eve", params=_DAY)).status_code == 404
    wrong = await client.get("/api/v1/users/bob", params={"interval": "5m"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "interval")


async def test_models_tell_what_they_cost_and_how_fast_they_are(client: httpx.AsyncClient, store: Store) -> None:
    await store.write_spans(
        [
            *(make_generation(duration_ns=n * 10**9, time_to_first_token_ns=10**8, cost=Decimal(1)) for n in (1, 2, 3)),
            make_generation(model="house-model", provider=None, cost=None, status="error"),
            make_span(observation_type="agent", model="gpt-4o", provider="openai", input_tokens=9, duration_ns=10**12),
        ]
    )
    [paid, unpriced] = (await _get(client, "/models", **_DAY))["models"]
    assert (paid["provider"], paid["model"], paid["usage"]["cost"]) == ("openai", "gpt-4o", "3")
    assert (paid["usage"]["request_count"], paid["usage"]["unpriced_count"]) == (3, 0)
    for percentile, seconds in (("p50", 2), ("p95", 3)):
        assert abs(paid["latency"][percentile] / 1e9 - seconds) < 0.02 * seconds
    assert abs(paid["time_to_first_token"]["p95"] / 1e8 - 1) < 0.02
    assert (unpriced["provider"], unpriced["usage"]["unpriced_count"], unpriced["usage"]["error_count"]) == (None, 1, 1)
    assert (paid["price"]["source"], "input_mtok" in paid["price"]["rates"]) == ("genai-prices", True)
    assert unpriced["price"] is None

    listed = (await _get(client, "/models", unpriced=True, **_DAY))["models"]
    assert [model["model"] for model in listed] == ["house-model"]


async def test_field_values_complete_what_facets_lack(client: httpx.AsyncClient, store: Store) -> None:
    await _converse(store)
    await store.write_spans([make_span(name="chain", tags=["chat"], service="web")])
    for field, prefix, expected in (
        ("tag", "c", [("chat", 7)]),
        ("tags", "", [("chat", 7), ("beta", 6)]),
        ("name", "ch", [("chat gpt-4o", 6), ("chain", 1)]),
        ("user", "", [("ada", 3), ("bob", 3)]),
        ("service", "w", [("web", 1)]),
        ("attr.gen_ai.request.temperature", "", [("0.7", 6)]),
        ("session", "o", [("old", 2)]),
    ):
        found = (await _get(client, "/field-values", field=field, prefix=prefix, **_DAY))["values"]
        assert [(value["value"], value["span_count"]) for value in found] == expected, field
    for field in ("colour", "attr."):
        wrong = await client.get("/api/v1/field-values", params={"field": field})
        assert (wrong.status_code, wrong.json()["field"]) == (400, "field")
