"""What the caller sees through the proxy is what it would have seen without: compared byte by byte on raw sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from llmflow_core.content import conversation
from llmflow_proxy.app import create_app
from llmflow_proxy.settings import ProxySettings
from llmflow_testkit.providers import BackgroundServer, FakeProvider, ReceivedRequest

from .conftest import Recorded

#: Values that the fakes make anew for each answer.
VOLATILE = ("date", "x-request-id", "request-id", "anthropic-ratelimit")
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Why “so”?"}]}
MESSAGE = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Why?"}]}
AUTH = {"Authorization": "Bearer sk-test", "x-api-key": "sk-ant-test"}
ANTHROPIC = {**AUTH, "anthropic-version": "2023-06-01"}


async def raw_exchange(
    url: str, method: str, target: str, headers: dict[str, str], body: bytes
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Status line, headers as they came and body with its chunked framing taken off, without any client's help."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        head.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*head, "", ""]).encode("latin-1") + body)
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    await writer.wait_closed()
    top, _, rest = answer.partition(b"\r\n\r\n")
    status, *lines = top.decode("latin-1").split("\r\n")
    fields = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    if ("transfer-encoding", "chunked") in fields:
        rest = _dechunked(rest)
    return status, fields, rest


def _dechunked(body: bytes) -> bytes:
    pieces = []
    while body:
        size, _, body = body.partition(b"\r\n")
        pieces.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return b"".join(pieces)


def steady(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers in their order, the values that change left out."""
    return [(name, "*" if name.startswith(VOLATILE) else value) for name, value in fields]


def without_ids(body: bytes) -> bytes:
    """The body with what the fakes make anew for each answer blanked."""
    try:
        document = json.loads(body)
    except ValueError:
        return b"\n".join(_blank(line) for line in body.split(b"\n"))
    return json.dumps(_blanked(document)).encode()


def _blank(line: bytes) -> bytes:
    if not line.startswith(b"data: {"):
        return line
    return b"data: " + json.dumps(_blanked(json.loads(line[6:]))).encode()


def _blanked(value: Any) -> Any:
    if isinstance(value, dict):
        volatile = ("id", "created", "request_id", "created_at")
        return {name: "*" if name in volatile else _blanked(item) for name, item in value.items()}
    return [_blanked(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("POST", "/v1/chat/completions", AUTH, CHAT),
        ("POST", "/v1/chat/completions", AUTH, {**CHAT, "stream": True, "stream_options": {"include_usage": True}}),
        ("POST", "/v1/chat/completions", {**AUTH, "x-fake": "words=20000"}, CHAT),
        ("POST", "/v1/chat/completions", {**AUTH, "x-fake": "status=429"}, CHAT),
        ("POST", "/v1/chat/completions", {**AUTH, "x-fake": "encoding=gzip"}, CHAT),
        ("POST", "/v1/chat/completions", {**AUTH, "x-fake": "encoding=deflate"}, {**CHAT, "stream": True}),
        ("POST", "/v1/chat/completions", {**AUTH, "x-fake": "cut=3"}, {**CHAT, "stream": True}),
        ("POST", "/v1/chat/completions", {}, CHAT),
        ("POST", "/v1/messages", ANTHROPIC, MESSAGE),
        ("POST", "/v1/messages", ANTHROPIC, {**MESSAGE, "stream": True}),
        ("POST", "/v1/messages", {**ANTHROPIC, "x-fake": "status=529"}, MESSAGE),
        ("GET", "/v1/models", AUTH, None),
        ("HEAD", "/v1/models", AUTH, None),
        ("OPTIONS", "/v1/echo", {"Origin": "https://app.example"}, None),
        ("PATCH", "/v1/echo", {"x-fake": "status=204"}, {"a": 1}),
        ("GET", "/v1/echo", {"x-fake": "status=304", "If-None-Match": '"fake"'}, None),
        ("GET", "/v1/echo", {"x-fake": "status=307&location=https://elsewhere.example/x?y=1"}, None),
        ("POST", "/v1/nothing/here?a=%2F&b", AUTH, {"a": 1}),
    ],
)  # fmt: skip
async def test_the_answer_is_the_same(
    proxy_url: str, fake_provider: FakeProvider, method: str, target: str, headers: dict[str, str], body: Any
) -> None:
    content = json.dumps(body).encode() if body else b""
    direct = await raw_exchange(fake_provider.url, method, target, headers, content)
    proxied = await raw_exchange(proxy_url, method, target, headers, content)
    assert proxied[0] == direct[0]
    if "encoding" in headers.get("x-fake", ""):
        # Compressed sizes differ by the ids inside; what arrives must be compressed and say the same.
        assert [name for name, _ in proxied[1]] == [name for name, _ in direct[1]]
        assert proxied[2][:2] == direct[2][:2]
    else:
        assert steady(proxied[1]) == steady(direct[1])
        assert without_ids(proxied[2]) == without_ids(direct[2])


async def test_the_request_arrives_as_it_was_sent(proxy_url: str, fake_provider: FakeProvider) -> None:
    target = "/v1/echo?a=%7Eb&c=d+e&&empty=&f=%2F%c3%a4"
    headers = {
        "X-Twice": "one",
        "x-twice": "two",
        "X-Emoji": "naïve ☂".encode().decode("latin-1"),
        "Accept-Encoding": "gzip;q=0.5",
        "TE": "trailers",
        "Connection": "close, x-hop",
        "X-Hop": "dropped",
        "Helicone-Auth": "Bearer not-for-openai",
    }
    body = b'\x00\xff{"not": json'
    _, _, answer = await raw_exchange(proxy_url, "PUT", target, headers, body)
    seen = json.loads(answer)
    request = _last(fake_provider, "/v1/echo")
    assert (seen["method"], seen["target"], request.body) == ("PUT", target, body)
    sent = [(name, value) for name, value in request.headers if name != "host"]
    assert sent == [
        ("x-twice", "one"),
        ("x-twice", "two"),
        ("x-emoji", "naïve ☂".encode().decode("latin-1")),
        ("accept-encoding", "gzip;q=0.5"),
        ("content-length", str(len(body))),
    ]
    assert request.header("host") == urlsplit(fake_provider.url).netloc


async def test_a_request_without_headers_gets_none_added(proxy_url: str, fake_provider: FakeProvider) -> None:
    await raw_exchange(proxy_url, "GET", "/v1/echo?bare", {}, b"")
    assert [name for name, _ in _last(fake_provider, "/v1/echo?bare").headers] == ["host"]


def _last(fake_provider: FakeProvider, target: str) -> ReceivedRequest:
    return [request for request in fake_provider.requests if request.target.startswith(target)][-1]


async def test_chunks_arrive_as_they_are_sent(log_url: str) -> None:
    """The first event is there while the provider still holds the others back."""
    events = [b'data: {"choices": []}\n\n', b"data: [DONE]\n\n"]
    arrived = asyncio.Event()

    async def provider(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % sum(map(len, events)) + events[0])
        await arrived.wait()
        writer.write(events[1])
        while await reader.read(65536):
            pass
        writer.close()

    server = await asyncio.start_server(provider, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    settings = ProxySettings(bus_url=log_url, openai_base_url=f"http://{host}:{port}/v1")
    with BackgroundServer(create_app(settings)) as proxy:
        async with (
            httpx.AsyncClient(base_url=proxy.url, headers=AUTH, trust_env=False) as client,
            client.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as response,
        ):
            chunks = response.aiter_raw()
            assert await anext(chunks) == events[0]
            arrived.set()
            assert [chunk async for chunk in chunks] == events[1:]
    server.close()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("stream", [False, True])
async def test_compressed_bodies_are_recorded(proxy_url: str, recorded: Recorded, encoding: str, stream: bool) -> None:
    async with httpx.AsyncClient(base_url=proxy_url, trust_env=False) as client:
        answer = await client.post(
            "/v1/chat/completions",
            content=gzip.compress(json.dumps({**CHAT, "stream": stream}).encode()),
            headers={**AUTH, "content-encoding": "gzip", "x-fake": f"encoding={encoding}"},
        )
    assert answer.headers["content-encoding"] == encoding
    said = conversation(await recorded.one())
    assert said.input[0].parts[0].text == "Why “so”?"
    assert said.output[0].parts[0].text == "You said: Why “so”?"


async def test_prefixes_and_the_provider_header(proxy_url: str, recorded: Recorded) -> None:
    async with httpx.AsyncClient(base_url=proxy_url, headers=ANTHROPIC, trust_env=False) as client:
        for path, body in [("/openai/v1/chat/completions", CHAT), ("/anthropic/v1/messages", MESSAGE)]:
            assert (await client.post(path, json=body, headers={"x-fake": "words=2"})).status_code == 200
        named = await client.post("/v1/messages", json=MESSAGE, headers={"X-LLMFlow-Provider": "anthropic"})
        assert named.status_code == 200
        nobody = await client.post("/v1/messages", json=MESSAGE, headers={"X-LLMFlow-Provider": "nobody"})
        assert nobody.status_code == 400
        lost = await client.get("/somewhere")
        assert (lost.status_code, lost.json()["error"]["code"]) == (404, "llmflow_no_route")
    assert [span.provider for span in await recorded.all(3)] == ["openai", "anthropic", "anthropic"]


async def test_health(proxy_url: str) -> None:
    async with httpx.AsyncClient(base_url=proxy_url, trust_env=False) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        assert "llmflow_proxy_spans_dropped_total" in (await client.get("/metrics")).text
