"""The hot path: one request to the provider and its answer back, byte for byte, chunk by chunk."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache
from typing import Any, cast

import httpx

from llmflow_proxy import body_headers
from llmflow_proxy.correlation import is_own_header
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.providers import Provider
from llmflow_proxy.transport import AddressRefused

log = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

#: RFC 9110, 7.6.1, and what else concerns one connection only.
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding"
    b" upgrade http2-settings".split()
)
#: The server in front has dealt with Expect; Host names the upstream.
_NOT_UPSTREAM = _HOP_BY_HOP | {b"host", b"expect"}
#: A body of a known API that has no more is forwarded once it is there as a whole.
_SHORT_BYTES = 256 << 10


class CallerLeft(Exception):  # noqa: N818 - an event, not a fault
    """The caller closed the connection before its request was complete."""


async def forward(
    exchange: Exchange,
    receive: Receive,
    send: Send,
    transport: httpx.AsyncBaseTransport,
    timeout: dict[str, float],
) -> None:
    """Carry out the exchange and note in it what happened.

    A caller that leaves ends the upstream request. When the provider cannot be reached or breaks off before its answer
    began, the caller gets 502, when it is too slow 504, in the provider's error shape; when it breaks off later the
    caller's connection is cut, as a direct one would have been.
    """
    watch = _Watch(receive)
    try:
        # Comes first, for it may change the headers.
        body = await _request_body(exchange, receive, watch)
        request = httpx.Request(
            exchange.method,
            exchange.route.provider.base_url,
            headers=_request_headers(exchange.request_headers, exchange.route.provider),
            stream=body,
            extensions={"target": exchange.route.target.encode("latin-1"), "timeout": timeout},
        )
        response = await transport.handle_async_request(request)
        stream = cast(httpx.AsyncByteStream, response.stream)
        try:
            await _answer(exchange, response, stream, send)
        finally:
            await stream.aclose()
    except asyncio.CancelledError:
        if not watch.caller_left:
            exchange.failure, exchange.failure_message = "broken", "the proxy was stopped"
            raise
        asyncio.current_task().uncancel()  # type: ignore[union-attr]
        exchange.failure = "cancelled"
    except CallerLeft:
        exchange.failure = "cancelled"
    except Exception as error:
        if watch.caller_left:
            exchange.failure = "cancelled"
        else:
            await _fail(exchange, error, send)
    finally:
        watch.stop()
        exchange.ended = time.perf_counter_ns()


class _Watch:
    """Cancels the task that made it when the caller leaves. Reads the channel that the request body came on, so it
    must not be started before the body is through."""

    __slots__ = ("_exchange_task", "_receive", "_task", "caller_left")

    def __init__(self, receive: Receive) -> None:
        self.caller_left = False
        self._receive = receive
        self._exchange_task = asyncio.current_task()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._wait())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.caller_left = True
        if self._exchange_task is not None:
            self._exchange_task.cancel()


async def _request_body(exchange: Exchange, receive: Receive, watch: _Watch) -> httpx.AsyncByteStream:
    """The body in one piece when it is there at once, which most are, or short, else a stream that is never held as a
    whole. A short one may come in several packets, and headers in its last."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise CallerLeft
    body = message.get("body", b"")
    if message.get("more_body"):
        if exchange.route.shape is None or not _is_short(exchange.request_headers):
            return _Upload(body, exchange, receive, watch)
        body = await _gathered(body, exchange, receive)
    if exchange.route.shape is not None and body_headers.may_have_headers(body):
        exchange.request_headers, body = body_headers.lift(exchange.request_headers, body)
    exchange.request.add(body)
    watch.start()
    return httpx.ByteStream(body)


def _is_short(headers: Headers) -> bool:
    return any(name == b"content-length" and int(value) <= _SHORT_BYTES for name, value in headers)


async def _gathered(body: bytes, exchange: Exchange, receive: Receive) -> bytes:
    """The whole of a body that begins like this."""
    pieces = [body]
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            exchange.request.add(b"".join(pieces))
            raise CallerLeft
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


class _Upload(httpx.AsyncByteStream):
    def __init__(self, first: bytes, exchange: Exchange, receive: Receive, watch: _Watch) -> None:
        self._first = first
        self._exchange = exchange
        self._receive = receive
        self._watch = watch

    async def __aiter__(self) -> AsyncIterator[bytes]:
        message: dict[str, Any] = {"type": "http.request", "body": self._first, "more_body": True}
        while True:
            if message["type"] == "http.disconnect":
                self._watch.caller_left = True
                raise CallerLeft
            if body := message.get("body", b""):
                self._exchange.request.add(body)
                yield body
            if not message.get("more_body"):
                break
            message = await self._receive()
        self._watch.start()


async def _answer(exchange: Exchange, response: httpx.Response, stream: httpx.AsyncByteStream, send: Send) -> None:
    exchange.status = response.status_code
    exchange.response_headers = [(name.lower(), value) for name, value in response.headers.raw]
    headers = _response_headers(response.status_code, exchange.response_headers)
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    capture = exchange.response
    at_end = response.extensions.get("at_end", _never)
    async for chunk in stream:
        if exchange.first_byte is None:
            exchange.first_byte = time.perf_counter_ns()
        more = not at_end()
        await send({"type": "http.response.body", "body": chunk, "more_body": more})
        capture.add(chunk)
        if not more:
            return
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _never() -> bool:
    return False


async def _fail(exchange: Exchange, error: Exception, send: Send) -> None:
    """Note why the upstream failed and, unless its answer has begun, tell the caller."""
    if isinstance(error, httpx.TimeoutException):
        exchange.failure, status = "timeout", 504
    elif isinstance(error, AddressRefused):
        exchange.failure, status = "unreachable", 403
    else:
        exchange.failure, status = ("unreachable" if exchange.status is None else "broken"), 502
    if isinstance(error, AddressRefused):
        exchange.failure_message = f"X-LLMFlow-Forward-URL: {error}; see LLMFLOW_FORWARD_URL_ALLOW"
    elif isinstance(error, httpx.TransportError):
        exchange.failure_message = str(error)
    else:
        log.error("%s %s: not forwarded: %s", exchange.method, exchange.path, type(error).__name__)
        exchange.failure_message = "the proxy could not forward the request"
    if exchange.status is not None:
        return
    exchange.status = status
    body = exchange.route.provider.error_body(status, f"LLMFlow proxy: {exchange.failure_message}")
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _request_headers(headers: Headers, provider: Provider) -> Headers:
    dropped = _dropped(_NOT_UPSTREAM, headers)
    ends_here = is_own_header if provider.keeps_helicone_headers else _is_for_gateway
    kept = [header for header in headers if header[0] not in dropped and not ends_here(header[0])]
    if provider.default_headers:
        present = {name for name, _ in kept}
        kept += [header for header in provider.default_headers if header[0] not in present]
    return kept


# Clients send the same few names again and again.
@lru_cache(maxsize=512)
def _is_for_gateway(name: bytes) -> bool:
    """Whether a request header (in lower case) is meant for LLMFlow or for Helicone."""
    return is_own_header(name) or name.startswith(b"helicone-")


def _response_headers(status: int, headers: Headers) -> Headers:
    dropped = _dropped(_HOP_BY_HOP, headers)
    if status == 304:
        dropped |= {b"content-length"}  # of the body that is not sent, which the server in front would wait for
    return [header for header in headers if header[0] not in dropped]


def _dropped(names: frozenset[bytes], headers: Headers) -> frozenset[bytes]:
    """`names`, and the headers that a Connection header among `headers` names."""
    for name, value in headers:
        if name == b"connection" and value != b"keep-alive":  # what nearly all say
            names |= {option.strip().lower() for option in value.split(b",")}
    return names
