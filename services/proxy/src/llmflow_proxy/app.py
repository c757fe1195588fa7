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
from llmflow_core.errors import Rejected, Retryable
from llmflow_core.garbage import collect_rarely
from llmflow_core.health import PATHS as HEALTH_PATHS
from llmflow_core.health import health_app
from llmflow_core.key_refresh import key_refresher
from llmflow_core.serving import WAITED_FOR
from llmflow_core.telemetry import setup_logging
from llmflow_proxy import span
from llmflow_proxy.capture import RAW_FACTOR, Budget, Capture
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.forward_url import FORWARD_HEADER, ForwardUrls
from llmflow_proxy.keys import Access, KeyRefused, own_key
from llmflow_proxy.policy import Policy
from llmflow_proxy.providers import providers_of
from llmflow_proxy.publisher import DROPPED, UNSAMPLED, Publisher
from llmflow_proxy.recorder import Recorder
from llmflow_proxy.routes import ROUTING_HEADERS, Route, resolve
from llmflow_proxy.settings import ProxySettings
from llmflow_proxy.spool import Spool
from llmflow_proxy.transport import AiohttpTransport
from llmflow_proxy.upstream import Receive, Send, forward

log = logging.getLogger(__name__)

#: The request headers that are looked at before the request is forwarded.
_READ_HEADERS = frozenset(name.encode() for name in (*ROUTING_HEADERS, FORWARD_HEADER, "upgrade"))
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
    collect_rarely()
    return create_app(settings)


class Proxy:
    """The ASGI application."""

    def __init__(self, settings: ProxySettings, bus: Bus | None, transport: httpx.AsyncBaseTransport | None) -> None:
        self._settings = settings
        self._bus = bus
        self._transport_override = transport
        self._providers = providers_of(settings)
        self._budget = Budget(settings.capture_buffer_size)
        self._recorder = Recorder(self._record, self._budget)
        self._policy = Policy(settings.capture, settings.sample_ratio, settings.redact_patterns)
        self._keys = key_refresher(settings)
        self._access = Access(settings.proxy_keys, self._keys, required=settings.keys_required)
        self._forward_urls = ForwardUrls(settings.forward_url_allow)
        self._timeout = {"connect": settings.connect_timeout, "read": settings.read_timeout}
        self._impatience: dict[str | None, str] = {
            "body": f"the caller stopped sending its request for {settings.caller_send_timeout:g} s",
            "answer": f"the caller did not read its answer for {settings.caller_read_timeout:g} s",
        }
        # The proxy does its work while the log is away, so nothing outside this process makes it unready.
        self._health = health_app({}, problems={"log": lambda: self._publisher.trouble})
        self._transport: httpx.AsyncBaseTransport
        self._guarded_transport: httpx.AsyncBaseTransport
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
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _READ_HEADERS}
        transport, base_url = self._transport, None
        try:
            if FORWARD_HEADER in headers:
                upstream = self._forward_urls.upstream(headers[FORWARD_HEADER])
                base_url = upstream.base_url
                transport = self._guarded_transport if upstream.guarded else transport
            route = resolve(path, query, headers, self._providers, scope["method"], base_url)
        except Rejected as error:
            await _refuse(error, send)
            return
        if headers.get("upgrade", "").lower() == "websocket":
            await _answer(501, route.provider.error_body(501, "LLMFlow proxy: WebSockets are not forwarded"), send)
            return
        exchange = self._begin(route, scope, path, query)
        try:
            key, exchange.request_headers = own_key(exchange.request_headers, query)
            exchange.project = await self._access.project(key)
        except (KeyRefused, Retryable) as error:
            await _refuse_key(route, error, send)
            return
        try:
            await forward(exchange, receive, send, transport, self._timeout)
        finally:
            if exchange.failure == "cancelled" and (message := self._impatience.get(scope.get(WAITED_FOR))):
                exchange.failure, exchange.failure_message = "caller_timeout", message
            self._recorder.add(exchange)

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
            built = span.build(exchange, self._settings.max_response_size, self._policy)
            if built is None:
                UNSAMPLED.inc()
            else:
                self._publisher.offer(*built)
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
        """Closed in reverse: no new upstream calls, then the last records and their spans out, then the log."""
        if self._keys is not None:
            await stack.enter_async_context(self._keys)
        bus = self._bus or open_bus(self._settings.bus_url)
        stack.push_async_callback(bus.close)
        self._publisher = Publisher(
            bus, capacity=self._settings.span_buffer_size, shrink=span.without_content, spool=self._spool()
        )
        self._publisher.start()
        stack.push_async_callback(self._publisher.close, timeout=_FLUSH_SECONDS)
        stack.callback(self._recorder.finish)
        connections = self._settings.upstream_connections
        self._transport = self._transport_override or AiohttpTransport(connections=connections)
        stack.push_async_callback(self._transport.aclose)
        self._guarded_transport = self._transport_override or AiohttpTransport(
            connections=connections, permits=self._forward_urls.permits
        )
        stack.push_async_callback(self._guarded_transport.aclose)

    def _spool(self) -> Spool | None:
        folder = self._settings.spool_dir
        return Spool(folder, capacity=self._settings.spool_size) if folder else None


async def _refuse(error: Rejected, send: Send) -> None:
    """404 for a path that is no provider's, 400 for a wrong header, in the shape most clients print."""
    status = 404 if error.field == "path" else 400
    details: Mapping[str, str | None] = {
        "message": str(error),
        "type": "invalid_request_error",
        "code": "llmflow_no_route",
    }
    await _answer(status, orjson.dumps({"error": details}), send)


async def _refuse_key(route: Route, error: KeyRefused | Retryable, send: Send) -> None:
    """401 or 403, or 503 when keys cannot be checked now, in the provider's error shape."""
    status = error.status if isinstance(error, KeyRefused) else 503
    await _answer(status, route.provider.error_body(status, f"LLMFlow proxy: {error}"), send)


async def _answer(status: int, body: bytes, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
