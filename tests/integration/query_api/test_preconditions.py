"""Edits that say what their author has seen: If-Match, If-None-Match and entity tags, of everything that is edited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest

from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store
from llmflow_testkit.query_api_app import query_api_app

USER = ("llmflow", "a long password")
STALE = {"If-Match": '"0123456789abcdef01234567"'}
RULE: dict[str, Any] = {"name": "a", "condition": {"metric": "error_rate", "threshold": 0.05}}
BUDGET: dict[str, Any] = {"name": "a", "terms": {"limit": "100.00"}}
PRICE: dict[str, Any] = {"model": "house-.*", "input": "2.50", "output": "10"}
VIEW: dict[str, Any] = {"page": "traces", "name": "a", "search": {}}
DESTINATION: dict[str, Any] = {"name": "tempo", "endpoint": "http://tempo:4318", "headers": {"x-key": "s3cret"}}

#: What is posted where to make one, and two things that are put or patched there then.
MADE: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "alerts": (RULE, {**RULE, "name": "b"}, {**RULE, "enabled": False}),
    "budgets": (BUDGET, {**BUDGET, "name": "b"}, {**BUDGET, "terms": {"limit": "1"}}),
    "views": (VIEW, {**VIEW, "name": "b"}, {**VIEW, "is_default": True}),
    "destinations": (DESTINATION, {**DESTINATION, "sampling": 0.5}, {**DESTINATION, "paused": True}),
    "projects": ({"name": "shop"}, {"title": "b"}, {"title": "c"}),
}
#: What is put where it is to be.
PUT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "channels/pager": ({"url": "https://a.example/hook"}, {"url": "https://b.example/hook"}),
    "prices/house": (PRICE, {**PRICE, "output": "11"}),
    "projects/default/retention": ({"spans": 7}, {"logs": 3}),
}


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """The user, where secrets can be kept."""
    settings = QueryApiSettings(auth_password=USER[1], host="127.0.0.1", secret_key="k" * 32, webhook_allow="*.example")
    with query_api_app(settings, store=store) as app:
        transport = httpx.ASGITransport(cast(Any, app))
        base = "http://llmflow.test/api/v1"
        async with httpx.AsyncClient(transport=transport, base_url=base, auth=USER) as client:
            yield client


async def listed(client: httpx.AsyncClient, path: str) -> list[str | None]:
    """The versions of a list."""
    body = (await client.get(path)).raise_for_status().json()
    name = {"alerts": "rules", "projects": "details"}.get(path, path)
    return [item["version"] for item in body[name]]


async def edited(client: httpx.AsyncClient, url: str, first: str, *bodies: dict[str, Any]) -> httpx.Response:
    """The answer to the last of several edits, each of which was made in the right place and in no other."""
    method = "PATCH" if url == "projects/shop" else "PUT"

    async def edit(body: dict[str, Any], **headers: str) -> httpx.Response:
        return await client.request(method, url, json=body, headers=headers)

    etag = first
    for number, body in enumerate(bodies):
        late = await client.request(method, url, json=body, headers=STALE)
        assert (late.status_code, late.headers["content-type"]) == (412, "application/problem+json"), url
        assert late.json()["detail"] == "it was changed meanwhile: look at it again, then decide"
        assert (await edit(body, **{"If-Match": f"W/{etag}"})).status_code == 412
        assert (await edit(body, **{"If-None-Match": "*"})).status_code == 412
        answers = await asyncio.gather(*(edit(body, **{"If-Match": f'"other", {etag}'}) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412], (url, number)
        (answer,) = (answer for answer in answers if answer.status_code == 200)
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"' != etag
        etag = answer.headers["etag"]
    assert (await edit(bodies[-1], **{"If-Match": "*"})).status_code == 200
    return await edit(bodies[-1])


@pytest.mark.parametrize("path", MADE)
async def test_what_is_made_is_edited_and_deleted_as_it_was_seen(client: httpx.AsyncClient, path: str) -> None:
    first, *bodies = MADE[path]
    made = await client.post(path, json=first)
    assert made.status_code == 201
    url = f"{path}/{made.json().get('id') or made.json()['name']}"
    answer = await edited(client, url, made.headers["etag"], *bodies)
    assert (await listed(client, path))[-1] == answer.json()["version"]
    assert (await client.delete(url, headers=STALE)).status_code == 412
    assert answer.json()["version"] in await listed(client, path)
    assert (await client.delete(url, headers={"If-Match": answer.headers["etag"]})).status_code in (200, 204)
    assert answer.json()["version"] not in await listed(client, path)
    gone = await client.request("PATCH" if path == "projects" else "PUT", url, json=bodies[0], headers=STALE)
    assert gone.status_code == 404


@pytest.mark.parametrize("url", PUT)
async def test_what_is_put_is_replaced_as_it_was_seen(client: httpx.AsyncClient, url: str) -> None:
    first, second = PUT[url]
    if is_new := not url.endswith("retention"):
        assert (await client.put(url, json=first, headers={"If-Match": "*"})).status_code == 412
        made = await asyncio.gather(*(client.put(url, json=first, headers={"If-None-Match": "*"}) for _ in range(3)))
        assert sorted(answer.status_code for answer in made) == [200, 412, 412]
        (etag,) = (answer.headers["etag"] for answer in made if answer.status_code == 200)
    else:
        etag = (await client.get(url)).headers["etag"]
    answer = await edited(client, url, etag, *((second,) if is_new else (first, second)))
    if is_new:
        assert await listed(client, url.partition("/")[0]) == [answer.json()["version"]]
        assert (await client.delete(url, headers=STALE)).status_code == 412
        assert (await client.delete(url, headers={"If-Match": answer.headers["etag"]})).status_code == 204
        late = await client.put(url, json=second, headers={"If-Match": answer.headers["etag"]})
        assert (late.status_code, late.json()["detail"]) == (412, "it is not there any more")


async def test_a_switch_may_rely_on_a_version_and_is_no_edit_of_the_rest(client: httpx.AsyncClient) -> None:
    rule = await client.post("alerts", json=RULE)
    url = f"alerts/{rule.json()['id']}/silence"
    assert (await client.put(url, json={"until": None}, headers=STALE)).status_code == 412
    silenced = await client.put(url, json={"until": None}, headers={"If-Match": rule.headers["etag"]})
    assert silenced.status_code == 204
    assert await listed(client, "alerts") == [rule.json()["version"]]

    made = await client.post("destinations", json=DESTINATION)
    assert (await client.post("destinations/tempo/pause", headers=STALE)).status_code == 412
    paused = await client.post("destinations/tempo/pause", headers={"If-Match": made.headers["etag"]})
    assert paused.json()["definition"] == {**made.json()["definition"], "paused": True}
    assert paused.headers["etag"] != made.headers["etag"]


@pytest.mark.parametrize("header", ["9f4a61c0", '"a" "b"', "", "'a'", '"a",'])
async def test_what_is_no_entity_tag_is_refused(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.put("prices/house", json=PRICE, headers={"If-Match": header})
    assert (answer.status_code, answer.json()["field"]) == (400, "If-Match")
    assert await listed(client, "prices") == []
