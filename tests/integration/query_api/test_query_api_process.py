"""`python -m llmflow_query_api` as it is run, over PostgreSQL: by itself, and under gunicorn with several workers."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest

from llmflow_core.spans import Span
from llmflow_store import open_store
from llmflow_testkit.otlp_receiver import OtlpReceiver
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port
from llmflow_testkit.service_process import service_process, wait_ready
from llmflow_testkit.spans import NOON_NS, make_generation, make_span

USER = ("llmflow", "a password of this test")
LOGIN = {"username": USER[0], "password": USER[1]}
SECOND = 1_000_000_000


@pytest.fixture
async def spans(migrated_embedded_url: str) -> list[Span]:
    """What the database holds: five traces of one span, then a generation in the newest of them."""
    roots = [make_span(name=f"trace {number}", start_time_ns=NOON_NS + number * SECOND) for number in range(5)]
    newest = roots[-1]
    generation = make_generation(
        trace_id=newest.trace_id, parent_span_id=newest.span_id, start_time_ns=newest.start_time_ns + 1000
    )
    store = open_store(migrated_embedded_url)
    await store.write_spans([*roots, generation])
    await store.close()
    return [*roots, generation]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A built page."""
    (tmp_path / "index.html").write_text("<!doctype html>")
    return tmp_path


@pytest.mark.parametrize("workers", [0, 2])
async def test_everything_on_one_port(migrated_embedded_url: str, spans: list[Span], page: Path, workers: int) -> None:
    port = free_port()
    with (
        OtlpReceiver() as receiver,
        service_process(
            "llmflow_query_api",
            LLMFLOW_DATABASE_URL=migrated_embedded_url,
            LLMFLOW_HOST="127.0.0.1",
            PORT=port,
            AUTH_PASSWORD=USER[1],
            LLMFLOW_WORKERS=workers,
            LLMFLOW_FRONTEND_DIR=page,
            LLMFLOW_INGEST_URL=receiver.url,
        ) as process,
    ):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            await wait_ready(process, str(client.base_url))
            await _reads(client, spans)
            await _serves_the_page(client)

            body = otlp_request([1, 2]).SerializeToString()
            answer = await client.post(
                "/api/public/otel/v1/traces", content=body, headers={"Content-Type": "application/x-protobuf"}
            )
            assert answer.status_code == 200
            assert [(taken.path, taken.body) for taken in receiver.taken] == [("/api/public/otel/v1/traces", body)]

        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)  # uvicorn ends by the signal once it has shut down


async def _reads(client: httpx.AsyncClient, spans: list[Span]) -> None:
    *roots, generation = spans
    assert (await client.get("/api/v1/traces")).status_code == 401
    assert (await client.post("/api/v1/login", json=LOGIN)).status_code == 200

    names, cursor = [], ""
    while cursor is not None:
        found = (await client.get(f"/api/v1/traces?limit=2{cursor and '&cursor='}{cursor}")).json()
        names += [trace["name"] for trace in found["traces"]]
        cursor = found["next_cursor"]
    assert names == [root.name for root in reversed(roots)]

    trace_id = generation.trace_id.hex()
    trace = (await client.get(f"/api/v1/traces/{trace_id}")).json()
    assert [(span["span_id"], span["offset_ns"]) for span in trace["spans"]] == [
        (roots[-1].span_id.hex(), 0),
        (generation.span_id.hex(), 1000),
    ]
    span = (await client.get(f"/api/v1/traces/{trace_id}/spans/{generation.span_id.hex()}")).json()
    assert span["span"]["cost"] == trace["spans"][1]["cost"] == f"{generation.cost:f}"
    assert span["raw_content"] == generation.content
    assert (await client.get("/api/v1/projects")).json()["projects"] == ["default"]


async def _serves_the_page(client: httpx.AsyncClient) -> None:
    answer = await client.head("/traces/any")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len("<!doctype html>"))


async def test_it_starts_and_answers_503_while_the_database_is_away() -> None:
    port = free_port()
    with service_process(
        "llmflow_query_api",
        LLMFLOW_DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing",
        LLMFLOW_HOST="127.0.0.1",
        PORT=port,
        LLMFLOW_WORKERS=0,
    ) as process:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

            async def alive() -> bool:
                assert process.poll() is None
                try:
                    return (await client.get("/healthz")).status_code == 200
                except httpx.ConnectError:
                    return False

            await eventually(alive, within=30)
            answer = await client.get("/api/v1/projects", auth=("llmflow", "password"))
            assert (answer.status_code, answer.headers["retry-after"].isdigit()) == (503, True)
            assert (await client.get("/readyz")).status_code == 503


def test_the_default_password_ends_it_where_others_could_come_in() -> None:
    with service_process(
        "llmflow_query_api", LLMFLOW_HOST="0.0.0.0", AUTH_PASSWORD="password", PORT=free_port()
    ) as process:
        log = process.said()
    assert process.returncode == 1
    assert b"AUTH_PASSWORD: " in log
    assert b"LLMFLOW_ALLOW_DEFAULT_PASSWORD=1" in log
