"""httpx's transport interface over aiohttp's connection pool and parser: the fast way out that changes nothing.

httpx-aiohttp does the same for ordinary clients, but it merges duplicate headers, re-quotes the path, cuts chunks anew
and takes a dropped connection for a timeout; a proxy must not.

HTTP/1.1 only: aiohttp has no HTTP/2, and most of what that gains, handshakes saved, a pool of connections that are kept
alive has already.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from functools import cache, lru_cache

import aiohttp
import httpx
from multidict import CIMultiDict
from yarl import URL

from llmflow_core.tls import lenient

_NEVER_ADDED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
#: Providers send headers (content security policies, say) beyond aiohttp's usual 8 KiB a field.
_MAX_HEADER_BYTES = 64 << 10
_KEEPALIVE_SECONDS = 30.0


class AddressRefused(httpx.ConnectError):
    """The upstream has no address that is permitted."""


class _NotPermittedError(OSError):
    pass


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends a request's method, target, headers and body as they are: duplicates and order of headers kept, no header
    added but Host and the body's framing, no redirect followed, no cookie kept, nothing decompressed.

    The `target` extension (bytes, as httpcore defines it) replaces the URL's path and query. The `timeout` extension's
    `connect` and `read` are seconds. Raises httpx's ConnectTimeout, ReadTimeout, ConnectError, ReadError,
    RemoteProtocolError, LocalProtocolError (a target that is no path), and AddressRefused. Needs a running event loop;
    close it with `aclose`. A response's `at_end` extension is a function that says whether all of the body was read.

    At most `connections` at a time, 0 for any number; beyond it requests wait for one. `permits` is asked for every
    address (an IP address as text) right before it is connected to.
    """

    def __init__(self, *, connections: int = 0, permits: Callable[[str], bool] | None = None) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections,
                keepalive_timeout=_KEEPALIVE_SECONDS,
                ssl=_tls(),
                happy_eyeballs_delay=0.25,
                socket_factory=_guarded(permits) if permits else None,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_NEVER_ADDED,
            auto_decompress=False,
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        target = request.extensions.get("target", url.raw_path).decode("latin-1")
        if not target.startswith("/"):
            raise httpx.LocalProtocolError("the target is no path, it would change the host", request=request)
        timeout = request.extensions.get("timeout", {})
        body = request.stream
        try:
            response = await self._session.request(
                request.method,
                URL(f"{url.scheme}://{url.netloc.decode()}{target}", encoded=True),
                headers=_headers(request.headers.raw),
                data=(b"".join(body) or None) if isinstance(body, httpx.ByteStream) else body,
                allow_redirects=False,
                timeout=_timeout(timeout.get("connect"), timeout.get("read")),
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _translated(error, request) from error
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=_ResponseStream(response, request),
            extensions={"at_end": response.content.at_eof},
            request=request,
        )

    async def aclose(self) -> None:
        await self._session.close()


class _ResponseStream(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _translated(error, self._request) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Give the connection back when the body was read to its end, close it otherwise."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


@cache
def _tls() -> ssl.SSLContext:
    """One for all transports: the certificates in it take megabytes."""
    return lenient(httpx.create_ssl_context())


def _guarded(permits: Callable[[str], bool]) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    def make_socket(address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, where = address
        if not permits(str(where[0])):
            raise _NotPermittedError(errno.EACCES, "the address is not allowed")
        return socket.socket(family, kind, protocol)

    return make_socket


@lru_cache(maxsize=64)
def _timeout(connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(sock_connect=connect, sock_read=read)


def _headers(raw: list[tuple[bytes, bytes]]) -> CIMultiDict[str]:
    """aiohttp writes UTF-8: whatever is UTF-8 goes out as it came in."""
    try:
        return CIMultiDict([(name.decode(), value.decode()) for name, value in raw])
    except UnicodeDecodeError:
        return CIMultiDict([(_text(name), _text(value)) for name, value in raw])


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _translated(error: Exception, request: httpx.Request) -> httpx.TransportError:
    """The httpx error for an aiohttp one. Its text names host and cause, never the query."""
    where = request.url.host
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(f"no connection to {where} in time", request=request)
    if isinstance(error, TimeoutError):
        return httpx.ReadTimeout(f"no answer from {where} in time", request=request)
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, _NotPermittedError):
        return AddressRefused(f"{where} has no address that this proxy may connect to", request=request)
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx.ConnectError(
            f"cannot connect to {where}: {error.os_error.strerror or error.os_error}", request=request
        )
    if isinstance(error, (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
        return httpx.ReadError(f"{where} closed the connection too early", request=request)
    return httpx.RemoteProtocolError(f"{where} answered with something that is not HTTP", request=request)
