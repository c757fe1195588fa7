"""The floor below LLMFlow: an ASGI callable that forwards to one upstream, and neither records nor checks anything."""

from __future__ import annotations

import importlib
import os
from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx

from llmflow_proxy.transport import AiohttpTransport

_UPSTREAM = httpx.URL(os.environ.get("BENCH_UPSTREAM", "http://127.0.0.1:9"))
_UNLIMITED = httpx.Limits(max_connections=None, max_keepalive_connections=None)
_DROPPED = frozenset((b"host", b"connection", b"transfer-encoding"))


def _httpx_aiohttp() -> httpx.AsyncBaseTransport:
    transport = importlib.import_module("httpx_aiohttp").AiohttpTransport
    return cast(httpx.AsyncBaseTransport, transport(limits=_UNLIMITED))


def _pyreqwest() -> httpx.AsyncBaseTransport:
    client = importlib.import_module("pyreqwest.client").ClientBuilder().build()
    return cast(
        httpx.AsyncBaseTransport, importlib.import_module("pyreqwest.compatibility.httpx").HttpxTransport(client)
    )


def _httpx() -> httpx.AsyncBaseTransport:
    return httpx.AsyncHTTPTransport(limits=_UNLIMITED)


TRANSPORTS: dict[str, Callable[[], httpx.AsyncBaseTransport]] = {
    "own": AiohttpTransport,
    "httpx": _httpx,
    "httpx-aiohttp": _httpx_aiohttp,
    "pyreqwest": _pyreqwest,
}
_transport: httpx.AsyncBaseTransport | None = None


async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """The ASGI application."""
    global _transport
    if scope["type"] == "lifespan":
        await receive()
        _transport = TRANSPORTS[os.environ["BENCH_TRANSPORT"]]()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await _transport.aclose()
        await send({"type": "lifespan.shutdown.complete"})
        return
    assert _transport is not None
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    request = httpx.Request(
        scope["method"],
        _UPSTREAM.copy_with(raw_path=scope["raw_path"]) if "raw_path" in scope else _UPSTREAM.join(scope["path"]),
        headers=[(b"host", _UPSTREAM.netloc), *(item for item in scope["headers"] if item[0] not in _DROPPED)],
        stream=httpx.ByteStream(b"".join(pieces)),
        extensions={"timeout": {"connect": 10, "read": 600}},
    )
    response = await _transport.handle_async_request(request)
    headers = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in _DROPPED]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    async for chunk in response.stream:  # type: ignore[union-attr]
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    await response.aclose()
