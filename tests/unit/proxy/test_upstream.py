"""Requests whose bodies come in pieces, and exchanges that the end of the process cuts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx
import orjson

from llmflow_proxy.capture import Budget, Capture
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.providers import providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings
from llmflow_proxy.upstream import forward

BODY = b'{"model": "gpt-4o", "messages": [], "headers": {"X-Trace-Id": "t"}}'


def chat(size: int) -> Exchange:
    """A chat completion whose body has so many bytes."""
    budget = Budget(1 << 20)
    return Exchange(
        route=resolve("/v1/chat/completions", "", {}, providers_of(ProxySettings())),
        method="POST",
        path="/v1/chat/completions",
        query="",
        request_headers=[(b"content-type", b"application/json"), (b"content-length", str(size).encode())],
        request=Capture(1 << 20, budget),
        response=Capture(1 << 20, budget),
    )


async def forwarded(pieces: Iterable[bytes], size: int, *, whole: bool = True) -> tuple[Exchange, list[httpx.Request]]:
    """What becomes of a chat completion whose caller sends these pieces, and leaves if they are not the `whole`."""
    received: list[httpx.Request] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        await request.aread()
        received.append(request)
        return httpx.Response(200, content=b"{}")

    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = not whole

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        pass

    exchange = chat(size)
    await forward(exchange, receive, send, httpx.MockTransport(answer), {})
    return exchange, received


async def test_headers_in_a_body_are_lifted_however_many_packets_it_comes_in() -> None:
    exchange, [request] = await forwarded([BODY[:10], b"", BODY[10:50], BODY[50:]], len(BODY))
    assert orjson.loads(request.content) == {"model": "gpt-4o", "messages": []}
    assert request.headers["content-length"] == str(len(request.content))
    assert dict(exchange.request_headers)[b"x-trace-id"] == b"t"
    assert exchange.request.head() == request.content


async def test_a_long_body_is_not_waited_for() -> None:
    exchange, [request] = await forwarded([BODY[:10], BODY[10:]], 257 << 10)
    assert request.content == exchange.request.head() == BODY


async def test_a_caller_that_leaves_in_the_middle_of_a_short_body_is_recorded() -> None:
    exchange, requests = await forwarded([BODY[:10], BODY[10:20]], len(BODY), whole=False)
    assert (exchange.failure, exchange.request.head(), requests) == ("cancelled", BODY[:20], [])


async def test_an_exchange_that_the_end_of_the_process_cuts_is_no_success() -> None:
    asked = asyncio.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        asked.set()
        await asyncio.Future()
        raise AssertionError

    messages = [{"type": "http.request", "body": BODY}]

    async def receive() -> Any:
        return messages.pop() if messages else await asyncio.Future()

    async def send(_: Any) -> None:
        pass

    exchange = chat(len(BODY))
    forwarding = asyncio.create_task(forward(exchange, receive, send, httpx.MockTransport(answer), {}))
    await asked.wait()
    forwarding.cancel()
    await asyncio.wait([forwarding])
    assert forwarding.cancelled()
    assert (exchange.failure, exchange.failure_message) == ("broken", "the proxy was stopped")
