"""The live stream over a real server and database: new and changed traces, reconnecting, slow and many clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from llmflow_core.api_keys import SCOPES, ApiKey, digest_of, new_key
from llmflow_core.errors import Rejected
from llmflow_core.http_protocol import LimitedHttpProtocol
from llmflow_core.spans import Span
from llmflow_query_api.app import create_app
from llmflow_query_api.live import Client, Event
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store
from llmflow_store.administration import Actor
from llmflow_testkit.polling import eventually
from llmflow_testkit.providers.server import BackgroundServer
from llmflow_testkit.spans import make_generation, make_span

_USER = ("llmflow", "a long password")
_LISTENERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


@pytest_asyncio.fixture
async def url(store: Store, migrated_embedded_url: str) -> AsyncIterator[str]:
    settings = QueryApiSettings(
        auth_password=_USER[1], host="127.0.0.1", database_url=migrated_embedded_url, live_heartbeat_seconds=0.2
    )
    with BackgroundServer(create_app(settings), http=LimitedHttpProtocol) as server:
        yield f"{server.url}/api/v1"


@dataclass
class Watched:
    """One open stream."""

    lines: AsyncIterator[str]
    last_id: str = ""

    async def next(self) -> tuple[str, Any]:
        """The next event's name and data."""
        name = ""
        async with asyncio.timeout(30):
            async for line in self.lines:
                field, _, value = line.partition(": ")
                if field == "id":
                    self.last_id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    return name, json.loads(value)
        raise AssertionError("the stream has ended")

    async def traces(self) -> list[str]:
        """The names in the next event, which must be of traces."""
        name, data = await self.next()
        assert name == "traces", (name, data)
        return [trace["name"] for trace in data["traces"]]


@asynccontextmanager
async def watching(
    url: str, last_id: str = "", auth: Any = _USER, headers: Any = None, **parameters: str
) -> AsyncIterator[Watched]:
    sent = {**({"Last-Event-ID": last_id} if last_id else {}), **(headers or {})}
    async with (
        httpx.AsyncClient(auth=auth, timeout=30) as client,
        client.stream("GET", f"{url}/stream", params=parameters, headers=sent) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"] == "text/event-stream"
        watched = Watched(answer.aiter_lines())
        assert (await watched.next())[0] == "ready"
        yield watched


async def test_new_and_changed_traces_arrive(store: Store, url: str) -> None:
    root = make_generation(name="first")
    async with watching(url) as watched, watching(url, filter="status:error") as failed:
        await store.write_spans([root])
        assert await watched.traces() == ["first"]
        # Another project's write, and one that changes nothing, are not told.
        await store.write_spans([make_generation(project="other")])
        await store.write_spans([root])
        await store.write_spans([make_span(trace_id=root.trace_id, parent_span_id=root.span_id, status="error")])
        name, data = await watched.next()
        assert (name, [trace["span_count"] for trace in data["traces"]]) == ("traces", [2])
        assert await failed.traces() == ["first"]


async def test_a_client_that_comes_back_has_missed_nothing(store: Store, url: str) -> None:
    async with watching(url) as watched:
        await store.write_spans([make_generation(name="seen")])
        assert await watched.traces() == ["seen"]
        last_id = watched.last_id
    await store.write_spans([make_generation(name="missed")])
    async with watching(url, last_id) as watched:
        assert await watched.traces() == ["missed"]
        await store.write_spans([make_generation(name="later")])
        assert await watched.traces() == ["later"]


async def test_a_transaction_that_commits_late_is_not_skipped(store: Store, migrated_embedded_url: str) -> None:
    late, early = make_generation(name="late"), make_generation(name="early")
    before = await store.live_position()
    connection = await asyncpg.connect(migrated_embedded_url)
    transaction = connection.transaction()
    await transaction.start()
    insert = "INSERT INTO trace_changes (project, trace_ids) VALUES ('default', ARRAY[$1::bytea])"
    await connection.execute(insert, late.trace_id)
    await store.write_spans([early])
    between = await store.changes_since(before)
    assert between.traces == {"default": [early.trace_id]}
    assert (await store.changes_since(between.position)).traces == {}
    await transaction.commit()
    await connection.close()
    after = await store.changes_since(between.position)
    assert after.traces == {"default": [late.trace_id]}
    assert (await store.changes_since(after.position)).traces == {}
    assert (await store.changes_since(before, "another")).traces == {}


async def test_what_cannot_be_told_any_more_is_said(store: Store, url: str, migrated_embedded_url: str) -> None:
    position = await store.live_position()
    seconds, _, snapshot = position.partition(".")
    old = f"{int(seconds) - 3600}.{snapshot}"
    other_life = f"{seconds}.999999999:999999999:"
    for unknown in (old, other_life):
        assert not (await store.changes_since(unknown)).complete
        async with watching(url, unknown) as watched:
            assert (await watched.next())[0] == "resync"
            await store.write_spans([make_generation(name="new")])
            assert await watched.traces() == ["new"]
    for senseless in ("x", "1.2:1:", "1.1:2:3,", "99999999999999.1:1:"):
        with pytest.raises(Rejected):
            await store.changes_since(senseless)
        answer = httpx.get(f"{url}/stream", auth=_USER, headers={"Last-Event-ID": senseless})
        assert (answer.status_code, answer.json()["field"]) == (400, "Last-Event-ID"), answer.text


async def test_old_changes_are_forgotten(store: Store, migrated_embedded_url: str) -> None:
    await store.write_spans([make_generation()])
    connection = await asyncpg.connect(migrated_embedded_url)
    await connection.execute("UPDATE trace_changes SET written_at = now() - interval '1 hour'")
    await store.write_spans([make_generation()])
    assert await connection.fetchval("SELECT count(*) FROM trace_changes") == 1
    await connection.close()


async def test_many_clients_share_one_connection_that_ends_with_them(
    store: Store, url: str, migrated_embedded_url: str
) -> None:
    connection = await asyncpg.connect(migrated_embedded_url)

    async def watch(number: int) -> list[str]:
        async with watching(url, filter=f"user:u{number % 4}") as watched:
            ready.release()
            return await watched.traces()

    ready = asyncio.Semaphore(0)
    clients = [asyncio.create_task(watch(number)) for number in range(40)]
    for _ in clients:
        await ready.acquire()

    async def listening(connections: int) -> bool:
        return bool(await connection.fetchval(_LISTENERS) == connections)

    await eventually(lambda: listening(1), within=60)
    await store.write_spans([make_generation(name=f"of {n}", user_id=f"u{n}") for n in range(4)])
    found = await asyncio.gather(*clients)
    assert found == [[f"of {number % 4}"] for number in range(40)]
    await eventually(lambda: listening(0), within=60)
    await connection.close()


async def test_the_stream_survives_the_loss_of_its_connection(
    store: Store, url: str, migrated_embedded_url: str
) -> None:
    connection = await asyncpg.connect(migrated_embedded_url)
    async with watching(url) as watched:
        await eventually(lambda: connection.fetchval(_LISTENERS), within=30)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        await store.write_spans([make_generation(name="meanwhile")])
        assert await watched.traces() == ["meanwhile"]
    await connection.close()


async def test_the_stream_ends_with_the_key(store: Store, url: str) -> None:
    await store.create_project("a", by=Actor("test"))
    key, key_id = new_key()
    api_key = ApiKey(id=key_id, digest=digest_of(key), project="a", scopes=frozenset(SCOPES))
    await store.create_key(api_key, name="k", by=Actor("test"))
    bearer = {"Authorization": f"Bearer {key}"}
    for other in ("project=default", "project=a&project=default"):
        assert httpx.get(f"{url}/stream?{other}", headers=bearer).status_code == 403
    assert httpx.get(f"{url}/stream").status_code == 401
    async with watching(url, auth=None, headers=bearer) as watched:
        await store.write_spans([make_generation(name="of b"), make_generation(name="of a", project="a")])
        assert await watched.traces() == ["of a"]
        await store.revoke_key("a", key_id, by=Actor("test"))
        assert await watched.next() == ("end", {})
        with pytest.raises(AssertionError, match="ended"):
            await watched.next()


async def test_a_stopping_server_does_not_wait_for_its_streams(store: Store, migrated_embedded_url: str) -> None:
    settings = QueryApiSettings(auth_password=_USER[1], host="127.0.0.1", database_url=migrated_embedded_url)
    server = BackgroundServer(create_app(settings), http=LimitedHttpProtocol, grace=120)
    with server:
        async with watching(f"{server.url}/api/v1") as watched:
            async with asyncio.timeout(60):
                await asyncio.to_thread(server.stop)
            with pytest.raises(httpx.RemoteProtocolError):
                await watched.next()


async def test_a_client_that_does_not_keep_up_is_told_to_read_again() -> None:
    client = Client(waiting=2)
    for number in range(3):
        client.offer(Event("traces", str(number)))
    client.offer(Event("traces", "3"))
    found = [await client.next(1), await client.next(1)]
    assert [(event.name, event.id) for event in found if event] == [("resync", "2"), ("traces", "3")]
    assert await client.next(0.001) is None


def _spans(count: int) -> list[Span]:
    return [make_generation(name=f"trace {number}") for number in range(count)]


async def test_a_large_batch_comes_in_portions(store: Store, url: str) -> None:
    spans = _spans(250)
    async with watching(url) as watched:
        await store.write_spans(spans)
        portions = [await watched.traces() for _ in range(3)]
    assert [len(portion) for portion in portions] == [100, 100, 50]
    assert {name for portion in portions for name in portion} == {span.name for span in spans}
