"""Destinations that are added over the API while the exporter runs: forwarded to, tested, replayed to; the query API
away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from llmflow_bus import Message, open_bus, topics
from llmflow_core.otlp import attributes_of, spans_of
from llmflow_exporter.app import run
from llmflow_exporter.settings import ExporterSettings
from llmflow_query_api.app import create_app
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store, open_store
from llmflow_testkit.otlp_receiver import Answer, OtlpReceiver
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port
from llmflow_testkit.serving import serving

USER = ("llmflow", "a long password")
TOKEN, KEY = "t" * 32, "k" * 32
WITHIN = 60


@pytest.fixture
async def store(migrated_embedded_url: str) -> AsyncIterator[Store]:
    """The store in `migrated_embedded_url`."""
    store = open_store(migrated_embedded_url)
    yield store
    await store.close()


class Stack:
    """A query API that can go away, an exporter, their log, and what the user does."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.port = free_port()
        self.file = folder / "destinations.yaml"
        self.bus_url = f"embedded://{folder}/log"
        self._database_url = database_url

    @asynccontextmanager
    async def query_api(self) -> AsyncIterator[None]:
        """The query API, as long as the block runs."""
        settings: Any = {"auth_password": USER[1], "secret_key": KEY, "keys_token": TOKEN}
        async with serving(
            create_app(QueryApiSettings(host="127.0.0.1", database_url=self._database_url, **settings)), self.port
        ):
            yield

    @asynccontextmanager
    async def exporter(self, **fields: Any) -> AsyncIterator[None]:
        """The exporter, as long as the block runs."""
        values: dict[str, Any] = {
            "keys_url": f"http://127.0.0.1:{self.port}",
            "keys_token": TOKEN,
            "secret_key": KEY,
            "export_refresh_seconds": 0.1,
            "export_reload_seconds": 0.1,
            "export_retry_min": 0.02,
            "export_retry_max": 0.1,
            "export_batch_seconds": 0,
            "health_port": 0,
            **fields,
        }
        stop = asyncio.Event()
        task = asyncio.create_task(run(ExporterSettings(bus_url=self.bus_url, **values), stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, WITHIN)

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What the API answers."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}"
        async with httpx.AsyncClient(auth=USER, trust_env=False, timeout=WITHIN) as client:
            answer = await client.request(method, url, json=body)
            answer.raise_for_status()
            return answer.json() if answer.content else None

    async def until(self, path: str, condition: Callable[[Any], bool]) -> Any:
        """Wait for what the API answers to be so."""

        async def reached() -> Any:
            found = await self.ask("GET", path)
            return found if condition(found) else None

        return await eventually(reached, within=WITHIN)

    async def status(self, name: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a destination's status to be so."""

        def is_so(found: Any) -> bool:
            return any(one["name"] == name and condition(one["status"]) for one in found["destinations"])

        listed = await self.until("destinations", is_so)
        found: dict[str, Any] = next(one for one in listed["destinations"] if one["name"] == name)
        return found

    async def publish(self, *numbers: int) -> None:
        """Publish spans of these numbers, a record each."""
        bus = open_bus(self.bus_url)
        producer = await bus.producer()
        await producer.publish(topics.SPANS, [Message(otlp_request([n]).SerializeToString()) for n in numbers])
        await bus.close()


@pytest.fixture
def stack(tmp_path: Path, store: Store, migrated_embedded_url: str) -> Stack:
    return Stack(tmp_path, migrated_embedded_url)


async def _has(receiver: OtlpReceiver, *numbers: int) -> None:
    async def there() -> bool:
        return set(map(int.from_bytes, receiver.span_ids)) >= set(numbers)

    await eventually(there, within=WITHIN)


async def test_added_paused_resumed_removed_while_another_runs(stack: Stack) -> None:
    with OtlpReceiver() as listed, OtlpReceiver() as added:
        stack.file.write_text(yaml.safe_dump({"destinations": [{"name": "listed", "endpoint": listed.url}]}))
        async with stack.query_api(), stack.exporter(export_file=stack.file):
            await stack.publish(1)
            await stack.ask(
                "POST", "destinations", {"name": "a", "endpoint": added.url, "auth": {"bearer": "s3cret-0123"}}
            )
            await _has(added, 1)
            assert added.requests[0].headers["authorization"] == "Bearer s3cret-0123"
            found = await stack.status("a", lambda status: status["sent"] == 1 and status["state"] == "ok")
            assert (found["address"], found["origin"]) == (f"{added.url}/v1/traces", "api")
            assert (await stack.status("listed", lambda status: status["sent"] == 1))["origin"] == "file"

            await stack.ask("POST", "destinations/a/pause")
            await stack.status("a", lambda status: status["state"] == "paused")
            await stack.publish(2)
            await _has(listed, 1, 2)
            await stack.ask("POST", "destinations/a/resume")
            await _has(added, 1, 2)

            await stack.ask("DELETE", "destinations/a?forget=true")
            await stack.publish(3)
            await _has(listed, 1, 2, 3)
            await stack.ask("POST", "destinations", {"name": "a", "endpoint": added.url})

            async def began_anew() -> bool:
                return sorted(map(int.from_bytes, added.span_ids))[:4] == [1, 1, 2, 2]

            await eventually(began_anew, within=WITHIN)
        assert sorted(map(int.from_bytes, listed.span_ids)) == [1, 2, 3]


async def test_the_query_api_away_holds_up_nothing(stack: Stack) -> None:
    with OtlpReceiver() as listed, OtlpReceiver() as added:
        stack.file.write_text(yaml.safe_dump({"destinations": [{"name": "listed", "endpoint": listed.url}]}))
        async with stack.exporter(export_file=stack.file):
            await stack.publish(1)
            await _has(listed, 1)
            async with stack.query_api():
                await stack.ask("POST", "destinations", {"name": "a", "endpoint": added.url})
                await _has(added, 1)
            await stack.publish(2)
            await _has(listed, 1, 2)
            await _has(added, 1, 2)
            async with stack.query_api():
                await stack.status("a", lambda status: status["sent"] == 2)


async def test_one_that_cannot_be_begun_with_says_why(stack: Stack) -> None:
    async with stack.query_api(), stack.exporter():
        body = {"name": "a", "endpoint": "http://127.0.0.1:9", "auth": {"bearer": "${env:NOT_SET}"}}
        await stack.ask("POST", "destinations", body)
        found = await stack.status("a", lambda status: status["state"] == "failed")
        assert found["status"]["last_error"] == "auth.bearer: the exporter has no variable NOT_SET"


async def test_a_test_says_what_came_back(stack: Stack) -> None:
    with OtlpReceiver() as receiver:
        receiver.otherwise = lambda: Answer(401, body=b"who are you?")
        async with stack.query_api(), stack.exporter():
            await stack.ask("POST", "destinations", {"name": "a", "endpoint": receiver.url, "paused": True})
            job = await stack.ask("POST", "destinations/a/test")
            path = f"destinations/a/jobs/{job['id']}"
            failed = await stack.until(path, lambda job: job["finished_at"] is not None)
            assert failed["state"] == "failed"
            assert "did not take the span: HTTP 401: who are you?" in failed["message"]
            receiver.otherwise = Answer
            job = await stack.ask("POST", "destinations/a/test")
            path = f"destinations/a/jobs/{job['id']}"
            done = await stack.until(path, lambda job: job["finished_at"] is not None)
            assert done["state"] == "done"
            assert f"at {receiver.url}/v1/traces took the span" in done["message"]
        assert len(receiver.taken) == 1


async def test_a_replay_sends_what_is_stored_and_goes_on_where_it_was(stack: Stack, store: Store) -> None:
    with OtlpReceiver() as receiver:
        numbers = range(1, 251)
        request = otlp_request(list(numbers), content="x" * 500)
        spans = spans_of(request)
        start = min(span.start_time_ns for span in spans)
        await store.write_spans(spans)
        body = {
            "from": (datetime.fromtimestamp(start // 10**9, UTC) - timedelta(minutes=1)).isoformat(),
            "to": datetime.now(UTC).isoformat(),
        }
        receiver.script(*[Answer()] * 2, *[Answer(503)] * 3)
        destination = {"name": "a", "endpoint": receiver.url, "start": "latest", "batch_bytes": 50_000}
        async with stack.query_api():
            async with stack.exporter():
                await stack.ask("POST", "destinations", destination)
                job = await stack.ask("POST", "destinations/a/replays", body)
                path = f"destinations/a/jobs/{job['id']}"
                await stack.until(path, lambda job: job["sent"] >= 50)
            async with stack.exporter():
                done = await stack.until(path, lambda job: job["state"] == "done")
        assert (done["sent"], done["total"]) == (250, 250)
        sent = list(map(int.from_bytes, receiver.span_ids))
        assert set(sent) == set(numbers)
        first = receiver.taken[0].spans[0]
        assert attributes_of(first.attributes) == {"gen_ai.request.model": "gpt-4o", "input.value": "x" * 500}
        assert (first.name, first.end_time_unix_nano) == (spans[0].name, spans[0].end_time_ns)
