"""Callers that begin a request and never end it, on a proxy whose patience is short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from llmflow_core.http_protocol import LimitedHttpProtocol
from llmflow_proxy.app import create_app
from llmflow_proxy.settings import ProxySettings
from llmflow_testkit.providers import BackgroundServer, FakeProvider

from .conftest import Recorded

PATIENCE = 0.3
MODELS = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk\r\n"
UPLOAD = b"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk\r\ncontent-length: %d\r\n\r\n"


class ImpatientProtocol(LimitedHttpProtocol):
    head_seconds = PATIENCE
    silence_seconds = PATIENCE


@pytest.fixture
def impatient_url(fake_provider: FakeProvider, log_url: str) -> Iterator[str]:
    app = create_app(ProxySettings(bus_url=log_url, openai_base_url=f"{fake_provider.url}/v1"))
    with BackgroundServer(app, http=ImpatientProtocol) as server:
        yield server.url


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    where = httpx.URL(url)
    reader, writer = await asyncio.open_connection(where.host, where.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def is_open(reader: asyncio.StreamReader, *, seconds: float) -> bool:
    """Whether for so long nothing comes and nobody hangs up."""
    try:
        await asyncio.wait_for(reader.read(1), seconds)
    except TimeoutError:
        return True
    return False


async def answer(reader: asyncio.StreamReader) -> bytes:
    """A whole answer that states its length."""
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = (line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    return head + await reader.readexactly(int(length))


@pytest.mark.parametrize("piece", [b"", b"\r\n", b"GET /v1/mod", MODELS, UPLOAD % 100, UPLOAD % 100 + b"{"])
async def test_a_request_that_does_not_come_ends_the_connection(impatient_url: str, piece: bytes) -> None:
    async with connection(impatient_url) as (reader, writer):
        writer.write(piece)
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_a_second_head_that_does_not_come_ends_the_connection(impatient_url: str) -> None:
    async with connection(impatient_url) as (reader, writer):
        writer.write(MODELS + b"\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200 ")
        assert await is_open(reader, seconds=2 * PATIENCE)
        writer.write(MODELS)
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_a_slow_answer_is_nobodys_silence(impatient_url: str) -> None:
    async with connection(impatient_url) as (reader, writer):
        writer.write(MODELS + b"x-fake: first_delay=%.1f\r\n\r\n" % (3 * PATIENCE))
        assert (await asyncio.wait_for(answer(reader), 10)).startswith(b"HTTP/1.1 200 ")


async def test_a_body_may_take_long_as_long_as_it_comes(impatient_url: str) -> None:
    async with connection(impatient_url) as (reader, writer):
        writer.write(MODELS.replace(b"GET /v1/models", b"POST /v1/echo") + b"content-length: 6\r\n\r\n")
        for number in range(6):
            assert await is_open(reader, seconds=PATIENCE / 2)
            writer.write(b"%d" % number)
        assert (await asyncio.wait_for(answer(reader), 10)).startswith(b"HTTP/1.1 200 ")


async def test_a_body_that_stops_is_recorded_as_cancelled(impatient_url: str, recorded: Recorded) -> None:
    async with connection(impatient_url) as (reader, writer):
        writer.write(UPLOAD % 100 + b"{")
        await asyncio.wait_for(reader.read(), 10)
    assert (await recorded.one()).attributes["llmflow.cancelled"] is True


async def test_a_slow_provider_is_not_the_callers_silence(log_url: str) -> None:
    """A caller that cannot send because the provider does not read is waited for."""
    size = 64 << 20
    read = asyncio.Event()

    async def provider(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await read.wait()
        await reader.readexactly(size)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(provider, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    app = create_app(ProxySettings(bus_url=log_url, openai_base_url=f"http://{host}:{port}/v1"))
    with BackgroundServer(app, http=ImpatientProtocol) as proxy:
        async with connection(proxy.url) as (reader, writer):
            writer.write(UPLOAD % size + bytes(size))
            assert await is_open(reader, seconds=4 * PATIENCE)
            read.set()
            assert (await asyncio.wait_for(answer(reader), 10)).startswith(b"HTTP/1.1 200 ")
    server.close()
