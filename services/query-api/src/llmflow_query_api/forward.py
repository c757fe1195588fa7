"""OTLP on the page's port: requests are passed on to the receiver as they are, and its answers back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from llmflow_core.errors import Retryable

#: OTLP's own paths, the places where clients of Langfuse and Opik expect them, and Zipkin's.
PATHS = [
    "/v1/traces",
    "/v1/metrics",
    "/v1/logs",
    "/otel/{path:path}",
    "/api/public/otel/{path:path}",
    "/api/v1/private/otel/{path:path}",
    "/api/v2/spans",
]
#: What concerns one connection only (RFC 9110, section 7.6.1); `host` names the receiver instead.
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)


class _ClientLeft(Exception):  # noqa: N818 - named after the event
    pass


def new_client() -> httpx.AsyncClient:
    """A client for `forward_app`: follows no redirect, obeys no proxy of the environment."""
    return httpx.AsyncClient(timeout=httpx.Timeout(60, connect=5), trust_env=False)


def forward_app(ingest_url: str, client: httpx.AsyncClient) -> ASGIApp:
    """An application that passes every request on to `ingest_url`, path and query unchanged, streaming both ways.

    Raises Retryable when the receiver cannot be reached.
    """
    base = ingest_url.rstrip("/").encode()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        request = httpx.Request(
            scope["method"],
            httpx.URL((base + scope["raw_path"] + query).decode("ascii")),
            headers=[(n, v) for n, v in scope["headers"] if n not in _HOP_BY_HOP and n != b"host"],
            content=_body(receive),
        )
        try:
            response = await client.send(request, stream=True)
        except _ClientLeft:
            return
        except httpx.TransportError as error:
            raise Retryable(f"the receiver does not answer: {error!r}") from error
        try:
            await _answer(response, send)
        finally:
            await response.aclose()

    return app


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientLeft
        if message["type"] == "http.request":
            yield message["body"]
            if not message.get("more_body"):
                return


async def _answer(response: httpx.Response, send: Send) -> None:
    headers = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in _HOP_BY_HOP]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    async for chunk in response.aiter_raw():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
