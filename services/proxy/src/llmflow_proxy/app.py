"""The proxy as one bare ASGI callable: a framework in between would cost more than the proxy itself does."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx
import orjson

from llmflow_bus import Bus, open_bus
from llmflow_core.config import load_settings
from llmflow_core.errors import Rejected
from llmflow_core.health import PATHS as HEALTH_PATHS
from llmflow_core.health import health_app
from llmflow_core.telemetry import setup_logging
from llmflow_proxy import span
from llmflow_proxy.capture import RAW_FACTOR, Budget, Capture
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.providers import providers_of
from llmflow_proxy.publisher import DROPPED, Publisher
from llmflow_proxy.routes import Route, resolve
from llmflow_proxy.settings import ProxySettings
from llmflow_proxy.transport import AiohttpTransport
from llmflow_proxy.upstream import Receive, Send, forward

log = logging.getLogger(__name__)

#: How long a stopping proxy tries to hand its last spans to the log, in seconds.
_FLUSH_SECONDS = 10.0
#: Of an answer that nobody here understands only the error message is wanted.
_ERROR_BYTES = 64 << 10


def create_app(
    settings: ProxySettings, *, bus: Bus | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> Proxy:
    """The proxy; nothing is opened before its lifespan starts. `bus` and `transport` replace the real ones."""
    return Proxy(settings, bus, transport)


def from_environment() -> Proxy:
    """The proxy of this process' environment, for the server that loads it. Raises ConfigError."""
    settings = load_settings(ProxySettings)
    setup_logging("proxy", verbose=settings.verbose)
    return create_app(settings)


class Proxy:
    """The ASGI application."""

    def __init__(self, settings: ProxySettings, bus: Bus | None, transport: httpx.AsyncBaseTransport | None) -> None:
        self._settings = settings
        self._bus = bus
        self._transport_override = transport
        self._providers = providers_of(settings)
        self._budget = Budget(settings.capture_buffer_size)
        self._timeout = {"connect": settings.connect_timeout, "read": settings.read_timeout}
        # The proxy does its work while the log is away, so nothing outside this process makes it unready.
        self._health = health_app({})
        self._transport: httpx.AsyncBaseTransport
        self._publisher: Publisher

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["path"] in HEALTH_PATHS:
                await self._health(scope, receive, send)
            else:
                await self._exchange(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _exchange(self, scope: Any, receive: Receive, send: Send) -> None:
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            route = resolve(path, query, headers, self._providers, scope["method"])
        except Rejected as error:
            await _refuse(error, send)
            return
        exchange = self._begin(route, scope, path, query)
        try:
            await forward(exchange, receive, send, self._transport, self._timeout)
        finally:
            self._record(exchange)

    def _begin(self, route: Route, scope: Any, path: str, query: str) -> Exchange:
        limit = self._settings.max_response_size * RAW_FACTOR
        return Exchange(
            route=route,
            method=scope["method"],
            path=path,
            query=query,
            request_headers=list(scope["headers"]),
            request=Capture(limit if route.shape else 0, self._budget),
            response=Capture(limit if route.shape else _ERROR_BYTES, self._budget),
        )

    def _record(self, exchange: Exchange) -> None:
        """Build and hand over the span. Whatever goes wrong here is nobody's problem but the record's."""
        try:
            project, built = span.build(exchange, self._settings.max_response_size)
            self._publisher.offer(project, built)
        except Exception:
            DROPPED.labels("unreadable").inc()
            log.exception("%s %s was not recorded", exchange.method, exchange.path)
        finally:
            exchange.request.release()
            exchange.response.release()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await self._open(stack)
            except Exception as error:
                log.exception("the proxy cannot start")
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self, stack: AsyncExitStack) -> None:
        """Closed in reverse: no new upstream calls, then the last spans out, then the log."""
        bus = self._bus or open_bus(self._settings.bus_url)
        stack.push_async_callback(bus.close)
        self._publisher = Publisher(bus, capacity=self._settings.span_buffer_size, shrink=span.without_content)
        self._publisher.start()
        stack.push_async_callback(self._publisher.close, timeout=_FLUSH_SECONDS)
        self._transport = self._transport_override or AiohttpTransport()
        stack.push_async_callback(self._transport.aclose)


async def _refuse(error: Rejected, send: Send) -> None:
    """404 for a path that is no provider's, 400 for a wrong header, in the shape most clients print."""
    status = 404 if error.field == "path" else 400
    details: Mapping[str, str | None] = {
        "message": str(error),
        "type": "invalid_request_error",
        "code": "llmflow_no_route",
    }
    body = orjson.dumps({"error": details})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
