"""Keys planted in every place where a call can carry one appear nowhere in what LLMFlow keeps, says or logs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import asyncpg
import httpx

from llmflow_bus import open_bus
from llmflow_bus.topics import SPANS
from llmflow_testkit.polling import eventually
from llmflow_testkit.stack import SERVICES, Stack

CANARY = "canary-5up3rs3cr3t"
MODEL = "model-of-the-canary-test"

HEADERS = {
    "authorization": f"Bearer sk-{CANARY}",
    "x-api-key": f"sk-ant-{CANARY}",
    "api-key": f"azure-{CANARY}",
    "x-goog-api-key": f"goog-{CANARY}",
    "cookie": f"session={CANARY}; other=b-{CANARY}",
    "proxy-authorization": f"Basic {CANARY}",
    "helicone-auth": f"Bearer helicone-{CANARY}",
    "x-portkey-api-key": f"portkey-{CANARY}",
    "x-portkey-config": json.dumps({"targets": [{"api_key": f"sk-target-{CANARY}"}]}),
    "x-custom-token": f"custom-{CANARY}",
    "x-trace-api-key": f"traced-{CANARY}",
    "x-llmflow-key": f"proxy-{CANARY}",
    "x-amz-security-token": f"amz-{CANARY}",
}
QUERY = f"key=query-{CANARY}&access_token=token-{CANARY}&sig=sig-{CANARY}&api%2Dkey=quoted-{CANARY}"
BODY = {
    "model": MODEL,
    "max_tokens": 5,
    "api_key": f"sk-body-{CANARY}",
    "messages": [{"role": "user", "content": "hi"}],
    "tools": [
        {
            "type": "mcp",
            "server_label": "x",
            "server_url": "https://mcp.example",
            "authorization": f"Bearer mcp-{CANARY}",
            "headers": {"X-Api-Key": f"mcp-header-{CANARY}"},
        }
    ],
    "mcp_servers": [{"name": "y", "url": "https://mcp.example", "authorization_token": f"mcp-token-{CANARY}"}],
}


def calls() -> Iterator[tuple[str, dict[str, str]]]:
    """Paths, and headers beside the usual: answers of all kinds, errors that quote the key among them."""
    for asked in ("", "status=401&leak=1", "status=500", "cut=1"):
        for path in ("/v1/chat/completions", "/anthropic/v1/messages", "/v1/nothing"):
            yield path, {"x-fake": asked}
    yield "/nowhere/x", {}
    yield "/v1/chat/completions", {"X-LLMFlow-Forward-URL": f"https://user:{CANARY}@gateway.example/v1"}
    yield "/v1/chat/completions", {"X-LLMFlow-Forward-URL": f"https://gateway.example/v1?key={CANARY}"}
    yield "/v1/chat/completions", {"X-LLMFlow-Forward-URL": "http://127.0.0.1/v1"}
    yield "/v1/chat/completions", {"X-LLMFlow-Forward-URL": "http://nowhere.invalid/v1"}


async def test_no_planted_key_is_found_anywhere(stack: Stack) -> None:
    said: list[str] = []
    last = uuid.uuid4().hex
    async with httpx.AsyncClient(base_url=stack.url("proxy"), headers=HEADERS, trust_env=False, timeout=60) as client:
        for path, headers in calls():
            try:
                answer = await client.post(f"{path}?{QUERY}", json=BODY, headers=headers)
            except httpx.RemoteProtocolError:
                assert headers["x-fake"] == "cut=1"
                continue
            if answer.headers.get("openai-version") is None and "leak" not in headers.get("x-fake", ""):
                said.append(answer.text)
        await client.post("/v1/chat/completions", json=BODY, headers={"x-trace-id": last})
    assert len(said) >= 5
    assert not any(CANARY in text for text in said)

    async with stack.api() as api:

        async def arrived() -> bool:
            return (await api.get(f"/api/v1/traces/{last}")).status_code == httpx.codes.OK

        await eventually(arrived, within=20)
        listed = (await api.get("/api/v1/traces")).raise_for_status().text
    assert MODEL in listed
    assert CANARY not in listed
    assert await tables_with(stack.database_url, MODEL)
    assert await tables_with(stack.database_url, CANARY) == []
    records = await log_records(stack)
    assert MODEL.encode() in records
    assert CANARY.encode() not in records
    for service in SERVICES:
        assert CANARY not in stack.log(service), service


async def tables_with(database_url: str, text: str) -> list[str]:
    """The tables, of those that this role may read, that contain `text`, as it is or as bytes."""
    database = await asyncpg.connect(database_url)
    try:
        tables = await database.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND schemaname NOT LIKE 'pg\\_temp%'"
            " AND has_schema_privilege(schemaname, 'USAGE')"
            " AND has_table_privilege(format('%I.%I', schemaname, tablename), 'SELECT')"
        )
        found = []
        for (table,) in tables:
            query = f"SELECT count(*) FROM {table} AS t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0"
            if await database.fetchval(query, text, text.encode().hex()):
                found.append(str(table))
        return found
    finally:
        await database.close()


async def log_records(stack: Stack) -> bytes:
    """Everything in the topic of spans, headers included."""
    bus = open_bus(stack.bus_url)
    try:
        consumer = await bus.consumer(f"canary-{uuid.uuid4().hex}", [SPANS])
        everything: list[bytes] = []
        while batch := (await consumer.poll(max_records=500, timeout=3)).records:
            for record in batch:
                everything += [record.value, json.dumps(dict(record.headers)).encode()]
        return b"\n".join(everything)
    finally:
        await bus.close()
