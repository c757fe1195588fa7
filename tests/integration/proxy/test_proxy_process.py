"""The proxy as it is deployed: a process of its own under gunicorn. Memory, secrets, shutdown, wrong settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port
from llmflow_testkit.providers import FakeProvider

from .conftest import Recorded

MIB = 1 << 20
UPLOAD_BYTES = 200 * MIB
CANARY = "canary-5up3rs3cr3t"


@dataclass
class RunningProxy:
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def rss(self) -> int:
        """Resident bytes of the worker that serves."""
        return max(child.memory_info().rss for child in psutil.Process(self.process.pid).children())

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def running(fake_provider: FakeProvider, log_url: str, tmp_path: Path) -> Iterator[RunningProxy]:
    port = free_port()
    environment = {
        **os.environ,
        "LLMFLOW_BUS_URL": log_url,
        "LLMFLOW_HOST": "127.0.0.1",
        "LLMFLOW_WORKERS": "1",
        "PROXY_PORT": str(port),
        "VERBOSE": "1",
        "OPENAI_BASE_URL": f"{fake_provider.url}/v1",
        "OPENAI_DEFAULT_HEADERS": f'{{"Helicone-Auth": "Bearer default-{CANARY}", "X-Team": "search"}}',
        "ANTHROPIC_BASE_URL": fake_provider.url,
    }
    log = tmp_path / "proxy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "llmflow_proxy"], env=environment, stdout=output, stderr=output
        )
    try:
        yield RunningProxy(f"http://127.0.0.1:{port}", process, log)
    finally:
        if process.poll() is None:
            for worker in psutil.Process(process.pid).children():
                worker.kill()
            process.kill()
            process.wait()


@pytest.fixture
async def client(running: RunningProxy) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=running.url, headers={"authorization": f"Bearer sk-{CANARY}"}, trust_env=False, timeout=60
    ) as client:

        async def ready() -> bool:
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(ready, within=60)
        yield client


async def pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536):
        yield bytes(65536)


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
async def test_a_big_upload_streams_through(
    running: RunningProxy, client: httpx.AsyncClient, recorded: Recorded, fake_provider: FakeProvider, framing: str
) -> None:
    await client.get("/v1/models")
    before = running.rss()
    headers = {"content-length": str(UPLOAD_BYTES)} if framing == "content-length" else {}
    answer = await client.post("/v1/files", content=pieces(UPLOAD_BYTES), headers=headers)
    assert answer.json()["bytes"] == UPLOAD_BYTES
    assert fake_provider.requests[-1].header("content-length") == headers.get("content-length")
    assert running.rss() - before < 30 * MIB
    _, upload = await recorded.all(2)
    assert upload.attributes["http.request.body.size"] == UPLOAD_BYTES
    assert sum(map(len, recorded.values)) < 20_000


async def test_a_big_answer_streams_through(
    running: RunningProxy, client: httpx.AsyncClient, recorded: Recorded
) -> None:
    """A chat of a million words is held up to the capture's limit (8 MiB here), and recorded up to 1 MiB."""
    question = {"model": "gpt-4o", "messages": [{"role": "user", "content": "go on"}]}
    await client.post("/v1/chat/completions", json=question)
    answer = await client.post("/v1/chat/completions", json=question, headers={"x-fake": "words=4000000"})
    assert len(answer.content) > 15 * MIB
    _, span = await recorded.all(2)
    assert span.attributes["http.response.body.size"] == len(answer.content)
    assert span.attributes["llmflow.response.truncated"] is True
    assert len(recorded.values[-1]) < 1.1 * MIB


async def test_no_secret_leaves_the_process(
    running: RunningProxy, client: httpx.AsyncClient, recorded: Recorded
) -> None:
    question = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    headers = {
        "x-api-key": f"sk-ant-{CANARY}",
        "api-key": f"azure-{CANARY}",
        "x-goog-api-key": f"goog-{CANARY}",
        "cookie": f"session={CANARY}",
        "proxy-authorization": f"Basic {CANARY}",
        "helicone-auth": f"Bearer helicone-{CANARY}",
        "x-custom-token": f"custom-{CANARY}",
    }
    for asked in ("", "status=401&leak=1", "status=500", "cut=1"):
        for path in ("/v1/chat/completions", "/anthropic/v1/messages", "/v1/nothing"):
            url = f"{path}?key=query-{CANARY}&access_token=token-{CANARY}"
            try:
                await client.post(url, json={**question, "max_tokens": 5}, headers={**headers, "x-fake": asked})
            except httpx.RemoteProtocolError:
                assert asked == "cut=1"
    await recorded.all(12)
    assert running.stop() == 0
    assert not any(CANARY.encode() in value for value in recorded.values)
    assert CANARY not in running.log.read_text()


async def test_the_server_in_front_adds_no_server_header(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/models")
    assert answer.headers.get_list("server") == ["cloudflare"]
    assert len(answer.headers.get_list("set-cookie")) == 2


async def test_the_server_in_front_adds_no_date_header(client: httpx.AsyncClient) -> None:
    assert len((await client.get("/v1/models")).headers.get_list("date")) == 1


async def test_default_headers_are_added(client: httpx.AsyncClient, fake_provider: FakeProvider) -> None:
    await client.get("/v1/models")
    assert fake_provider.requests[-1].header("x-team") == "search"
    await client.get("/v1/models", headers={"x-team": "mine"})
    assert [value for name, value in fake_provider.requests[-1].headers if name == "x-team"] == ["mine"]


async def test_spans_are_flushed_at_the_end(
    running: RunningProxy, client: httpx.AsyncClient, recorded: Recorded
) -> None:
    for _ in range(20):
        await client.get("/v1/models")
    assert running.stop() == 0
    await recorded.all(20)


def test_wrong_settings_are_all_named() -> None:
    environment = {**os.environ, "OPENAI_DEFAULT_HEADERS": "x", "MAX_RESPONSE_SIZE": "huge", "PROXY_PORT": "many"}
    ended = subprocess.run(
        [sys.executable, "-m", "llmflow_proxy"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    for name in ("OPENAI_DEFAULT_HEADERS", "MAX_RESPONSE_SIZE", "PROXY_PORT"):
        assert name in ended.stderr
