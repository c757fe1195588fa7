"""Keys, forwarding elsewhere, limits and slow callers, on a running proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from llmflow_core.http_protocol import MAX_HEAD_BYTES, MAX_HEADERS, LimitedHttpProtocol
from llmflow_proxy.app import create_app
from llmflow_proxy.settings import ProxySettings
from llmflow_testkit.polling import eventually
from llmflow_testkit.providers import BackgroundServer, FakeProvider

from .conftest import Recorded

MESSAGES: Any = [{"role": "user", "content": "Why?"}]
CHAT = {"model": "gpt-4o", "messages": MESSAGES}
AUTH = {"authorization": "Bearer sk-test"}
FORWARD = "X-LLMFlow-Forward-URL"


@contextmanager
def proxy(fake_provider: FakeProvider, log_url: str, **settings: Any) -> Iterator[str]:
    base = {"openai_base_url": f"{fake_provider.url}/v1", "anthropic_base_url": fake_provider.url}
    with BackgroundServer(create_app(ProxySettings(**{"bus_url": log_url, **base, **settings}))) as server:
        yield server.url


async def post(
    url: str, headers: Mapping[str, str] | None = None, path: str = "/v1/chat/completions"
) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        return await client.post(path, json=CHAT, headers={**AUTH, **(headers or {})})


async def test_a_proxy_with_keys_serves_those_who_have_one(
    fake_provider: FakeProvider, log_url: str, recorded: Recorded
) -> None:
    keys = '{"key-of-team-a": "team-a"}'
    with proxy(fake_provider, log_url, proxy_keys=keys) as url:
        served = await post(url, {"X-LLMFlow-Key": "key-of-team-a", "X-LLMFlow-Project": "team-b"})
        assert served.status_code == 200
        assert (await post(url, {"X-LLMFlow-Key": "another-key"})).status_code == 401
        assert not any(name.startswith("x-llmflow") for name, _ in fake_provider.requests[-1].headers)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            assert (await client.get("/readyz")).status_code == 200
    assert (await recorded.one()).project == "team-a"
    assert not any(b"key-of-team-a" in value for value in recorded.values)


async def test_the_sdks_understand_that_a_key_is_missing(fake_provider: FakeProvider, log_url: str) -> None:
    before = len(fake_provider.requests)
    with proxy(fake_provider, log_url, proxy_keys='{"key-of-team-a": "team-a"}') as url:
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0) as client:
            with pytest.raises(openai.AuthenticationError, match="X-LLMFlow-Key"):
                await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        async with AsyncAnthropic(base_url=url, api_key="sk-ant", max_retries=0) as other:
            with pytest.raises(anthropic.AuthenticationError, match="X-LLMFlow-Key"):
                await other.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=MESSAGES)
        headers = {"X-LLMFlow-Key": "key-of-team-a"}
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="sk", default_headers=headers) as client:
            await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert len(fake_provider.requests) == before + 1


async def test_a_listed_host_is_forwarded_to(fake_provider: FakeProvider, log_url: str, recorded: Recorded) -> None:
    host = httpx.URL(fake_provider.url).netloc.decode()
    settings = {"forward_url_allow": host, "openai_base_url": "http://unused.invalid/v1"}
    with proxy(fake_provider, log_url, openai_default_headers='{"x-secret": "configured"}', **settings) as url:
        headers = {FORWARD: f"{fake_provider.url}/v1", "Helicone-Auth": "Bearer mine"}
        assert (await post(url, headers)).status_code == 200
    seen = fake_provider.requests[-1]
    assert (seen.target, seen.header("x-secret"), seen.header("helicone-auth")) == ("/v1/chat/completions", None, None)
    span = await recorded.one()
    assert (span.model, span.provider) == ("gpt-4o", "openai")
    assert span.attributes["server.address"] == "127.0.0.1"


async def test_a_listed_network_is_forwarded_to(fake_provider: FakeProvider, log_url: str) -> None:
    port = httpx.URL(fake_provider.url).port
    with proxy(fake_provider, log_url, forward_url_allow="127.0.0.0/8") as url:
        for host in ("127.0.0.1", "localhost"):
            answer = await post(url, {FORWARD: f"http://{host}:{port}/v1"})
            assert (host, answer.status_code) == (host, 200)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "0"],
)
async def test_what_is_inside_is_out_of_reach(fake_provider: FakeProvider, log_url: str, host: str) -> None:
    """However it is written: the operating system takes all of these for this machine."""
    port = httpx.URL(fake_provider.url).port
    before = len(fake_provider.requests)
    with proxy(fake_provider, log_url) as url:
        answer = await post(url, {FORWARD: f"http://{host}:{port}/v1"})
    assert answer.status_code in (400, 403)
    assert "x-llmflow-forward-url" in answer.json()["error"]["message"].lower()
    assert len(fake_provider.requests) == before


async def test_a_name_that_changes_its_meaning_does_not_pass(
    fake_provider: FakeProvider, log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: whatever the name stood for when somebody looked, the address that is connected to counts."""
    asked = 0

    async def rebinding(self: Any, host: str, port: int, traces: Any = None) -> Any:
        nonlocal asked
        asked += 1
        address = {"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 6, "flags": 0}
        return [address]

    monkeypatch.setattr("aiohttp.TCPConnector._resolve_host", rebinding)
    before = len(fake_provider.requests)
    port = httpx.URL(fake_provider.url).port
    with proxy(fake_provider, log_url) as url:
        answer = await post(url, {FORWARD: f"http://harmless.example:{port}/v1"})
        assert (await post(url)).status_code == 200
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "upstream_refused")
    assert asked == 2
    assert len(fake_provider.requests) == before + 1


async def test_a_redirect_inside_is_passed_on_and_not_followed(fake_provider: FakeProvider, log_url: str) -> None:
    host = httpx.URL(fake_provider.url).netloc.decode()
    with proxy(fake_provider, log_url, forward_url_allow=host) as url:
        headers = {FORWARD: fake_provider.url, "x-fake": "status=307&location=http://169.254.169.254/"}
        answer = await post(url, headers, "/v1/echo")
    assert (answer.status_code, answer.headers["location"]) == (307, "http://169.254.169.254/")


async def test_credentials_in_a_forward_url_are_refused_and_forgotten(
    fake_provider: FakeProvider, log_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with proxy(fake_provider, log_url) as url:
        answer = await post(url, {FORWARD: "https://user:canary-5up3r@gateway.example/v1"})
    assert (answer.status_code, "canary" in answer.text, "canary" in caplog.text) == (400, False, False)


async def test_a_request_says_how_much_of_it_is_recorded(
    fake_provider: FakeProvider, log_url: str, recorded: Recorded
) -> None:
    with proxy(fake_provider, log_url) as url:
        await post(url, {"X-LLMFlow-Sample": "0"})
        await post(url, {"X-LLMFlow-Capture": "metadata"})
        await post(url, {"X-LLMFlow-Sample": "0", "x-fake": "status=429"})
    quiet, failed = await recorded.all(2)
    assert (quiet.content, quiet.model, failed.http_status) == ({}, "gpt-4o", 429)


async def raw(url: str, pieces: list[bytes]) -> bytes:
    """The answer to bytes that no client would send."""
    where = httpx.URL(url)
    reader, writer = await asyncio.open_connection(where.host, where.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    answer = b""
    try:
        while b"\r\n\r\n" not in answer and (more := await asyncio.wait_for(reader.read(65536), 60)):
            answer += more
    except ConnectionError:
        pass
    writer.close()
    return answer


START = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk\r\n"


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([START, b"x: y\r\n" * (MAX_HEADERS - 4), b"\r\n"], 200),
        ([START, b"x: y\r\n" * (MAX_HEADERS + 1), b"\r\n"], 431),
        ([START, b"x: ", b"y" * MAX_HEAD_BYTES, b"\r\n\r\n"], 431),
        ([START, b"x: " + b"y" * 10_000 + b"\r\n\r\n"], 200),
        ([START, b"x: ", *[b"y" * 65536] * 40], 431),
        ([b"GET /", *[b"y" * 65536] * 40], 431),
        ([START, *[b"x: y\r\n" * 10_000] * 20], 431),
        ([b"nonsense\r\n\r\n"], 400),
        ([START, b"upgrade: websocket\r\nconnection: upgrade\r\n\r\n"], 501),
        ([b"GET *@127.0.0.1/v1/models HTTP/1.1\r\nhost: x\r\nx-llmflow-provider: anthropic\r\n\r\n"], 404),
        ([START, b"upgrade: h2c\r\nconnection: upgrade\r\n\r\n"], 200),
    ],
)
async def test_heads_that_are_refused(
    fake_provider: FakeProvider, log_url: str, pieces: list[bytes], status: int
) -> None:
    app = create_app(ProxySettings(bus_url=log_url, openai_base_url=f"{fake_provider.url}/v1"))
    with BackgroundServer(app, http=LimitedHttpProtocol) as server:
        answer = await raw(server.url, pieces)
    # Who is still sending when the connection is closed may lose the answer.
    assert answer.startswith(b"HTTP/1.1 %d " % status) or (status == 431 and not answer)


async def test_a_slow_reader_holds_up_its_own_upstream_and_nothing_else(log_url: str) -> None:
    """The proxy takes no more from the provider than the caller takes from it, but for a few buffers."""
    sent = 0
    piece = bytes(65536)

    async def provider(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\nconnection: close\r\n\r\n")
        try:
            for _ in range(3200):
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(provider, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    with BackgroundServer(create_app(ProxySettings(bus_url=log_url, openai_base_url=f"http://{host}:{port}/v1"))) as at:
        where = httpx.URL(at.url)
        reader, writer = await asyncio.open_connection(where.host, where.port, limit=65536)
        writer.write(b"GET /v1/files/f/content HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")

        seen = [0]

        async def stalled() -> bool:
            seen.append(sent)
            return 0 < seen[-2] == seen[-1]

        await eventually(stalled, within=30, every=0.3)
        assert sent < 40 << 20
        received = 0
        while chunk := await reader.read(1 << 20):
            received += len(chunk)
        writer.close()
    server.close()
    assert received >= sent == 3200 * 65536


async def test_connections_to_providers_are_limited(log_url: str) -> None:
    """Every call waits for the connection of the one before."""
    active = most = 0

    async def provider(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal active, most
        await reader.readuntil(b"\r\n\r\n")
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.1)
        active -= 1
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(provider, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    settings = ProxySettings(bus_url=log_url, openai_base_url=f"http://{host}:{port}/v1", upstream_connections=1)
    with BackgroundServer(create_app(settings)) as at:
        async with httpx.AsyncClient(base_url=at.url, headers=AUTH, trust_env=False) as client:
            answers = await asyncio.gather(*(client.get("/v1/models") for _ in range(4)))
    server.close()
    assert [answer.status_code for answer in answers] == [200] * 4
    assert most == 1
