"""Projects, API keys and the audit log over HTTP, and the snapshot that other services fetch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from llmflow_core.api_keys import KeyRing, is_key
from llmflow_core.errors import Retryable

Client = AsyncTestClient[Litestar]
MakeClient = Callable[..., Client]
TOKEN = "t" * 32
KEYS = "/api/v1/projects/shop/keys"


@pytest.fixture
async def shop(client: Client) -> Client:
    """A user's client, and a project "shop"."""
    answer = await client.post("/api/v1/projects", json={"name": "shop", "title": "The shop"})
    assert (answer.status_code, answer.json()["title"]) == (201, "The shop")
    return client


async def test_projects_are_created_renamed_and_deleted(shop: Client) -> None:
    listed = (await shop.get("/api/v1/projects")).json()
    assert listed["projects"] == ["default", "shop"]
    assert [detail["title"] for detail in listed["details"]] == ["", "The shop"]
    assert (await shop.post("/api/v1/projects", json={"name": "shop"})).status_code == 409
    renamed = await shop.patch("/api/v1/projects/shop", json={"title": "Shop 2"})
    assert (renamed.status_code, renamed.json()["title"]) == (200, "Shop 2")
    assert (await shop.patch("/api/v1/projects/absent", json={"title": "x"})).status_code == 404
    assert (await shop.delete("/api/v1/projects/shop")).json() == {"span_count": 0}
    assert (await shop.get("/api/v1/projects")).json()["projects"] == ["default"]


async def test_a_projects_retention_is_shown_and_changed(shop: Client) -> None:
    url = "/api/v1/projects/shop/retention"
    shown = (await shop.get(url)).json()
    assert shown["chosen"] == dict.fromkeys(("spans", "content", "rollups", "logs", "metrics"))
    assert set(shown["days"].values()) == {30}
    changed = await shop.put(url, json={"spans": 7, "logs": 0})
    assert changed.status_code == 200
    assert changed.json()["chosen"] == {"spans": 7, "content": None, "rollups": None, "logs": 0, "metrics": None}
    assert changed.json()["days"] == {"spans": 7, "content": 7, "rollups": 30, "logs": 0, "metrics": 30}
    (entry, *_) = (await shop.get("/api/v1/audit")).json()["entries"]
    assert (entry["action"], entry["project"], entry["detail"]["spans"]) == ("retention.set", "shop", 7)
    assert (await shop.get("/api/v1/projects/absent/retention")).status_code == 404
    assert (await shop.put("/api/v1/projects/absent/retention", json={})).status_code == 404
    for wrong in (-1, 40_000, 1.5, "long"):
        answer = await shop.put(url, json={"metrics": wrong})
        assert (answer.status_code, answer.json()["field"]) == (400, "metrics")


@pytest.mark.parametrize("name", ["", "Shop", "-a", "a b", "a" * 64, "a\u0000", 1, None])
async def test_a_name_that_headers_could_not_carry_is_refused(client: Client, name: Any) -> None:
    answer = await client.post("/api/v1/projects", json={"name": name})
    assert (answer.status_code, answer.json()["field"]) == (400, "name")


async def test_a_key_is_shown_once_and_works_until_it_is_revoked(shop: Client, anonymous: Client) -> None:
    created = await shop.post(KEYS, json={"name": "CI", "scopes": ["read", "ingest"]})
    assert created.status_code == 201
    key, detail = created.json()["key"], created.json()["detail"]
    assert is_key(key)
    assert (detail["project"], detail["name"], detail["scopes"]) == ("shop", "CI", ["read", "ingest"])
    assert (detail["created_by"], detail["expires_at"], detail["last_used_at"]) == ("llmflow", None, None)

    used = await shop.get("/api/v1/traces", headers={"X-LLMFlow-Key": key})
    assert used.status_code == 200
    listed = await shop.get(KEYS)
    (shown,) = listed.json()["keys"]
    assert shown["last_used_at"] is not None
    assert shown | {"last_used_at": None} == detail
    assert key not in listed.text

    assert (await shop.delete(f"/api/v1/projects/default/keys/{detail['id']}")).status_code == 404
    assert (await shop.delete(f"{KEYS}/{detail['id']}")).status_code == 204
    assert (await shop.delete(f"{KEYS}/{detail['id']}")).status_code == 404
    assert (await shop.get("/api/v1/traces", headers={"X-LLMFlow-Key": key})).status_code == 401
    assert (await shop.get(KEYS)).json() == {"keys": []}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["admin"]}, "scopes"),
        ({"name": ""}, "name"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "9999-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
    ],
)
async def test_a_wrong_key_is_refused(shop: Client, change: dict[str, Any], field: str) -> None:
    answer = await shop.post(KEYS, json={"name": "CI", "scopes": ["read"], **change})
    assert answer.status_code == 400
    assert field in answer.json()["field"]


async def test_a_key_needs_its_project(client: Client) -> None:
    assert (await client.post(KEYS, json={"name": "CI", "scopes": ["read"]})).status_code == 404


async def test_a_key_may_expire(shop: Client) -> None:
    expires_at = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    for text in (expires_at.isoformat(), expires_at.replace(tzinfo=None).isoformat()):
        answer = await shop.post(KEYS, json={"name": "CI", "scopes": ["read"], "expires_at": text})
        assert datetime.fromisoformat(answer.json()["detail"]["expires_at"]) == expires_at


async def test_who_did_what_is_in_the_audit_log(shop: Client) -> None:
    created = (await shop.post(KEYS, json={"name": "CI", "scopes": ["read"]})).json()
    await shop.delete(f"{KEYS}/{created['detail']['id']}")
    await shop.patch("/api/v1/projects/shop", json={"title": "S"})
    await shop.delete("/api/v1/projects/shop")
    answer = await shop.get("/api/v1/audit")
    entries = answer.json()["entries"]
    assert [entry["action"] for entry in entries] == [
        "project.delete",
        "project.rename",
        "key.revoke",
        "key.create",
        "project.create",
    ]
    assert {(entry["actor"], entry["address"], entry["project"]) for entry in entries} == {
        ("llmflow", "testclient", "shop")
    }
    assert entries[2]["subject"] == created["detail"]["id"]
    assert created["key"] not in answer.text


async def test_the_audit_log_comes_in_pages(client: Client) -> None:
    for name in ("a", "b", "c"):
        await client.post("/api/v1/projects", json={"name": name})
    first = (await client.get("/api/v1/audit?limit=2")).json()
    rest = (await client.get(f"/api/v1/audit?limit=2&before={first['next_before']}")).json()
    assert [entry["subject"] for entry in (*first["entries"], *rest["entries"])] == ["c", "b", "a"]
    assert rest["next_before"] is None
    assert len((await client.get("/api/v1/audit?project=b")).json()["entries"]) == 1


async def test_without_the_database_administration_is_503(
    client: Client, break_store: Callable[[Exception], None]
) -> None:
    break_store(Retryable("away"))
    for answer in (
        await client.post("/api/v1/projects", json={"name": "a"}),
        await client.get("/api/v1/audit"),
        await client.get("/api/v1/traces", headers={"X-LLMFlow-Key": f"lf-sk-{'a' * 43}"}),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")


@pytest.fixture
async def service(make_client: MakeClient) -> AsyncIterator[Client]:
    """A client that shows the services' token."""
    async with make_client(keys_token=TOKEN) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


async def test_services_fetch_the_keys_and_hear_when_nothing_has_changed(shop: Client, service: Client) -> None:
    key = (await shop.post(KEYS, json={"name": "CI", "scopes": ["ingest"]})).json()["key"]
    answer = await service.get("/internal/keys")
    assert answer.status_code == 200
    assert KeyRing.from_document(answer.json()).allows(key, "ingest") == "shop"
    assert key not in answer.text
    condition = {"If-None-Match": answer.headers["etag"]}
    again = await service.get("/internal/keys", headers=condition)
    assert (again.status_code, again.content) == (304, b"")
    await shop.delete("/api/v1/projects/shop")
    assert len(KeyRing.from_document((await service.get("/internal/keys", headers=condition)).json())) == 0


async def test_services_tell_which_keys_are_in_use(shop: Client, service: Client) -> None:
    key_id = (await shop.post(KEYS, json={"name": "CI", "scopes": ["ingest"]})).json()["detail"]["id"]
    assert (await service.post("/internal/keys/used", json={"ids": [key_id, "lf-pk-gone"]})).status_code == 204
    assert (await shop.get(KEYS)).json()["keys"][0]["last_used_at"] is not None


@pytest.mark.parametrize("authorization", ["", "Bearer", f"Bearer {'x' * 32}", f"Bearer {TOKEN}x", "Basic dDp0"])
async def test_others_do_not(service: Client, authorization: str) -> None:
    headers = {"Authorization": authorization}
    assert (await service.get("/internal/keys", headers=headers)).status_code == 401
    assert (await service.post("/internal/keys/used", json={"ids": []}, headers=headers)).status_code == 401


async def test_without_a_token_nobody_does(client: Client) -> None:
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        assert (await client.get("/internal/keys", headers=headers)).status_code == 404
