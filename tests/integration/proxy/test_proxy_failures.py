"""Callers that leave, providers that fail, a log that is away, a recorder that breaks: the exchange comes first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from llmflow_bus import Bus, open_bus
from llmflow_core.content import conversation
from llmflow_core.errors import Retryable
from llmflow_proxy import span as span_module
from llmflow_proxy.app import create_app
from llmflow_proxy.publisher import DROPPED
from llmflow_proxy.settings import ProxySettings
from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port
from llmflow_testkit.providers import BackgroundServer, FakeProvider, ReceivedRequest

from .conftest import Recorded

AUTH = {"authorization": "Bearer sk-test"}
MESSAGES: Any = [{"role": "user", "content": "Why?"}]
CHAT = {"model": "gpt-4o", "messages": MESSAGES, "stream": True}


@pytest.fixture
async def client(proxy_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=proxy_url, headers=AUTH, trust_env=False, timeout=30) as client:
        yield client


async def aborted(fake_provider: FakeProvider, mark: str) -> ReceivedRequest:
    """The provider's view of the request that carries `mark`, once its client has left."""

    async def gone() -> ReceivedRequest | None:
        found = [request for request in fake_provider.requests if request.header("x-mark") == mark]
        return found[0] if found and found[0].aborted and found[0].done else None

    request = await eventually(gone, within=30)
    assert request is not None
    return request


async def test_a_caller_that_leaves_ends_the_stream_upstream(
    client: httpx.AsyncClient, fake_provider: FakeProvider, recorded: Recorded
) -> None:
    headers = {"x-fake": "words=10000&delay=0.01", "x-mark": "left-streaming"}
    async with client.stream("POST", "/v1/chat/completions", json=CHAT, headers=headers) as response:
        chunks = response.aiter_raw()
        for _ in range(5):
            await anext(chunks)
    await aborted(fake_provider, "left-streaming")
    span = await recorded.one()
    assert (span.attributes["llmflow.cancelled"], span.status, span.http_status) == (True, "unset", 200)
    (part,) = conversation(span).output[0].parts
    assert (part.text or "").startswith("the quick brown")


async def test_a_caller_that_leaves_before_the_answer(
    client: httpx.AsyncClient, fake_provider: FakeProvider, recorded: Recorded
) -> None:
    headers = {"x-fake": "first_delay=60", "x-mark": "left-early"}
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/v1/chat/completions", json=CHAT, headers=headers, timeout=0.5)
    await aborted(fake_provider, "left-early")
    span = await recorded.one()
    assert (span.attributes["llmflow.cancelled"], span.model, span.http_status) == (True, "gpt-4o", None)


async def test_a_caller_that_leaves_while_sending(
    proxy_url: str, fake_provider: FakeProvider, recorded: Recorded
) -> None:
    url = httpx.URL(proxy_url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = ["POST /v1/files HTTP/1.1", "Host: x", "Authorization: Bearer sk", "X-Mark: left-sending"]
    writer.write("\r\n".join([*head, "Content-Length: 9000000", "", ""]).encode() + bytes(1_000_000))
    await writer.drain()
    writer.close()
    await aborted(fake_provider, "left-sending")
    span = await recorded.one()
    assert (span.attributes["llmflow.cancelled"], span.status) == (True, "unset")


async def test_a_stream_that_breaks_off_is_recorded(client: httpx.AsyncClient, recorded: Recorded) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post("/v1/chat/completions", json=CHAT, headers={"x-fake": "words=20&cut=8&delay=0.01"})
    span = await recorded.one()
    assert (span.status, span.error_type, span.http_status) == ("error", "connection_closed", 200)
    assert (conversation(span).output[0].parts[0].text or "").startswith("the quick")


async def test_an_unreachable_provider(log_url: str, recorded: Recorded) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    settings = ProxySettings(bus_url=log_url, openai_base_url=f"{nowhere}/v1", anthropic_base_url=nowhere)
    with BackgroundServer(create_app(settings)) as proxy:
        async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="sk-canary", max_retries=0) as openai_client:
            with pytest.raises(openai.InternalServerError, match="cannot connect to") as failed:
                await openai_client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
            assert (failed.value.status_code, failed.value.code) == (502, "upstream_unreachable")
        async with AsyncAnthropic(base_url=proxy.url, api_key="sk-canary", max_retries=0) as anthropic_client:
            with pytest.raises(anthropic.InternalServerError, match="cannot connect") as refused:
                await anthropic_client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=MESSAGES)
            body: Any = refused.value.body
            assert (refused.value.status_code, body["type"], body["error"]["type"]) == (502, "error", "api_error")
    for span in await recorded.all(2):
        assert (span.status, span.error_type, span.http_status) == ("error", "connection_error", 502)
        assert "cannot connect" in span.status_message


async def test_a_provider_that_is_too_slow(log_url: str, fake_provider: FakeProvider, recorded: Recorded) -> None:
    settings = ProxySettings(bus_url=log_url, openai_base_url=f"{fake_provider.url}/v1", read_timeout=0.3)
    with BackgroundServer(create_app(settings)) as proxy:
        async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="sk", max_retries=0) as client:
            with pytest.raises(openai.InternalServerError) as failed:
                await client.chat.completions.create(
                    model="gpt-4o", messages=MESSAGES, extra_headers={"x-fake": "first_delay=60"}
                )
            assert (failed.value.status_code, failed.value.code) == (504, "upstream_timeout")
    span = await recorded.one()
    assert (span.error_type, span.http_status) == ("timeout", 504)


async def test_an_answer_that_comes_before_the_request_is_through(log_url: str, recorded: Recorded) -> None:
    """As a provider does that finds the body too large: it answers and takes in the rest only then."""

    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 9\r\n\r\ntoo large")
        while await reader.read(65536):
            pass
        writer.close()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(2000):
            yield bytes(65536)
            await asyncio.sleep(0)

    provider = await asyncio.start_server(impatient, "127.0.0.1", 0)
    host, port = provider.sockets[0].getsockname()
    settings = ProxySettings(bus_url=log_url, openai_base_url=f"http://{host}:{port}/v1")
    with BackgroundServer(create_app(settings)) as proxy:
        async with httpx.AsyncClient(base_url=proxy.url, trust_env=False, timeout=30) as client:
            answer = await client.post("/v1/files", content=endless())
    provider.close()
    assert (answer.status_code, answer.text) == (413, "too large")
    assert (await recorded.one()).http_status == 413


class AbsentLog:
    """A log that cannot be reached until `back` is set, then the real one."""

    def __init__(self, real: Bus) -> None:
        self.real = real
        self.back = False
        self.attempts = 0

    async def producer(self) -> Any:
        self.attempts += 1
        if not self.back:
            raise Retryable("connection refused")
        return await self.real.producer()

    async def close(self) -> None:
        await self.real.close()


async def test_the_log_is_away_and_comes_back(log_url: str, fake_provider: FakeProvider, recorded: Recorded) -> None:
    log: Any = AbsentLog(open_bus(log_url))
    settings = ProxySettings(openai_base_url=f"{fake_provider.url}/v1")
    with BackgroundServer(create_app(settings, bus=log)) as proxy:
        async with httpx.AsyncClient(base_url=proxy.url, headers=AUTH, trust_env=False) as client:
            for _ in range(5):
                assert (await client.post("/v1/chat/completions", json=CHAT)).status_code == 200
            assert (await client.get("/readyz")).status_code == 200

            async def tried() -> bool:
                return bool(log.attempts)

            await eventually(tried, within=30)
            assert recorded.spans == []
            log.back = True
            await recorded.all(5)


async def test_a_broken_recorder_harms_nobody(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, recorded: Recorded
) -> None:
    def broken(*_: object) -> Any:
        raise RuntimeError("a bug")

    before = DROPPED.labels("unreadable")._value.get()

    async def counted() -> bool:
        return bool(DROPPED.labels("unreadable")._value.get() == before + 1)

    with monkeypatch.context() as patch:
        patch.setattr(span_module, "build", broken)
        answer = await client.post("/v1/chat/completions", json=CHAT)
        await eventually(counted, within=60)
    assert (answer.status_code, answer.text.endswith("data: [DONE]\n\n")) == (200, True)
    await client.post("/v1/chat/completions", json={**CHAT, "model": "after"})
    assert (await recorded.one()).model == "after"


async def test_bodies_that_the_reader_chokes_on_still_give_a_span(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, recorded: Recorded
) -> None:
    def broken(*_: object) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(span_module, "_answer", broken)
    assert (await client.post("/v1/chat/completions", json=CHAT)).status_code == 200
    span = await recorded.one()
    assert (span.attributes["llmflow.unreadable"], span.http_status) == (True, 200)


async def test_stopping_finishes_what_is_in_flight(
    log_url: str, fake_provider: FakeProvider, recorded: Recorded
) -> None:
    settings = ProxySettings(bus_url=log_url, openai_base_url=f"{fake_provider.url}/v1")
    with BackgroundServer(create_app(settings)) as proxy:
        async with (
            httpx.AsyncClient(base_url=proxy.url, headers=AUTH, trust_env=False) as client,
            client.stream("POST", "/v1/chat/completions", json=CHAT, headers={"x-fake": "words=8&delay=0.1"}) as answer,
        ):
            chunks = answer.aiter_lines()
            await anext(chunks)
            stopping = asyncio.create_task(asyncio.to_thread(proxy.stop))
            rest = [line async for line in chunks if line]
        await stopping
    assert rest[-1] == "data: [DONE]"
    said = "".join(json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in rest[:-1])
    assert conversation(await recorded.one()).output[0].parts[0].text == said
