"""A real Prometheus scrapes the query API, and every query of the documentation and the dashboard has an answer."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from llmflow_core.api_keys import ApiKey, digest_of, new_key
from llmflow_core.spans import Score, Span
from llmflow_query_api import prometheus
from llmflow_query_api.app import create_app
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store, open_store
from llmflow_store.administration import Actor
from llmflow_testkit.polling import eventually
from llmflow_testkit.prometheus import lint_metrics, running_prometheus
from llmflow_testkit.serving import serving
from llmflow_testkit.spans import make_generation

ROOT = Path(__file__).parents[3]
USER = ("llmflow", "a long password")
SECOND = 1_000_000_000


def documented_queries() -> dict[str, str]:
    """Title to PromQL, of docs/prometheus.md."""
    [block] = re.findall(r"```promql\n(.*?)```", (ROOT / "docs/prometheus.md").read_text(), re.DOTALL)
    titled = [entry.split("\n", 1) for entry in block.strip().split("\n\n")]
    return {title.removeprefix("# "): query for title, query in titled}


def dashboard_queries() -> list[str]:
    """The dashboard's, with its variables filled in."""
    dashboard = json.loads((ROOT / "deploy/grafana/llmflow.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    return [target["expr"].replace("$project", ".*") for target in targets]


def calls(project: str = "default") -> list[Span]:
    """Four calls of now: three a second long, one that failed after four; one from a cache."""
    common: dict[str, Any] = {"project": project, "start_time_ns": time.time_ns(), "cost": Decimal("0.25")}
    header = "http.response.header.helicone-cache"
    attributes = {"gen_ai.operation.name": "chat", "team_id": "red"}
    return [
        make_generation(attributes={**attributes, header: ["HIT"]}, **common),
        make_generation(attributes={**attributes, header: ["MISS"]}, **common),
        make_generation(attributes=attributes, scores=[Score(name="helpfulness", value=4)], **common),
        make_generation(attributes=attributes, status="error", duration_ns=4 * SECOND, **common),
    ]


@pytest_asyncio.fixture
async def store(migrated_embedded_url: str) -> AsyncIterator[Store]:
    store = open_store(migrated_embedded_url)
    yield store
    await store.close()


def application(store: Store, **settings: Any) -> Litestar:
    return create_app(QueryApiSettings(auth_password=USER[1], host="127.0.0.1", **settings), store=store)


def no_store() -> Store:
    """Of a database that is away: nothing listens on that port."""
    return open_store("postgresql://nobody@127.0.0.1:1/none")


def client_of(app: Any, *, address: str = "10.0.0.1", host: str = "llmflow.test") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url=f"http://{host}")


async def key_of(store: Store, project: str, scope: str) -> dict[str, str]:
    key, key_id = new_key()
    await store.create_project(project, by=Actor("test"))
    scopes: Any = frozenset({scope})
    await store.create_key(
        ApiKey(id=key_id, digest=digest_of(key), project=project, scopes=scopes), name="k", by=Actor("test")
    )
    return {"Authorization": f"Bearer {key}"}


async def test_every_documented_query_has_an_answer(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "_FRESH_SECONDS", 0)
    await store.write_spans(calls())
    async with serving(application(store)) as url:
        target = {"targets": [url.removeprefix("http://")]}
        scrape = {"job_name": "llmflow", "static_configs": [target]}
        async with running_prometheus(tmp_path, [scrape]) as server:

            async def seen(least: int) -> bool:
                return [sample["value"][1] for sample in await server.query("sum(llm_requests_total)")] == [str(least)]

            await eventually(lambda: seen(4), within=60)
            await store.write_spans(calls())
            await eventually(lambda: seen(8), within=60)

            async def answer(query: str) -> list[float]:
                """There is none for as long as the latest scrape has failed."""

                async def samples() -> list[float]:
                    found = [float(sample["value"][1]) for sample in await server.query(query)]
                    assert all(map(math.isfinite, found)), (query, found)
                    return found

                return await eventually(samples, within=60)

            found = {title: await answer(query) for title, query in documented_queries().items()}
            for query in dashboard_queries():
                await answer(query)
    assert len(found) == 9
    assert found["Failed calls, in percent"] == [pytest.approx(25)]
    assert found["Share of calls that a gateway's cache answered"] == [pytest.approx(0.5)]
    assert found["Mean score"] == [4]
    assert 2 < found["Latency, 99th percentile"][0] <= 5
    assert found["Time to first token, 95th percentile"][0] <= 0.25
    assert found["Cost of the last 24 hours"][0] > 0
    assert found["Tokens a minute"][0] > 0


async def test_the_page_has_nothing_for_promtool_to_blame(store: Store) -> None:
    await store.write_spans(calls())
    async with client_of(application(store)) as client:
        answer = await client.get("/metrics", auth=USER)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert await lint_metrics(answer.text) == ""
    labels = 'endpoint="chat",{}model="gpt-4o",project="default"'
    assert f'llm_requests_total{{{labels.format("")},status="error"}} 1.0' in answer.text
    bucket = labels.format('le="2.0",')
    assert f"llm_request_duration_seconds_bucket{{{bucket}}} 3.0" in answer.text
    assert 'llm_cost_usd{model="gpt-4o",project="default",team_id="red",user_id="ada"} 1.0' in answer.text
    assert "process_resident_memory_bytes" in answer.text
    assert "llmflow_database_up 1.0" in answer.text


async def test_a_key_sees_its_project_and_a_user_sees_all(store: Store) -> None:
    await store.write_spans([*calls("a"), *calls("b")])
    reader, writer = await key_of(store, "a", "read"), await key_of(store, "a", "write")
    async with client_of(application(store)) as client:
        of_the_key = (await client.get("/metrics", headers=reader)).text
        assert 'project="a"' in of_the_key
        assert 'project="b"' not in of_the_key
        assert (await client.get("/metrics?project=b", headers=reader)).status_code == 403
        assert (await client.get("/metrics", headers=writer)).status_code == 403
        assert (await client.get("/metrics", headers={"Authorization": f"Bearer {new_key()[0]}"})).status_code == 401
        of_the_user = (await client.get("/metrics", auth=USER)).text
        assert 'project="a"' in of_the_user
        assert 'project="b"' in of_the_user
        assert 'project="a"' not in (await client.get("/metrics?project=b", auth=USER)).text


@pytest.mark.parametrize(
    ("access", "address", "host", "headers", "status"),
    [
        ("loopback", "127.0.0.1", "localhost", {}, 200),
        ("loopback", "::1", "[::1]:3000", {}, 200),
        ("loopback", "10.0.0.1", "localhost", {}, 401),
        ("loopback", "127.0.0.1", "attacker.example", {}, 401),
        ("loopback", "127.0.0.1", "localhost", {"X-Forwarded-For": "10.0.0.1"}, 401),
        ("nobody", "127.0.0.1", "localhost", {}, 401),
        ("everybody", "10.0.0.1", "llmflow.test", {}, 200),
    ],
)
async def test_who_needs_no_credentials(
    access: str, address: str, host: str, headers: dict[str, str], status: int
) -> None:
    async with client_of(application(no_store(), metrics_access=access), address=address, host=host) as client:
        assert (await client.get("/metrics", headers=headers)).status_code == status


async def test_without_the_database_the_process_still_tells_of_itself() -> None:
    async with client_of(application(no_store(), metrics_access="everybody")) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert "llmflow_database_up 0.0" in answer.text
    assert "llm_requests_total" not in answer.text
