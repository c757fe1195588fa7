"""API keys on every route: their scopes, their project, and what they never may."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from llmflow_core.api_keys import SCOPES, ApiKey, Scope, digest_of, new_key
from llmflow_query_api import key_access
from llmflow_query_api.openapi import document
from llmflow_store.administration import Actor
from llmflow_store.port import Store
from llmflow_testkit.api_routes import ApiRoute, api_routes
from llmflow_testkit.spans import make_generation

Client = AsyncTestClient[Litestar]
MakeClient = Callable[..., Client]
CANARY = "canary-of-project-b"
DOCUMENT = json.loads(document())
ROUTES = api_routes()
FOR_A_KEY = [route for route in ROUTES if route.for_keys]
ADMINISTRATIVE = [route for route in ROUTES if not route.for_keys]
OF_A_PROJECT = [route for route in ROUTES if route.of_a_project]


async def make_key(store: Store, project: str, *scopes: Scope) -> tuple[str, str]:
    key, key_id = new_key()
    await store.create_project(project, by=Actor("test"))
    api_key = ApiKey(id=key_id, digest=digest_of(key), project=project, scopes=frozenset(scopes))
    await store.create_key(api_key, name=f"of {project}", by=Actor("test"))
    return key, key_id


@dataclass(frozen=True)
class World:
    """Two projects, of which the client holds an almighty key of `a`."""

    client: Client
    parameters: dict[str, str]
    body: dict[str, Any]

    async def ask(self, route: ApiRoute, query: str = "", **options: Any) -> Any:
        body = self.body if route.changes else None
        return await self.client.request(route.method, route.url(self.parameters, query), json=body, **options)


@pytest.fixture
async def world(anonymous: Client, store: Store) -> World:
    span = make_generation(project="b", name=CANARY, model=CANARY, user_id=CANARY, session_id=CANARY, service=CANARY)
    await store.write_spans([span, make_generation(project="a")])
    key, _ = await make_key(store, "a", *SCOPES)
    _, other_id = await make_key(store, "b", *SCOPES)
    anonymous.headers["Authorization"] = f"Bearer {key}"
    parameters = {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "project": "b",
        "key_id": other_id,
    }
    return World(anonymous, parameters, {"name": CANARY, "title": CANARY, "scopes": ["read"]})


def test_the_routes_are_there() -> None:
    assert {str(route) for route in OF_A_PROJECT} >= {"GET /api/v1/traces", "GET /api/v1/traces/{trace_id}"}
    assert {str(route) for route in ADMINISTRATIVE} >= {"GET /api/v1/audit", "POST /api/v1/projects/{project}/keys"}


@pytest.mark.parametrize("route", [route for route in OF_A_PROJECT if route.path in DOCUMENT["paths"]], ids=str)
def test_every_route_for_keys_takes_its_project_as_a_parameter(route: ApiRoute) -> None:
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    assert "project" in {parameter["name"] for parameter in operation["parameters"]}
    assert {"key": []} in operation["security"]
    assert "403" in operation["responses"]


async def test_a_key_cannot_name_another_project(world: World) -> None:
    for route in OF_A_PROJECT:
        for query in ("project=b", "project=a&project=b", "project=b&project=a", "%70roject=b", "project="):
            answer = await world.ask(route, query)
            assert answer.status_code == 403, (route, query)
            assert answer.headers["content-type"] == "application/problem+json"
            assert CANARY not in answer.text


async def test_no_key_administers_anything(world: World, store: Any) -> None:
    before = deepcopy((store.audit, await store.list_projects(), await store.key_snapshot()))
    for project in ("a", "b"):
        world.parameters["project"] = project
        for route in ADMINISTRATIVE:
            answer = await world.ask(route)
            assert answer.status_code == 403, route
            assert answer.headers["content-type"] == "application/problem+json"
    assert (store.audit, await store.list_projects(), await store.key_snapshot()) == before


async def test_a_key_lists_its_own_project_alone_and_reads_it_without_naming_it(world: World) -> None:
    assert (await world.client.get("/api/v1/projects")).json()["projects"] == ["a"]
    (trace,) = (await world.client.get("/api/v1/traces")).json()["traces"]
    assert trace["project"] == "a"
    assert (await world.client.get(f"/api/v1/traces/{trace['trace_id']}")).status_code == 200


async def test_every_route_wants_its_scope(world: World, store: Store) -> None:
    needs: dict[bool, Scope] = {False: "read", True: "write"}
    without = {
        changes: (await make_key(store, "a", *(scope for scope in SCOPES if scope != needed)))[0]
        for changes, needed in needs.items()
    }
    for route in FOR_A_KEY:
        answer = await world.ask(route, headers={"Authorization": f"Bearer {without[route.changes]}"})
        assert answer.status_code == 403, route
        assert f"lacks the scope {needs[route.changes]}" in answer.json()["detail"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_scope_is_for_its_methods(anonymous: Client, store: Store, scope: Scope) -> None:
    key, _ = await make_key(store, "a", scope)
    answer = await anonymous.get("/api/v1/traces", headers={"X-LLMFlow-Key": key})
    assert answer.status_code == (200 if scope == "read" else 403)


@pytest.mark.parametrize("name", ["X-LLMFlow-Key", "X-API-Key"])
async def test_a_key_may_come_in_a_header_of_its_own_beside_a_session(client: Client, store: Store, name: str) -> None:
    key, _ = await make_key(store, "a", "read")
    assert (await client.get("/api/v1/projects", headers={name: key})).json()["projects"] == ["a"]


async def test_a_key_may_come_as_a_password(anonymous: Client, store: Store) -> None:
    key, key_id = await make_key(store, "a", "read")
    assert (await anonymous.get("/api/v1/projects", auth=(key_id, key))).json()["projects"] == ["a"]


async def test_a_revoked_key_is_refused_at_once(anonymous: Client, store: Store) -> None:
    key, key_id = await make_key(store, "a", "read")
    headers = {"Authorization": f"Bearer {key}"}
    assert (await anonymous.get("/api/v1/traces", headers=headers)).status_code == 200
    await store.revoke_key("a", key_id, by=Actor("test"))
    answer = await anonymous.get("/api/v1/traces", headers=headers)
    assert (answer.status_code, key in answer.text) == (401, False)


@pytest.mark.usefixtures("unending_waits")
async def test_trying_keys_is_slowed_for_all_but_who_had_a_right_one(anonymous: Client, store: Store) -> None:
    known, _ = await make_key(store, "a", "read")
    later, _ = await make_key(store, "a", "read")

    async def status(key: str) -> int:
        return (await anonymous.get("/api/v1/traces", headers={"Authorization": f"Bearer {key}"})).status_code

    assert await status(known) == 200
    assert [await status(new_key()[0]) for _ in range(20)] == [401] * 20
    answer = await anonymous.get("/api/v1/traces", headers={"Authorization": f"Bearer {later}"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert await status(known) == 200
    assert (await anonymous.get("/api/v1/traces", auth=("llmflow", "a long password"))).status_code == 200


async def test_keys_that_were_right_are_remembered_up_to_a_limit(
    anonymous: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_access, "_REMEMBERED", 3)
    for _ in range(5):
        key, _ = await make_key(store, "a", "read")
        assert (await anonymous.get("/api/v1/traces", headers={"X-LLMFlow-Key": key})).status_code == 200
    assert len(anonymous.app.state.key_gate._right) == 3


async def test_other_sites_rules_are_for_what_browsers_add_on_their_own(make_client: MakeClient, store: Store) -> None:
    """A change with a key from another site fails for what the key may do, with a user for the site."""
    key, key_id = await make_key(store, "a", *SCOPES)
    foreign = {"Origin": "https://evil.example"}
    async with make_client() as client:
        site, path = "a page of another site may not do this", "/api/v1/projects"
        by_key = await client.post(path, json={}, headers={**foreign, "Authorization": f"Bearer {key}"})
        assert (by_key.status_code, site in by_key.text) == (403, False)
        for auth in ((key_id, key), ("llmflow", "a long password")):
            answer = await client.post(path, json={"name": "x"}, headers=foreign, auth=auth)
            assert answer.status_code == 403
            assert "x" not in {project.name for project in await store.list_projects()}
