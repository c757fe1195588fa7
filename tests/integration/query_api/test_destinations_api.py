"""Destinations over the API: kept, changed, shown without their secrets, and handed to exporters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest

from llmflow_core.destinations.exchange import (
    POSITION_HEADER,
    PROJECT_HEADER,
    SPANS_HEADER,
    SYNC_PATH,
    note_path,
    page_path,
)
from llmflow_core.otlp import parse_traces, spans_of
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store
from llmflow_testkit.query_api_app import query_api_app
from llmflow_testkit.spans import make_generation

SECRET = "s3cret-0123"
TOKEN = "t" * 32
PATH = "/api/v1/destinations"
USER = ("llmflow", "a long password")
PHOENIX: dict[str, Any] = {
    "name": "phoenix",
    "preset": "phoenix",
    "endpoint": "http://phoenix:6006",
    "options": {"api_key": SECRET, "project": "shop"},
    "filter": {"llm_only": True},
}


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """The user, where secrets can be kept."""
    settings = QueryApiSettings(auth_password=USER[1], host="127.0.0.1", secret_key="k" * 32, keys_token=TOKEN)
    with query_api_app(settings, store=store) as app:
        transport = httpx.ASGITransport(cast(Any, app))
        async with httpx.AsyncClient(transport=transport, base_url="http://llmflow.test", auth=USER) as client:
            yield client


class Exporter:
    """What an exporter asks."""

    def __init__(self, client: httpx.AsyncClient, name: str = "e1") -> None:
        self._client = client
        self._name = name

    async def sync(self, *destinations: dict[str, Any], able: tuple[str, ...] = ()) -> dict[str, Any]:
        """Report, and learn what is to be done."""
        report = {"exporter": self._name, "destinations": destinations, "able": able, "jobs": []}
        return await self._post(SYNC_PATH, report)

    async def note(self, job: int, state: str, **fields: Any) -> bool:
        """Note how a job goes."""
        noted: bool = (await self._post(note_path(job), {"exporter": self._name, "state": state, **fields}))["noted"]
        return noted

    async def page(self, job: int) -> httpx.Response:
        """The next spans of a replay."""
        return await self._client.get(page_path(job), headers={"Authorization": f"Bearer {TOKEN}"}, auth=_nobody)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self._client.post(path, json=body, headers={"Authorization": f"Bearer {TOKEN}"}, auth=_nobody)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def _nobody(request: httpx.Request) -> httpx.Request:
    return request


def _said(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "origin": "api",
        "state": "ok",
        "since": "2026-01-31T00:00:00Z",
        "sent": 0,
        "lag": 0,
        **fields,
    }


async def test_secrets_are_never_returned_nor_stored(client: httpx.AsyncClient, store: Store) -> None:
    created = await client.post(PATH, json=PHOENIX)
    assert created.status_code == 201
    definition = created.json()["definition"]
    assert definition["options"] == {"api_key": "[secret]", "project": "shop"}
    assert (await client.post(PATH, json=PHOENIX)).status_code == 409

    changed = await client.put(f"{PATH}/phoenix", json={**definition, "sampling": 0.5})
    assert changed.status_code == 200
    elsewhere = await client.put(f"{PATH}/phoenix", json={**definition, "endpoint": "http://thief:6006"})
    assert (elsewhere.status_code, elsewhere.json()["field"]) == (400, "endpoint")

    (kept,) = await store.list_destinations()
    assert kept.definition["options"]["api_key"].startswith("${sealed:")
    told = await Exporter(client).sync()
    for text in (created.text, changed.text, elsewhere.text, str(kept), str(told), (await client.get(PATH)).text):
        assert SECRET not in text
    audit = (await client.get("/api/v1/audit")).text
    assert "destination.create" in audit
    assert SECRET not in audit


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"preset": "jager"}, "preset"),
        ({"options": {"space": "x"}}, "options.space"),
        ({"auth": {"bearer": "a", "basic": {"username": "a", "password": "b"}}}, "auth"),
        ({"filter": {"query": "colour:red"}}, "filter.query"),
        ({"endpoint": "ftp://host"}, "endpoint"),
        ({"endpoint": "http://host?key=x"}, "endpoint"),
        ({"headers": {"x-key": "${file:/etc/passwd}"}}, "headers.x-key"),
        ({"headers": {"x-key": "${env:LLMFLOW_KEYS_TOKEN}"}}, "headers.x-key"),
        ({"headers": {"x-key": "[secret]"}}, "headers.x-key"),
    ],
)
async def test_what_is_wrong_is_named(client: httpx.AsyncClient, change: dict[str, Any], field: str) -> None:
    answer = await client.post(PATH, json={**PHOENIX, **change})
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_how_they_are_doing_and_whose_they_are(client: httpx.AsyncClient) -> None:
    await client.post(PATH, json=PHOENIX)
    failing = {"state": "open", "last_error": "HTTP 503", "last_error_at": "2026-01-31T09:00:00Z"}
    await Exporter(client, "e1").sync(_said("phoenix", sent=3, lag=2), _said("file", origin="file"))
    await Exporter(client, "e2").sync(_said("phoenix", sent=4, lag=5, **failing))
    file, phoenix = (await client.get(PATH)).json()["destinations"]
    status = phoenix["status"]
    assert (status["state"], status["sent"], status["lag"], status["exporters"]) == ("open", 7, 7, 2)
    assert (status["last_error"], phoenix["origin"]) == ("HTTP 503", "api")
    assert (file["name"], file["origin"], file["definition"], file["status"]["state"]) == ("file", "file", None, "ok")
    for answer in (await client.delete(f"{PATH}/file"), await client.post(PATH, json={**PHOENIX, "name": "file"})):
        assert answer.status_code == 409

    assert (await client.post(f"{PATH}/phoenix/pause")).json()["status"]["state"] == "paused"
    assert (await Exporter(client).sync())["destinations"][0]["definition"]["paused"] is True
    assert (await client.post(f"{PATH}/phoenix/resume")).json()["definition"]["paused"] is False
    assert (await client.delete(f"{PATH}/phoenix?forget=true")).status_code == 204
    assert (await Exporter(client).sync())["destinations"] == []
    assert (await client.delete(f"{PATH}/phoenix")).status_code == 404
    await client.post(PATH, json=PHOENIX)
    assert (await Exporter(client).sync())["destinations"][0]["epoch"] == 1


async def test_a_replay_hands_out_pages_until_it_is_through(client: httpx.AsyncClient, store: Store) -> None:
    await client.post(PATH, json=PHOENIX)
    start = datetime.now(UTC) - timedelta(hours=1)
    first = int(start.timestamp()) * 10**9
    spans = [make_generation(project="laden-ä", start_time_ns=first + n) for n in range(60)]
    await store.write_spans(spans)
    wrong = await client.post(f"{PATH}/phoenix/replays", json={"from": start.isoformat(), "to": start.isoformat()})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "to")
    body = {"from": (start - timedelta(1)).isoformat(), "to": datetime.now(UTC).isoformat(), "project": "laden-ä"}
    job = (await client.post(f"{PATH}/phoenix/replays", json=body)).json()
    assert (job["state"], job["sent"], job["total"]) == ("waiting", 0, 60)

    exporter = Exporter(client)
    (leased,) = (await exporter.sync(able=("phoenix",)))["jobs"]
    assert leased == {"id": job["id"], "destination": "phoenix", "kind": "replay"}
    got = []
    while POSITION_HEADER in (page := await exporter.page(job["id"])).headers:
        assert page.headers[PROJECT_HEADER] == "laden-%C3%A4"
        got += spans_of(parse_traces(page.content))
        position = httpx.Response(200, content=page.headers[POSITION_HEADER]).json()
        assert await exporter.note(job["id"], "running", sent=int(page.headers[SPANS_HEADER]), position=position)
    assert [span.span_id for span in got] == [span.span_id for span in spans]
    await exporter.note(job["id"], "done", message="all of it is there")
    done = (await client.get(f"{PATH}/phoenix/jobs/{job['id']}")).json()
    assert (done["state"], done["sent"], done["message"]) == ("done", 60, "all of it is there")
    assert (await client.delete(f"{PATH}/phoenix/jobs/{job['id']}")).json()["state"] == "done"
    assert (await client.get(f"{PATH}/phoenix/jobs/{job['id'] + 1}")).status_code == 404


async def test_tests_are_for_destinations_that_there_are(client: httpx.AsyncClient) -> None:
    assert (await client.post(f"{PATH}/absent/test")).status_code == 404
    await Exporter(client).sync(_said("file", origin="file"))
    job = (await client.post(f"{PATH}/file/test")).json()
    assert job["state"] == "waiting"
    (leased,) = (await Exporter(client).sync(_said("file", origin="file"), able=("file",)))["jobs"]
    assert leased["kind"] == "test"
    (listed,) = (await client.get(f"{PATH}/file/jobs?kind=test")).json()["jobs"]
    assert listed["state"] == "running"
