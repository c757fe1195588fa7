"""One API key, made by a command, at every door of a running LLMFlow: receiver, proxy, API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import httpx
import pytest

from llmflow_testkit.polling import eventually
from llmflow_testkit.providers import FakeProvider

from .test_up import Up, up

__all__ = ["up"]

TRACE_ID, OTHER_TRACE_ID = "1" * 32, "2" * 32


def export_of(trace_id: str) -> dict[str, Any]:
    """An OTLP request with one span, as JSON."""
    span = {"traceId": trace_id, "spanId": "1" * 16, "name": "work", "kind": 1}
    times = {"startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000"}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, **times}]}]}]}


def llmflow(up: Up, *arguments: str) -> Any:
    """What a command prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "llmflow", *arguments, "--json"],
        env={**os.environ, "LLMFLOW_DATA_DIR": str(up.data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_a_key_opens_its_project_everywhere_until_it_is_revoked(
    up: Up, fake_provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{fake_provider.url}/v1")
    monkeypatch.setenv("LLMFLOW_KEYS_REFRESH_SECONDS", "0.2")
    await up.start()
    llmflow(up, "projects", "create", "shop")
    made = llmflow(up, "keys", "create", "all", "--project", "shop", "-s", "ingest", "-s", "read")
    key, key_id = made["key"], made["detail"]["id"]
    ingest_url = f"http://localhost:{up.ports['--ingest-port']}"
    proxy_url = f"http://localhost:{up.ports['--proxy-port']}"

    async with httpx.AsyncClient(trust_env=False) as client:

        async def send() -> httpx.Response:
            bearer = {"Authorization": f"Bearer {key}"}
            return await client.post(f"{ingest_url}/v1/traces", json=export_of(TRACE_ID), headers=bearer)

        assert (await send()).status_code == 200
        langfuse = f"{up.page_url}/api/public/otel/v1/traces"
        assert (await client.post(langfuse, json=export_of(OTHER_TRACE_ID), auth=(key_id, key))).status_code == 200
        chat = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Why?"}]}
        called = await client.post(
            f"{proxy_url}/v1/chat/completions",
            json=chat,
            headers={"X-LLMFlow-Key": key, "Authorization": "Bearer sk-test"},
        )
        assert called.status_code == 200

        async def seen() -> bool:
            page = await client.get(f"{up.page_url}/api/v1/traces", headers={"X-API-Key": key})
            traces = page.json()["traces"]
            assert {trace["project"] for trace in traces} <= {"shop"}
            return len(traces) == 3

        await eventually(seen, within=15)
        subprocess.run(
            [sys.executable, "-m", "llmflow", "keys", "revoke", key_id, "--project", "shop"],
            env={**os.environ, "LLMFLOW_DATA_DIR": str(up.data_dir)},
            check=True,
            timeout=60,
        )

        async def refused() -> bool:
            return (await send()).status_code == 401

        await eventually(refused, within=15)
    assert up.stop(signal.SIGTERM) == 0
    for file in (up.log, *(path for path in up.data_dir.rglob("*") if path.is_file())):
        assert key.encode() not in file.read_bytes(), file
