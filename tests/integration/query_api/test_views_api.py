"""Saved views over HTTP, on a real database."""

from __future__ import annotations

from typing import Any

import httpx

SLOW: dict[str, Any] = {"page": "traces", "name": "Slow", "search": {"filter": "duration:>5s", "range": "24h"}}
PATH = "/api/v1/views"


async def listed(client: httpx.AsyncClient, project: str = "default") -> list[dict[str, Any]]:
    answer = await client.get(PATH, params={"project": project})
    views: list[dict[str, Any]] = answer.raise_for_status().json()["views"]
    return views


async def test_a_view_is_saved_changed_shared_and_deleted(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, params={"project": "shop"}, json=SLOW)
    assert answer.status_code == 201
    view = answer.json()
    assert view == {**SLOW, "id": view["id"], "is_default": False, "author": "llmflow", "version": view["version"]}
    assert await listed(client, "shop") == [view]
    assert await listed(client) == []

    url = f"{PATH}/{view['id']}"
    changed = {**SLOW, "name": "Very slow", "search": {}, "is_default": True}
    assert (await client.put(url, json=changed)).status_code == 404
    answer = await client.put(url, params={"project": "shop"}, json=changed)
    assert answer.json() == {**view, **changed, "version": answer.json()["version"]}
    assert answer.json()["version"] != view["version"]
    assert await listed(client, "shop") == [answer.json()]

    assert (await client.delete(url)).status_code == 404
    assert (await client.delete(url, params={"project": "shop"})).status_code == 204
    assert await listed(client, "shop") == []


async def test_a_name_is_taken_once_a_list(client: httpx.AsyncClient) -> None:
    await client.post(PATH, json=SLOW)
    taken = await client.post(PATH, json=SLOW)
    assert (taken.status_code, taken.json()["detail"]) == (409, "traces has a view Slow already")
    other = await client.post(PATH, json={**SLOW, "name": "Other"})
    assert (await client.put(f"{PATH}/{other.json()['id']}", json=SLOW)).status_code == 409
    assert [view["name"] for view in await listed(client)] == ["Other", "Slow"]


async def test_what_is_no_view_is_refused(client: httpx.AsyncClient) -> None:
    for wrong in ({"name": ""}, {"page": "No Page"}, {"search": {"Filter": "x"}}, {"search": {"filter": "\0"}}):
        answer = await client.post(PATH, json={**SLOW, **wrong})
        assert answer.status_code == 400, wrong
    assert await listed(client) == []
