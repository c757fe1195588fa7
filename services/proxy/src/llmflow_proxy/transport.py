"""httpx's transport interface over aiohttp's connection pool and parser: the fast way out that changes nothing.

httpx-aiohttp does the same for ordinary clients, but it merges duplicate headers, re-quotes the path, cuts chunks anew
and takes a dropped connection for a timeout; a proxy must not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import httpx
from multidict import CIMultiDict
from yarl import URL

_NEVER_ADDED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
#: Providers send headers (content security policies, say) beyond aiohttp's usual 8 KiB a field.
_MAX_HEADER_BYTES = 64 << 10
_KEEPALIVE_SECONDS = 30.0


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends a request's method, target, headers and body as they are: duplicates and order of headers kept, no header
    added but Host and the body's framing, no redirect followed, no cookie kept, nothing decompressed.

    The `target` extension (bytes, as httpcore defines it) replaces the URL's path and query. The `timeout` extension's
    `connect` and `read` are seconds. Raises httpx's ConnectTimeout, ReadTimeout, ConnectError, ReadError,
    RemoteProtocolError. Needs a running event loop; close it with `aclose`.
    """

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=_KEEPALIVE_SECONDS, ssl=httpx.create_ssl_context(), happy_eyeballs_delay=0.25
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
        timeout = request.extensions.get("timeout", {})
        body = request.stream
        try:
            response = await self._session.request(
                request.method,
                URL(f"{url.scheme}://{url.netloc.decode()}{target}", encoded=True),
                headers=CIMultiDict((_text(name), _text(value)) for name, value in request.headers.raw),
                data=(b"".join(body) or None) if isinstance(body, httpx.ByteStream) else body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=timeout.get("connect"), sock_read=timeout.get("read")),
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _translated(error, request) from error
        return httpx.Response(
            response.status, headers=response.raw_headers, stream=_ResponseStream(response, request), request=request
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


def _text(raw: bytes) -> str:
    """aiohttp writes UTF-8: whatever is UTF-8 goes out as it came in."""
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
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx.ConnectError(
            f"cannot connect to {where}: {error.os_error.strerror or error.os_error}", request=request
        )
    if isinstance(error, (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
        return httpx.ReadError(f"{where} closed the connection too early", request=request)
    return httpx.RemoteProtocolError(f"{where} answered with something that is not HTTP", request=request)
