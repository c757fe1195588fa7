"""Rules and budgets from the spans to the receiver of a webhook, over a real database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from llmflow_core.api_keys import ApiKey, digest_of, new_key
from llmflow_query_api.alerting.desk import AlertDesk
from llmflow_query_api.alerting.sending import Patience
from llmflow_query_api.alerting.worker import AlertWorker
from llmflow_query_api.app import create_app
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store, open_store
from llmflow_store.administration import Actor
from llmflow_testkit.polling import eventually
from llmflow_testkit.serving import serving
from llmflow_testkit.spans import make_generation
from llmflow_testkit.webhook_receiver import SECRET, WebhookReceiver, webhook_receiver

USER = ("llmflow", "a long password")
CONDITION = {"metric": "errors", "operator": ">", "threshold": 0, "window_minutes": 60}
RULE = {"name": "Errors", "condition": CONDITION, "channels": ["pager"]}


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with webhook_receiver() as receiver:
        yield receiver
        assert receiver.refused == []


def settings(**fields: Any) -> QueryApiSettings:
    values: dict[str, Any] = {
        "auth_password": USER[1],
        "host": "127.0.0.1",
        "secret_key": "a key that only tests have",
        "webhook_allow": "127.0.0.1",
        "alerts_delay_seconds": 0,
        "alerts_seconds": 0.1,
        "alerts_poll_seconds": 0.05,
    }
    return QueryApiSettings(**{**values, **fields})


@asynccontextmanager
async def replica(database_url: str, **fields: Any) -> AsyncIterator[httpx.AsyncClient]:
    """One query API with a worker, and its user."""
    app = create_app(settings(**fields), store=open_store(database_url))
    async with serving(app) as url, httpx.AsyncClient(base_url=f"{url}/api/v1", auth=USER) as client:
        yield client


async def created(client: httpx.AsyncClient, path: str, body: dict[str, Any], **query: str) -> dict[str, Any]:
    answer = await client.post(path, json=body, params=query)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def save_pager(client: httpx.AsyncClient, receiver: WebhookReceiver, **fields: Any) -> None:
    body = {"kind": "webhook", "url": f"{receiver.url}/hook?token=canary", "secret": SECRET, **fields}
    answer = await client.put("/channels/pager", json=body)
    assert answer.status_code == 200, answer.text
    assert "canary" not in answer.text
    assert SECRET not in answer.text


def failed_call(**fields: Any) -> Any:
    """A call that failed two minutes ago."""
    now = time.time_ns() - 120 * 10**9
    return make_generation(**{"start_time_ns": now, "status": "error", "cost": Decimal(3), **fields})


async def test_each_notice_arrives_once_from_two_replicas(
    store: Store, migrated_embedded_url: str, receiver: WebhookReceiver
) -> None:
    await store.write_spans([failed_call()])
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(replica(migrated_embedded_url)) for _ in range(2)]
        await save_pager(first, receiver)
        made = [await created(first, "/alerts", {**RULE, "name": f"Rule {number}"}) for number in range(4)]

        async def evaluated() -> dict[str, str]:
            rules = (await second.get("/alerts")).json()["rules"]
            return {rule["id"]: rule["evaluated_at"] for rule in rules if rule["states"]}

        async def firing() -> bool:
            return len(receiver.received) >= len(made)

        await eventually(firing, within=60)
        for _ in range(3):
            before = await evaluated()

            async def again(before: dict[str, str] = before) -> bool:
                after = await evaluated()
                return all(after[rule] > before[rule] for rule in before)

            await eventually(again, within=60)
        assert sorted(body["data"]["alert"]["id"] for _, body in receiver.received) == sorted(r["id"] for r in made)
        assert set(receiver.types) == {"alert.firing"}

        quiet = {**RULE, "condition": {**CONDITION, "threshold": 5}}
        for rule in made:
            answer = await first.put(f"/alerts/{rule['id']}", json=quiet)
            assert answer.status_code == 200, answer.text

        async def resolved() -> bool:
            return receiver.types.count("alert.resolved") == len(made)

        await eventually(resolved, within=60)
        ids = [event_id for event_id, _ in receiver.received]
        assert len(ids) == len(set(ids)) == receiver.attempts == 2 * len(made)
        history = (await second.get("/alerts/history")).json()["events"]
        assert {event["id"] for event in history} == set(ids)

        async def all_settled() -> bool:
            events = (await second.get("/alerts/history")).json()["events"]
            return {notice["status"] for event in events for notice in event["notices"]} == {"delivered"}

        await eventually(all_settled, within=60)


async def test_a_receiver_that_was_away_and_a_restart_cost_no_notice(
    store: Store, client: httpx.AsyncClient, receiver: WebhookReceiver
) -> None:
    """Evaluated by one worker, tried by a second while the receiver is away, delivered by a third."""
    now = datetime.now(UTC)
    desk = AlertDesk(settings(), store)

    def worker(minutes: float = 0) -> AlertWorker:
        return AlertWorker(
            store,
            desk.evaluator,
            desk.sender,
            desk.box,
            patience=Patience(timedelta(hours=1), first=0.01),
            poll_seconds=1,
            history=timedelta(days=1),
            clock=lambda: now + timedelta(minutes=minutes),
        )

    await store.write_spans([failed_call()])
    app: Any = create_app(settings(alerts_poll_seconds=0), store=store)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://llmflow.test/api/v1", auth=USER
    ) as client:
        await save_pager(client, receiver)
        await created(client, "/alerts", RULE)
        await worker().evaluate_due()
        receiver.statuses = [503, 500]

        async def delivered() -> bool:
            await worker().deliver_due()
            await worker(1).evaluate_due()
            return bool(receiver.received)

        await eventually(delivered, within=60)
        assert receiver.types == ["alert.firing"]
        assert receiver.attempts == 3
        (event,) = (await client.get("/alerts/history")).json()["events"]
        assert event["id"] == receiver.received[0][0]
        assert event["payload"] == receiver.received[0][1]
        (notice,) = event["notices"]
        assert (notice["status"], notice["attempts"], notice["http_status"]) == ("delivered", 3, 204)

        receiver.statuses = [410, 500]
        (rule,) = (await client.get("/alerts")).json()["rules"]
        assert (await client.delete(f"/alerts/{rule['id']}")).status_code == 204
        await worker().deliver_due()
        assert receiver.attempts == 4
        resolved = (await client.get("/alerts/history")).json()["events"][0]
        assert (resolved["event"], resolved["notices"][0]["status"]) == ("alert.resolved", "failed")
        assert resolved["notices"][0]["error"] == "the receiver answered 410"


async def test_what_a_notice_says(store: Store, migrated_embedded_url: str, receiver: WebhookReceiver) -> None:
    now = datetime.now(UTC)
    # Two minutes ago may have been another month.
    spent = {"start_time_ns": time.time_ns(), "project": "shop"}
    bob = failed_call(user_id="bob", cost=Decimal(30), **spent)
    await store.write_spans([failed_call(), bob, failed_call(user_id="eve", cost=Decimal("8.20"), **spent)])
    async with replica(migrated_embedded_url, public_url="https://llmflow.example") as client:
        await save_pager(client, receiver)
        answer = await client.put("/channels/chat", json={"kind": "slack", "url": f"{receiver.url}/slack"})
        assert answer.status_code == 200, answer.text
        rule = await created(client, "/alerts", {**RULE, "all_projects": True})
        budget = await created(
            client,
            "/budgets",
            {
                "name": "Each <user>",
                "terms": {"limit": "10", "period": "month", "subject": "user"},
                "channels": ["chat"],
            },
            project="shop",
        )

        async def told() -> bool:
            return len(receiver.received) >= 4

        await eventually(told, within=60)
        firing = {body["data"]["alert"]["project"]: body for _, body in receiver.received if "type" in body}
        assert set(firing) == {"default", "shop"}
        body = firing["default"]
        assert body["type"] == "alert.firing"
        assert datetime.fromisoformat(body["timestamp"]) - now < timedelta(minutes=1)
        assert body["data"] == {
            "alert": {"id": rule["id"], "kind": "rule", "name": "Errors", "project": "default"},
            "summary": "Errors: errors is 1, above 0",
            "url": "https://llmflow.example/alerts?tab=rules&project=default",
            "status": "firing",
            "value": 1.0,
            "since": body["data"]["since"],
            "condition": rule["condition"],
        }
        texts = {body["text"] for _, body in receiver.received if "text" in body}
        assert any("Each &lt;user&gt;: 300% of the month's $10.00 of user bob is spent ($30.00)" in t for t in texts)
        assert any("82% of the month's $10.00 of user eve" in text for text in texts)

        (listed,) = (await client.get("/budgets", params={"project": "shop"})).json()["budgets"]
        assert listed["id"] == budget["id"]
        states = [(state["subject"], state["reached"], state["share"]) for state in listed["states"]]
        assert states == [("bob", [50, 80, 100], 3.0), ("eve", [50, 80], 0.82)]
        (everywhere,) = (await client.get("/alerts", params={"project": "shop"})).json()["rules"]
        assert [state["project"] for state in everywhere["states"]] == ["shop"]


async def test_rules_measure_what_they_say(store: Store) -> None:
    desk = AlertDesk(settings(), store)
    worker = AlertWorker(
        store,
        desk.evaluator,
        desk.sender,
        desk.box,
        patience=Patience(timedelta(1)),
        poll_seconds=1,
        history=timedelta(1),
    )
    slow = failed_call(duration_ns=9_000_000_000, user_id="slow")
    await store.write_spans([slow, failed_call(status="ok")])
    app: Any = create_app(settings(alerts_poll_seconds=0), store=store)
    conditions: dict[str, dict[str, Any]] = {
        "error_rate": {},
        "latency": {"aggregation": "p95", "filter": "user:slow"},
        "requests": {"aggregation": "rate"},
        "cost": {"filter": "status:error"},
        "no_data": {"filter": "model:none"},
        "quality_score": {"score": "quality", "missing": "hold"},
    }
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://llmflow.test/api/v1", auth=USER
    ) as client:
        for metric, fields in conditions.items():
            condition = {"metric": metric, "window_minutes": 60, **fields}
            await created(client, "/alerts", {"name": metric, "condition": condition})
        await worker.evaluate_due()
        rules = {rule["name"]: rule for rule in (await client.get("/alerts")).json()["rules"]}
        assert [rule["error"] for rule in rules.values()] == [None] * len(conditions)
        values = {name: rule["states"][0]["value"] for name, rule in rules.items()}
        assert values["latency"] == pytest.approx(9e9, rel=0.02)
        assert values["requests"] == pytest.approx(2 / 3600)
        assert (values["error_rate"], values["cost"], values["no_data"], values["quality_score"]) == (0.5, 3, 0, None)
        assert {rule["states"][0]["status"] for rule in rules.values()} == {"firing"}


async def test_webhooks_reach_nothing_inside(
    store: Store, migrated_embedded_url: str, receiver: WebhookReceiver
) -> None:
    async with replica(migrated_embedded_url, webhook_allow="public", alerts_poll_seconds=0) as client:
        for url in (
            "http://127.0.0.1/",
            "http://169.254.169.254/latest",
            "http://[::1]/",
            "http://2130706433/",
            "ftp://x/",
        ):
            answer = await client.put("/channels/inside", json={"url": url})
            assert (answer.status_code, answer.json()["field"]) == (400, "url"), url
        name = f"http://localhost:{receiver.url.rpartition(':')[2]}/"
        assert (await client.put("/channels/inside", json={"url": name, "secret": SECRET})).status_code == 200
        (tried,) = (await client.post("/channels/inside/test")).json()["deliveries"]
        assert not tried["delivered"]
        assert "no address that LLMFlow may connect to" in tried["error"]
        assert receiver.attempts == 0


async def test_what_is_asked_for_must_make_sense(
    store: Store, migrated_embedded_url: str, receiver: WebhookReceiver
) -> None:
    async with replica(migrated_embedded_url, alerts_poll_seconds=0) as client:
        wrong: list[tuple[str, dict[str, Any], str | None]] = [
            ("/alerts", {**RULE, "channels": ["absent"]}, "channels"),
            ("/alerts", {**RULE, "condition": {**CONDITION, "filter": "model:("}}, None),
            ("/alerts", {**RULE, "condition": {**CONDITION, "aggregation": "p95"}}, "aggregation"),
            ("/alerts", {**RULE, "condition": {"metric": "quality_score"}}, "score"),
            ("/alerts", {**RULE, "condition": {"metric": "wealth"}}, None),
            ("/alerts", {**RULE, "condition": {**CONDITION, "threshold": "NaN"}}, None),
            ("/budgets", {"name": "B", "terms": {"limit": "0"}}, "limit"),
            ("/budgets", {"name": "B", "terms": {"limit": "1", "value": "x"}}, "value"),
            ("/budgets", {"name": "B", "terms": {"limit": "1", "thresholds": []}}, None),
        ]
        for path, body, field in wrong:
            answer = await client.post(path, json=body)
            assert answer.status_code == 400, (path, body, answer.text)
            assert field is None or answer.json()["field"] == field
        plain = {"name": "Errors", "condition": CONDITION}
        assert (await client.post("/alerts", json=plain, params={"project": "absent"})).status_code == 404
        made = await created(client, "/alerts", plain)
        assert (
            await client.put(f"/budgets/{made['id']}", json={"name": "B", "terms": {"limit": "1"}})
        ).status_code == 404
        assert (await client.put("/alerts/absent", json=plain, params={"project": "default"})).status_code == 404
        assert (await client.post("/projects", json={"name": "shop"})).status_code == 201
        for asked in ({"project": "shop"}, {}):
            kept = await client.put(f"/alerts/{made['id']}", json=plain, params=asked)
            assert kept.json()["project"] == "shop"
        await client.put(f"/alerts/{made['id']}", json=plain, params={"project": "default"})
        past = {"until": "2020-01-01T00:00:00Z"}
        assert (await client.put(f"/alerts/{made['id']}/silence", json=past)).json()["field"] == "until"
        later = {"until": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
        assert (await client.put(f"/alerts/{made['id']}/silence", json=later)).status_code == 204
        assert (await client.get("/alerts")).json()["rules"][0]["silenced_until"] is not None
        for secret in ("whsec_", "whsec_" + "A" * 33, "short"):
            answer = await client.put("/channels/pager", json={"url": receiver.url, "secret": secret})
            assert answer.status_code == 400
            assert "AAAA" not in answer.text
        await save_pager(client, receiver)
        changed = await client.put("/channels/pager", json={"kind": "webhook"})
        assert changed.status_code == 200, changed.text
        assert (await client.post("/channels/pager/test")).json()["deliveries"][0]["delivered"]
        audit = await client.get("/audit")
        assert "canary" not in audit.text
        assert SECRET not in audit.text

        key, key_id = new_key()
        api_key = ApiKey(id=key_id, digest=digest_of(key), project="default", scopes=frozenset(["read"]))
        await store.create_key(api_key, name="reader", by=Actor("test"))
        bearer = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=client.base_url, headers=bearer) as reader:
            assert len((await reader.get("/alerts")).json()["rules"]) == 1
            assert (await reader.get("/alerts/history")).status_code == 200
            assert (await reader.get("/channels")).status_code == 403
            assert (await reader.post("/alerts", json=plain)).status_code == 403

    async with replica(migrated_embedded_url, secret_key=None, alerts_poll_seconds=0) as client:
        assert (await client.get("/channels")).json()["can_keep_secrets"] is False
        answer = await client.put("/channels/other", json={"url": receiver.url})
        assert answer.status_code == 400
        assert "LLMFLOW_SECRET_KEY" in answer.text
