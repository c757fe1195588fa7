"""OTLP/HTTP, as the OpenTelemetry protocol specification 1.x defines it for clients, and Zipkin, which is alike."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from yarl import URL

from llmflow_core.destinations.destination import Compression, Destination, Tls
from llmflow_core.tls import lenient
from llmflow_exporter import metrics
from llmflow_exporter.encodings import ENCODINGS, otlp_protobuf
from llmflow_exporter.transport import Reply, Verdict, excerpt, longest

_OVERLOADED = frozenset({408, 429, 502, 503, 504})
# Answers that say nothing about the spans: the key, the quota, the address or the protocol has to be put right first.
_BLOCKED = frozenset({401, 402, 403, 404, 405, 407, 415})
#: So much of an answer is read. A partial success and its message are far smaller.
_ANSWER_BYTES = 64 << 10

#: Adds the headers that prove who sends a request with this URL, these headers and this body.
Signer = Callable[[str, dict[str, str], bytes], dict[str, str]]


class HttpTransport:
    """A `Transport` that keeps as many connections as the destination has requests under way.

    Needs a running event loop. Raises OSError when a file of the destination's TLS is not there or no PEM."""

    def __init__(self, destination: Destination, *, timeout: float) -> None:
        self._destination = destination
        content_type, self._encode = ENCODINGS[destination.protocol]
        self._compress = _COMPRESSIONS[destination.compression]
        self._signer = _signer(destination)
        self._headers = {"user-agent": "llmflow-exporter", **destination.headers, "content-type": content_type}
        if destination.compression != "none":
            self._headers["content-encoding"] = destination.compression
        url = URL(destination.url, encoded=True)
        self._url = url.with_user(None) if "authorization" in destination.headers else url
        # Of the time that httpx takes for a large request, aiohttp takes a third. It would look for the environment's
        # proxies, and for a netrc file, anew before each request, in threads.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=destination.concurrency, ssl=ssl_context(destination.tls)),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout),
            proxy=_proxy(self._url),
        )
        self._passes_on = self._encode is otlp_protobuf and destination.compression == "none" and not self._signer

    async def send(self, values: Sequence[bytes]) -> Reply:
        """Post `values` as one request."""
        name = self._destination.name
        try:
            if self._passes_on:
                body, headers = self._request(values)
            else:
                body, headers = await asyncio.to_thread(self._request, values)
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                reply = reply_to(answer.status, answer.headers, await _beginning(answer))
        except (aiohttp.ClientError, TimeoutError) as error:
            metrics.REQUESTS.labels(name, "none").inc()
            return Reply(Verdict.LATER, f"{type(error).__name__}: {error}")
        except DecodeError:  # what is passed on is read here for the first time
            return Reply(Verdict.REFUSED, "not a protobuf ExportTraceServiceRequest")
        metrics.REQUESTS.labels(name, str(answer.status)).inc()
        return reply

    def _request(self, values: Sequence[bytes]) -> tuple[bytes, dict[str, str]]:
        body = self._compress(self._encode(values))
        if self._signer is None:
            return body, self._headers
        return body, self._signer(self._destination.url, self._headers, body)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """What an answer says, up to a limit. Its status stands, whatever becomes of the rest: what is cut short or never
    ends is left there, with the connection."""
    said = b""
    try:
        while len(said) < _ANSWER_BYTES and (piece := await answer.content.read(_ANSWER_BYTES - len(said))):
            said += piece
    except (aiohttp.ClientError, TimeoutError):
        answer.close()
    return said


def _proxy(url: URL) -> str | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for this URL."""
    return None if url.host is None or proxy_bypass(url.host) else getproxies().get(url.scheme)


def reply_to(status: int, headers: Mapping[str, str], content: bytes) -> Reply:
    """What an answer means; the names of the headers are in small letters, or compared without regard to that.

    The specification has only 429, 502, 503 and 504 retried; 408 says the same thing, and other server errors are often
    a backend that is starting, so they are doubtful. What only an operator can put right never counts as refused, so
    that no span is lost to an expired key.
    """
    if 200 <= status < 300:
        return _taken(content)
    reason = f"HTTP {status}: {excerpt(content.decode(errors='replace'))}"
    retry_after = _retry_after(headers.get("retry-after"))
    if status in _OVERLOADED:
        return Reply(Verdict.LATER, reason, retry_after)
    if status in _BLOCKED or 300 <= status < 400:
        return Reply(Verdict.BLOCKED, reason)
    if status >= 500:
        return Reply(Verdict.DOUBTFUL, reason, retry_after)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Reply(Verdict.TOO_LARGE, reason)
    return Reply(Verdict.REFUSED, reason)


def _taken(body: bytes) -> Reply:
    if body.startswith(b"{"):
        return _taken_in_json(body)
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:
        return Reply(Verdict.TAKEN)  # some backends answer with text: they took the spans all the same
    return Reply(Verdict.TAKEN, excerpt(partial.error_message), rejected_spans=max(0, partial.rejected_spans))


def _taken_in_json(body: bytes) -> Reply:
    try:
        partial = orjson.loads(body).get("partialSuccess") or {}
        rejected, message = int(partial.get("rejectedSpans") or 0), str(partial.get("errorMessage") or "")
    except (ValueError, TypeError, AttributeError):
        return Reply(Verdict.TAKEN)
    return Reply(Verdict.TAKEN, excerpt(message), rejected_spans=max(0, rejected))


def _retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (a number or a date), at most an hour; None when it says nothing."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError, OverflowError):
            return None
    return longest(seconds) if seconds == seconds else None


def ssl_context(tls: Tls) -> ssl.SSLContext:
    """What a connection to the destination checks, and shows. Raises OSError when a file is not there or no PEM."""
    context = lenient(ssl.create_default_context(cafile=tls.ca_file))
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1)


def _zstd(body: bytes) -> bytes:
    import zstandard

    return zstandard.compress(body)


_COMPRESSIONS: dict[Compression, Callable[[bytes], bytes]] = {"gzip": _gzip, "zstd": _zstd, "none": lambda body: body}


def _signer(destination: Destination) -> Signer | None:
    if destination.sigv4 is None:
        return None
    from llmflow_exporter.sigv4 import aws_signer

    return aws_signer(destination.sigv4)
