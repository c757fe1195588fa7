from __future__ import annotations

import httpx
import pytest

from llmflow_core.health import health_app


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = health_app({"log": yes, "database": no})
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_alive_although_a_dependency_is_away(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).status_code == 200


async def test_not_ready_names_the_dependency(client: httpx.AsyncClient) -> None:
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "checks": {"log": True, "database": False}}


async def test_problems_are_named_and_make_nothing_unready() -> None:
    found = ["otlp_logs"]
    app = health_app({"log": yes}, problems={"missing_topics": lambda: found, "log": lambda: ""})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        response = await client.get("/readyz")
        assert response.status_code == 200
        assert response.json() == {"status": "ok", "checks": {"log": True}, "problems": {"missing_topics": found}}
        found.clear()
        assert (await client.get("/readyz")).json() == {"status": "ok", "checks": {"log": True}}


async def test_metrics_and_unknown_paths(client: httpx.AsyncClient) -> None:
    assert "python_info" in (await client.get("/metrics")).text
    assert (await client.get("/other")).status_code == 404
    assert (await client.head("/healthz")).content == b""
