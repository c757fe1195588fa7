"""Exports over a real server and database: formats, filters, bounded memory, and what ends when the client leaves."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from llmflow_core.errors import Retryable
from llmflow_query_api.app import create_app
from llmflow_query_api.export_formats import Format, written
from llmflow_query_api.schemas import TraceSummary
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store
from llmflow_testkit.polling import eventually
from llmflow_testkit.providers.server import BackgroundServer
from llmflow_testkit.spans import NOON_NS, make_generation, make_span

_USER = ("llmflow", "a long password")
_MEGABYTE = 1 << 20
_COPIES = 40_000
_OTHERS = (
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
    " AND backend_type = 'client backend'"
)
_WAITING = "SELECT count(*) FROM pg_locks WHERE relation = 'traces'::regclass AND NOT granted"


@pytest.fixture
def query_timeout() -> float:
    """The seconds that a question may take."""
    return 60


@pytest_asyncio.fixture
async def client(store: Store, migrated_embedded_url: str, query_timeout: float) -> AsyncIterator[httpx.AsyncClient]:
    settings = QueryApiSettings(
        auth_password=_USER[1],
        host="127.0.0.1",
        database_url=migrated_embedded_url,
        exports=1,
        heavy_queries=1,
        query_timeout=query_timeout,
    )
    with BackgroundServer(create_app(settings)) as server:
        async with httpx.AsyncClient(base_url=f"{server.url}/api/v1", auth=_USER, timeout=30) as client:
            yield client


@pytest_asyncio.fixture
async def connection(migrated_embedded_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(migrated_embedded_url)
    yield connection
    await connection.close()


async def _fill(store: Store, connection: asyncpg.Connection[Any]) -> None:
    """Many spans of 2 KB each."""
    await store.write_spans([make_span(attributes={"long": "x" * 2000})])
    columns = "project, trace_id, span_id, start_time, start_time_nanos, "
    others = await connection.fetchval(
        "SELECT string_agg(column_name, ', ') FROM information_schema.columns WHERE table_name = 'spans'"
        " AND table_schema = 'public' AND column_name <> ALL (string_to_array($1, ', '))",
        columns.strip(", "),
    )
    await connection.execute(
        f"INSERT INTO spans ({columns}{others}) SELECT project, trace_id, int8send(n),"
        f" start_time + n * interval '1 ms', start_time_nanos, {others} FROM spans, generate_series(1, {_COPIES}) AS n"
    )


async def test_spans_are_exported_in_every_format(client: httpx.AsyncClient, store: Store) -> None:
    spans = [
        make_generation(name="=cmd", start_time_ns=NOON_NS + 2),
        make_span(name='a "b", c\nd', start_time_ns=NOON_NS + 1, attributes={"n": 1}),
        make_generation(name="third", start_time_ns=NOON_NS, user_id="bob"),
    ]
    await store.write_spans(spans)
    lines = (await client.get("/export/spans")).text.splitlines()
    [first, second, third] = [json.loads(line) for line in lines]
    assert [first["name"], second["name"], third["name"]] == [span.name for span in spans]
    assert (first["content"], first["input_preview"], second["attributes"]) == (None, "hello", {"n": 1})
    assert first["cost"] == "0.00572500001"

    as_json = await client.get("/export/spans", params={"format": "json", "content": True, "filter": "user:ada"})
    assert as_json.headers["content-type"] == "application/json"
    assert [(span["name"], span["content"]) for span in as_json.json()] == [("=cmd", spans[0].content)]
    assert (await client.get("/export/spans", params={"format": "json", "filter": "user:nobody"})).json() == []

    as_csv = await client.get("/export/spans", headers={"Accept": "text/csv"})
    assert as_csv.headers["content-disposition"] == 'attachment; filename="llmflow-spans-default.csv"'
    rows = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [row["name"] for row in rows] == ["'=cmd", 'a "b", c\nd', "third"]
    assert (rows[1]["attributes"], rows[1]["model"], rows[0]["tags"]) == ('{"n":1}', "", '["beta","chat"]')
    wrong = await client.get("/export/spans", headers={"Accept": "image/png"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "Accept")


async def test_traces_are_exported_like_the_list(client: httpx.AsyncClient, store: Store) -> None:
    await store.write_spans([make_generation(name=f"trace {n}", start_time_ns=NOON_NS + n) for n in range(1200)])
    listed = (await client.get("/traces", params={"limit": 200})).json()["traces"]
    exported = [json.loads(line) for line in (await client.get("/export/traces")).text.splitlines()]
    assert len(exported) == 1200
    assert exported[:200] == listed

    async with client.stream("GET", "/export/traces", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        packed = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert len(packed) < 100_000
    assert len(gzip.decompress(packed).splitlines()) == 1200


async def test_a_large_export_takes_little_memory(
    client: httpx.AsyncClient, store: Store, connection: asyncpg.Connection[Any]
) -> None:
    await _fill(store, connection)
    size, lines, largest = 0, 0, 0
    headers = {"Accept-Encoding": "identity"}
    await client.get("/export/spans", params={"filter": "name:none"})
    before = _resident_bytes()
    async with client.stream("GET", "/export/spans", headers=headers) as answer:
        async for chunk in answer.aiter_raw():
            size, lines = size + len(chunk), lines + chunk.count(b"\n")
            largest = max(largest, _resident_bytes())
    assert lines == _COPIES + 1
    assert size > 80 * _MEGABYTE
    assert largest - before < 40 * _MEGABYTE


async def test_an_export_ends_in_the_database_when_its_client_leaves(
    client: httpx.AsyncClient, store: Store, connection: asyncpg.Connection[Any]
) -> None:
    await _fill(store, connection)

    async def nothing_runs() -> bool:
        return bool(await connection.fetchval(f"SELECT count(*) {_OTHERS}") == 0)

    async with client.stream("GET", "/export/spans") as answer:
        await anext(answer.aiter_raw())
        assert not await nothing_runs()
        # There is one place, which the first holds; it is given back when its client has left.
        waiting = client.build_request("GET", "/export/traces")
    await eventually(nothing_runs, within=60)
    assert (await client.send(waiting)).status_code == 200


async def test_a_question_is_cancelled_when_its_client_leaves(
    client: httpx.AsyncClient, connection: asyncpg.Connection[Any]
) -> None:
    async def waiting() -> int:
        return int(await connection.fetchval(_WAITING))

    async def none_waits() -> bool:
        return await waiting() == 0

    async with connection.transaction():
        await connection.execute("LOCK TABLE traces")
        question = asyncio.ensure_future(client.get("/traces"))
        await eventually(waiting, within=60)
        question.cancel()
        # Long before its time is over.
        await eventually(none_waits, within=30)


@pytest.mark.parametrize("query_timeout", [2])
async def test_a_question_that_takes_too_long_is_given_up(
    client: httpx.AsyncClient, connection: asyncpg.Connection[Any]
) -> None:
    async with connection.transaction():
        await connection.execute("LOCK TABLE traces")
        answer = await client.get("/traces")
        problem = answer.json()
        assert (answer.status_code, problem["title"]) == (504, "Gateway Timeout")
        assert "shorter time" in problem["detail"]
        assert await connection.fetchval(_WAITING) == 0
    assert (await client.get("/traces")).status_code == 200


@pytest.mark.parametrize("file_format", Format)
async def test_nothing_is_sent_of_a_file_that_cannot_even_begin(file_format: Format) -> None:
    async def fails() -> AsyncIterator[Sequence[TraceSummary]]:
        raise Retryable("the database is away")
        yield []

    with pytest.raises(Retryable):
        await anext(written(file_format, TraceSummary, fails()))


async def test_a_format_that_is_none_is_named_as_it_was_asked_for(client: httpx.AsyncClient) -> None:
    answer = await client.get("/export/traces", params={"format": "xml"})
    assert (answer.status_code, answer.json()["field"]) == (400, "format")


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    body = {"trace_id": "00" * 16, "name": "n", "comment": "x" * 2 * _MEGABYTE}
    answer = await client.post("/scores", json=body)
    assert (answer.status_code, answer.json()["title"]) == (413, "Content Too Large")


def _resident_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024
