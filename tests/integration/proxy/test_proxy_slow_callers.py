"""Callers that never end a request, or do not read the answer, on a proxy whose patience is short."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from prometheus_client import REGISTRY

from llmflow_core.http_protocol import protocol_with
from llmflow_core.serving import GRACE_SECONDS, Patience
from llmflow_proxy.app import create_app
from llmflow_proxy.settings import ProxySettings
from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port
from llmflow_testkit.providers import BackgroundServer, FakeProvider

from .conftest import Recorded

PATIENCE = 0.3
#: Where a caller must not be cut off, though this process may stand still for a while on a machine that is busy.
LONG_PATIENCE = 2.0
MODELS = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk\r\n"
UPLOAD = b"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk\r\ncontent-length: %d\r\n\r\n"
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk\r\ncontent-length: 2\r\n\r\n{}"
EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "%b"}}]}\n\n' % (b"word " * 2000)


def impatient(provider_url: str, log_url: str, patience: float = PATIENCE) -> BackgroundServer:
    settings = ProxySettings(
        bus_url=log_url,
        openai_base_url=f"{provider_url}/v1",
        capture_buffer_size=1 << 20,
        caller_send_timeout=patience,
        caller_read_timeout=patience,
    )
    return BackgroundServer(create_app(settings), http=protocol_with(Patience(patience, patience, patience)))


@pytest.fixture
def impatient_url(fake_provider: FakeProvider, log_url: str) -> Iterator[str]:
    with impatient(fake_provider.url, log_url) as server:
        yield server.url


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """One that takes in little before it is read: a caller's system would hide for long that nobody reads."""
    where = httpx.URL(url)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (where.host, where.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=4 << 10)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


@dataclass
class Streaming:
    """A provider that answers one request a connection, with a stream of so many events."""

    events: int
    url: str = ""
    #: The proxy has cut a connection in the middle.
    cut: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n{}")
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n"
            writer.write(head % (self.events * len(EVENT)))
            for _ in range(self.events):
                writer.write(EVENT)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.cut.set()
        finally:
            writer.close()


@asynccontextmanager
async def streaming(events: int) -> AsyncIterator[Streaming]:
    provider = Streaming(events)
    server = await asyncio.start_server(provider.answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    provider.url = f"http://{host}:{port}"
    try:
        yield provider
    finally:
        server.close()


def cut_off(waited_for: str) -> float:
    return REGISTRY.get_sample_value("llmflow_http_slow_clients_total", {"waited_for": waited_for}) or 0


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
        assert await asyncio.wait_for(reader.read(), 60) == b""


async def test_a_second_head_that_does_not_come_ends_the_connection(impatient_url: str) -> None:
    async with connection(impatient_url) as (reader, writer):
        writer.write(MODELS + b"\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200 ")
        assert await is_open(reader, seconds=2 * PATIENCE)
        writer.write(MODELS)
        assert await asyncio.wait_for(reader.read(), 60) == b""


async def test_a_slow_answer_is_nobodys_silence(impatient_url: str) -> None:
    async with connection(impatient_url) as (reader, writer):
        writer.write(MODELS + b"x-fake: first_delay=%.1f\r\n\r\n" % (3 * PATIENCE))
        assert (await asyncio.wait_for(answer(reader), 60)).startswith(b"HTTP/1.1 200 ")


async def test_a_body_may_take_long_as_long_as_it_comes(fake_provider: FakeProvider, log_url: str) -> None:
    with impatient(fake_provider.url, log_url, LONG_PATIENCE) as proxy:
        async with connection(proxy.url) as (reader, writer):
            writer.write(MODELS.replace(b"GET /v1/models", b"POST /v1/echo") + b"content-length: 6\r\n\r\n")
            for number in range(6):
                assert await is_open(reader, seconds=LONG_PATIENCE / 5)
                writer.write(b"%d" % number)
            assert (await asyncio.wait_for(answer(reader), 60)).startswith(b"HTTP/1.1 200 ")


async def test_a_body_that_stops_is_recorded_with_who_was_slow(impatient_url: str, recorded: Recorded) -> None:
    before = cut_off("body")
    async with connection(impatient_url) as (reader, writer):
        writer.write(UPLOAD % 100 + b"{")
        await asyncio.wait_for(reader.read(), 60)
    span = await recorded.one()
    assert (span.error_type, span.status_message) == (
        "caller_timeout",
        "the caller stopped sending its request for 0.3 s",
    )
    assert ("llmflow.cancelled" in span.attributes, cut_off("body") - before) == (False, 1)


async def test_a_caller_that_does_not_read_ends_the_exchange(log_url: str, recorded: Recorded) -> None:
    """Its upstream connection is closed, the record says who was slow, and the next one finds all room for itself."""
    before = cut_off("answer")
    async with streaming(10_000) as provider:
        with impatient(provider.url, log_url, LONG_PATIENCE) as proxy:
            async with connection(proxy.url) as (_, writer):
                writer.write(CHAT)
                (span,) = await recorded.all(1)
                await asyncio.wait_for(provider.cut.wait(), 60)
                assert (span.error_type, span.http_status) == ("caller_timeout", 200)
                assert span.status_message == f"the caller did not read its answer for {LONG_PATIENCE:g} s"
                assert span.attributes["llmflow.response.truncated"] is True
                assert cut_off("answer") - before == 1
            provider.events = 50
            async with connection(proxy.url) as (reader, writer):
                writer.write(CHAT)
                await answer(reader)
            _, span = await recorded.all(2)
            assert (span.status, "llmflow.response.truncated" in span.attributes) == ("unset", False)


async def test_a_caller_that_reads_slowly_gets_everything(log_url: str, recorded: Recorded) -> None:
    async with streaming(500) as provider:
        with impatient(provider.url, log_url, LONG_PATIENCE) as proxy:
            async with connection(proxy.url) as (reader, writer):
                writer.write(CHAT)
                await reader.readuntil(b"\r\n\r\n")
                left, begin = 500 * len(EVENT), asyncio.get_running_loop().time()
                while left:
                    left -= len(await reader.readexactly(min(left, 512 << 10)))
                    reading = asyncio.Event()
                    asyncio.get_running_loop().call_later(LONG_PATIENCE / 8, reading.set)
                    await reading.wait()
                assert asyncio.get_running_loop().time() - begin > LONG_PATIENCE
            assert (await recorded.one()).status == "unset"


async def test_a_slow_provider_is_not_the_callers_silence(log_url: str) -> None:
    """A caller that cannot send because the provider does not read is waited for."""
    size = 64 << 20
    upload = UPLOAD % size + bytes(size)
    read = asyncio.Event()

    async def provider(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await read.wait()
        await reader.readexactly(size)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(provider, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    with impatient(f"http://{host}:{port}", log_url, LONG_PATIENCE) as proxy:
        async with connection(proxy.url) as (reader, writer):
            writer.write(upload)
            assert await is_open(reader, seconds=1.2 * LONG_PATIENCE)
            read.set()
            assert (await asyncio.wait_for(answer(reader), 60)).startswith(b"HTTP/1.1 200 ")
    server.close()


async def test_the_settings_reach_the_server(fake_provider: FakeProvider, log_url: str) -> None:
    """In a process of its own, as `llmflow up` starts it, and below gunicorn."""

    async def cut_off_by_a_process(workers: int) -> None:
        port = free_port()
        environment = {
            **os.environ,
            "LLMFLOW_BUS_URL": log_url,
            "LLMFLOW_HOST": "127.0.0.1",
            "LLMFLOW_WORKERS": str(workers),
            "LLMFLOW_CALLER_SEND_TIMEOUT": str(PATIENCE),
            "LLMFLOW_STOP_TIMEOUT": "1",
            "PROXY_PORT": str(port),
            "OPENAI_BASE_URL": f"{fake_provider.url}/v1",
        }
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "llmflow_proxy", env=environment)

        async def body_owed() -> bool:
            try:
                async with connection(f"http://127.0.0.1:{port}") as (reader, writer):
                    writer.write(UPLOAD % 100)
                    return await asyncio.wait_for(reader.read(), 60) == b""
            except ConnectionError:
                return False

        async def in_flight() -> bool:
            return str(workers) in [request.header("x-request-id") for request in fake_provider.requests]

        try:
            assert await eventually(body_owed, within=60)
            async with connection(f"http://127.0.0.1:{port}") as (_, writer):
                writer.write(MODELS + b"x-fake: first_delay=60\r\nx-request-id: %d\r\n\r\n" % workers)
                assert await eventually(in_flight, within=60)
                process.terminate()
                await asyncio.wait_for(process.wait(), GRACE_SECONDS - 5)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    await asyncio.gather(cut_off_by_a_process(0), cut_off_by_a_process(1))
