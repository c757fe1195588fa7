"""No API key shows or changes anything of another project: every route is tried on a real database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest_asyncio

from llmflow_core.api_keys import SCOPES, ApiKey, digest_of, new_key
from llmflow_core.coding_tools import EventKind
from llmflow_query_api.app import create_app
from llmflow_query_api.openapi import document
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store, open_store
from llmflow_store.administration import Actor
from llmflow_store.scores import ScoreType, StoredScore
from llmflow_store.views import SavedView
from llmflow_testkit.api_routes import ApiRoute, api_routes
from llmflow_testkit.signals import make_coding_log, make_log, make_point
from llmflow_testkit.spans import NOON_NS, make_generation

CANARY = "canary-of-b"
USER = ("llmflow", "a long password")
DAY = "from=2025-06-15T00:00:00Z&to=2025-06-16T00:00:00Z"
PATHS: dict[str, Any] = json.loads(document())["paths"]
#: Tries of naming the project: the first two are right, the others must not reach it in any way.
QUERIES = ("", "project=a", "project=b", "project=a&project=b", "project=b&project=a", "x=1;project=b", "%70roject=b")
#: What a route's required parameters may be.
PARAMETERS = {"metric": "requests", "field": "tag", "name": f"{CANARY}-metric"}


@pytest_asyncio.fixture
async def store(migrated_embedded_url: str) -> AsyncIterator[Store]:
    store = open_store(migrated_embedded_url)
    for project in ("a", "b"):
        await store.create_project(project, title=project, by=Actor("test"))
    span = make_generation(
        project="b",
        name=CANARY,
        model=f"{CANARY}-model",
        service=f"{CANARY}-service",
        user_id=f"{CANARY}-user",
        session_id=f"{CANARY}-session",
        tags=[f"{CANARY}-tag"],
        content={"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": CANARY}]}]},
    )
    await store.write_spans([span])
    await store.write_logs([make_log(project="b", body=CANARY), coding_log()])
    await store.write_metrics([make_point(3.0, project="b", name=f"{CANARY}-metric")])
    await store.save_score(score("b", span.trace_id, CANARY))
    await store.save_view(SavedView(project="b", id="the-view", page="traces", name=CANARY, search={}, author=CANARY))
    yield store
    await store.close()


def coding_log() -> Any:
    return make_coding_log(EventKind.REQUEST, project="b", session_id=f"{CANARY}-coding", user_id=CANARY, model=CANARY)


def score(project: str, trace_id: bytes, name: str) -> StoredScore:
    return StoredScore(
        project=project,
        id="the-score",
        trace_id=trace_id,
        name=name,
        value=1.0,
        data_type=ScoreType.NUMERIC,
        source="test",
        time_ns=NOON_NS,
    )


async def rows_of_b(connection: asyncpg.Connection[Any]) -> dict[str, list[str]]:
    """All that any table holds of project b, except when its keys were used."""
    tables = await connection.fetch(
        "SELECT c.table_name FROM information_schema.columns AS c JOIN information_schema.tables AS t"
        " USING (table_schema, table_name) WHERE c.column_name = 'project' AND c.table_schema = 'public'"
        " AND t.table_type = 'BASE TABLE'"
    )
    found = {}
    for (table,) in tables:
        rows = await connection.fetch(f"SELECT t::text FROM {table} AS t WHERE project = 'b' ORDER BY 1")
        found[table] = [row[0] for row in rows]
    return found


def required(route: ApiRoute) -> str:
    """The query with what the route cannot do without."""
    parameters = PATHS.get(route.path, {}).get(route.method.lower(), {}).get("parameters", [])
    needed = [p["name"] for p in parameters if p["in"] == "query" and p.get("required")]
    named = [f"{name}={PARAMETERS[name]}" for name in needed]
    return "&".join([*named, *([DAY] if any(p["name"] == "from" for p in parameters) else [])])


async def test_no_route_lets_a_key_into_another_project(store: Store, migrated_embedded_url: str) -> None:
    key, key_id = new_key()
    every = frozenset(SCOPES)
    api_key = ApiKey(id=key_id, digest=digest_of(key), project="a", scopes=every)
    assert await store.create_key(api_key, name="k", by=Actor("test"))
    connection = await asyncpg.connect(migrated_embedded_url)
    (trace,) = await connection.fetch("SELECT trace_id, span_id FROM spans")
    parameters = {
        "trace_id": trace["trace_id"].hex(),
        "span_id": trace["span_id"].hex(),
        "score_id": "the-score",
        "view_id": "the-view",
        "session_id": f"{CANARY}-session",
        "user_id": f"{CANARY}-user",
        "project": "b",
    }
    body = {"id": "the-score", "trace_id": parameters["trace_id"], "name": "n", "value": 0, "scopes": ["read"]}
    body |= {"page": "traces", "search": {}}
    before = await rows_of_b(connection)
    assert sum(map(len, before.values())) > 8
    app: Any = create_app(QueryApiSettings(host="127.0.0.1", auth_password=USER[1]), store=store)
    shown = set()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://llmflow.local") as client:
        for route in api_routes():
            tried = QUERIES if route.for_keys else ("",)
            for query in tried:
                answer = await client.request(
                    route.method,
                    route.url(parameters, f"{required(route)}&{query}"),
                    json=body if route.changes else None,
                    headers={"Authorization": f"Bearer {key}"},
                )
                assert answer.status_code < 500, (route, query, answer.text)
                text = answer.text
                for asked_for in (PARAMETERS["name"], parameters["session_id"], parameters["user_id"]):
                    text = text.replace(asked_for, "")
                assert CANARY not in text, (route, query)
                if not route.for_keys or (route.of_a_project and query.startswith(("project=b", "project=a&", "%70"))):
                    assert answer.status_code == 403, (route, query)
            if not route.changes and route.of_a_project:
                as_user = await client.get(route.url(parameters, f"{required(route)}&project=b"), auth=USER)
                assert as_user.status_code == 200, (route, as_user.text)
                if CANARY in as_user.text:
                    shown.add(str(route))
        assert await rows_of_b(connection) == before
    await connection.close()
    # What the user is shown, so that this test would notice if a key were.
    assert shown >= {
        "GET /api/v1/traces",
        "GET /api/v1/traces/{trace_id}",
        "GET /api/v1/traces/{trace_id}/spans/{span_id}",
        "GET /api/v1/spans",
        "GET /api/v1/scores",
        "GET /api/v1/views",
        "GET /api/v1/logs",
        "GET /api/v1/metrics/names",
        "GET /api/v1/facets",
        "GET /api/v1/field-values",
        "GET /api/v1/sessions",
        "GET /api/v1/sessions/{session_id}",
        "GET /api/v1/users",
        "GET /api/v1/users/{user_id}",
        "GET /api/v1/models",
        "GET /api/v1/coding-tools/sessions",
    }
