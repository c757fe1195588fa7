"""A few hundred generated exchanges, each directly and through the proxy: both sides must see the same."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import random
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from llmflow_proxy.app import create_app
from llmflow_proxy.settings import ProxySettings
from llmflow_testkit.providers import BackgroundServer
from llmflow_testkit.providers.scripted import Headers, Received, Script, ScriptedUpstream

from .conftest import Recorded

EXCHANGES = 30
#: What concerns one connection, and is therefore each one's own.
OF_THE_CONNECTION = (b"connection", b"keep-alive", b"transfer-encoding", b"host", b"date")
PATHS = (
    "/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings", "/v1/moderations",
    "/v1/images/generations", "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/files", "/v1/files/file-1",
    "/v1/files/file-1/content", "/v1/messages", "/openai/v1/chat/completions", "/v1/odd//path/", "/v1/a/../b/./c",
    "/v1/models/org%2Fmodel", "/v1/caf%C3%A9/%7Euser/%zz", "/v1/x;y=1/@:!$&'()*,=+", "/v1/",
)  # fmt: skip
QUERIES = (
    "", "a=1", "a=%7Eb&c=d+e&&empty=&f=%2F%c3%a4", "q=%", "a=1?b=2", "x[]=1&x[]=2", "json={\"a\":1}|`^", "=", "&&&",
    "key=sk-123456789", "sp=%20+%2B", "u=%F0%9F%8C%82%ff",
)  # fmt: skip
STATUSES = (
    200, 200, 200, 200, 201, 202, 204, 206, 299, 301, 302, 304, 307, 400, 401, 403, 404, 408, 409, 413, 418, 422, 429,
    451, 500, 502, 503, 504, 529, 599,
)  # fmt: skip
RESPONSE_HEADERS: Headers = [
    (b"Set-Cookie", b"a=1; path=/"), (b"set-cookie", b"b=2; HttpOnly"), (b"X-Empty", b""), (b"X-Latin", b"caf\xe9"),
    (b"X-Utf8", "naïve ☂".encode()), (b"ETag", b'W/"abc"'), (b"Vary", b"Accept"), (b"Vary", b"Origin"),
    (b"x-request-id", b"req_1"), (b"Retry-After", b"1"), (b"Location", b"https://elsewhere.example/x?y=%20"),
    (b"X-Long", b"v" * 9000), (b"Server", b"cloudflare"), (b"Access-Control-Allow-Origin", b"*"), (b"Via", b"1.1 x"),
    (b"WWW-Authenticate", b"Bearer"), (b"Link", b"<a>; rel=next, <b>; rel=prev"), (b"Trailer-ish", b"a: b: c"),
]  # fmt: skip
REQUEST_HEADERS: Headers = [
    (b"Authorization", b"Bearer sk-test-123456"), (b"X-Twice", b"one"), (b"x-twice", b"two"), (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"gzip;q=0.5, br"), (b"User-Agent", b"odd/1 (x)"), (b"X-Empty", b""), (b"Cookie", b"a=b; c=d"),
    (b"X-Utf8", "naïve ☂".encode()), (b"OpenAI-Beta", b"assistants=v2"), (b"X-Forwarded-For", b"10.0.0.1"),
    (b"If-None-Match", b'"abc"'), (b"Range", b"bytes=0-10"), (b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16),
]  # fmt: skip
MALFORMED = (
    b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nNo colon here\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"HTTP/1.1 200 OK\r\nContent-Le",
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    method: bytes
    target: bytes
    headers: Headers
    body: bytes
    chunked: bool


@dataclass
class Seen:
    """What a client sees. `complete` tells whether the body came to the end that was announced."""

    status: int = 0
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    complete: bool = False
    #: The body as it had grown when each chunk of a script in lockstep had arrived.
    growth: list[int] = field(default_factory=list)


class Generator:
    """Makes calls and answers; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def call(self, name: bytes) -> Call:
        pick = self.random
        method = pick.choice(("POST", "POST", "POST", "GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
        body = self.request_body() if method not in ("GET", "HEAD", "OPTIONS") or pick.random() < 0.1 else b""
        headers = pick.sample(REQUEST_HEADERS, pick.randrange(len(REQUEST_HEADERS)))
        kinds = (b"application/json", b"text/plain", b"multipart/form-data; boundary=XX", b"application/octet-stream")
        if body:
            headers.append((b"Content-Type", pick.choice(kinds)))
        query = pick.choice(QUERIES)
        target = pick.choice(PATHS) + (f"?{query}" if query else "")
        return Call(method.encode(), target.encode(), [(b"X-Script", name), *headers], body, pick.random() < 0.3)

    def request_body(self) -> bytes:
        pick = self.random
        match pick.randrange(5):
            case 0:
                return b""
            case 1:
                return pick.randbytes(pick.choice((1, 1000, 70_000, 2 << 20)))
            case 2:
                part = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
                return part + pick.randbytes(5000) + (b"\r\n--XX--\r\n" if pick.random() < 0.5 else b"")
            case _:
                content = "Why? " * pick.choice((1, 100, 20_000))
                question = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": content}]}
                whole = json.dumps(question).encode()
                return whole if pick.random() < 0.8 else whole[: len(whole) // 2]

    def script(self, *, lockstep: bool = False) -> Script:
        pick = self.random
        if not lockstep and pick.random() < 0.1:
            return Script(raw=pick.choice(MALFORMED))
        headers = pick.sample(RESPONSE_HEADERS, pick.randrange(len(RESPONSE_HEADERS)))
        streamed = lockstep or pick.random() < 0.4
        if streamed:
            body, kind = self.events(), b"text/event-stream"
        else:
            body, kind = self.answer_body()
        headers.append((b"Content-Type", kind))
        if pick.random() < 0.4:
            encoding, body = self.encoded(body)
            headers.append((b"Content-Encoding", encoding))
        return Script(
            status=200 if lockstep else pick.choice(STATUSES),
            headers=headers,
            chunks=self.pieces(body, lockstep),
            framing=pick.choice(("chunked", "close")) if streamed else pick.choice(("length", "chunked", "close")),
            cut=pick.random() < 0.1,
            lockstep=lockstep,
        )

    def answer_body(self) -> tuple[bytes, bytes]:
        pick = self.random
        choice = {"finish_reason": "stop", "message": {"content": "Yes. " * pick.choice((1, 50, 50_000))}}
        answer = json.dumps({"id": "a", "choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
        return pick.choice((
            (answer.encode(), b"application/json"),
            (answer.encode()[: pick.randrange(len(answer))], b"application/json; charset=utf-8"),
            (b"", b"application/json"),
            (pick.randbytes(pick.choice((1, 5000, 2 << 20))), b"audio/mpeg"),
            (b"<html>gateway</html>", b"text/html"),
            (b"[1, 2", b"application/json"),
        ))  # fmt: skip

    def events(self) -> bytes:
        """A stream with one of the line ends that the specification allows, or all of them."""
        pick = self.random
        ends = pick.choice(((b"\n",), (b"\r\n",), (b"\r",), (b"\n", b"\r\n", b"\r")))
        lines = [b"\xef\xbb\xbf: hello"] if pick.random() < 0.2 else []
        for number in range(pick.choice((1, 5, 50))):
            chunk = {"id": "a", "choices": [{"index": 0, "delta": {"content": f"piece {number} ☂"}}]}
            lines += [b"event: x"] if pick.random() < 0.2 else []
            lines += [b"data: " + json.dumps(chunk, ensure_ascii=False).encode(), b""]
            lines += [b": ping", b""] if pick.random() < 0.1 else []
        lines += pick.choice(([b"data: [DONE]", b"", b""], [b"data: {broken"], []))
        return b"".join(line + pick.choice(ends) for line in lines)

    def encoded(self, body: bytes) -> tuple[bytes, bytes]:
        """The body compressed; now and then it is not what it says, or not to be had in one piece."""
        pick = self.random
        encoding, compressed = pick.choice((
            (b"gzip", gzip.compress(body)),
            (b"br", brotli.compress(body, quality=1)),
            (b"zstd", zstandard.compress(body)),
            (b"deflate", zlib.compress(body)),
            (b"gzip", body),
            (b"unheard-of", body),
            (b"gzip", gzip.compress(body)[:-7]),
        ))  # fmt: skip
        return encoding, compressed

    def pieces(self, body: bytes, lockstep: bool) -> list[bytes]:
        """The body cut at arbitrary places: inside lines, characters and compressed blocks."""
        if len(body) < 2:
            return [body] if body else []
        count = min(self.random.choice((1, 2, 5) if lockstep else (1, 2, 10, 40)), len(body) - 1)
        cuts = sorted(self.random.sample(range(1, len(body)), count - 1)) if count > 1 else []
        return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


async def perform(url: str, call: Call, upstream: ScriptedUpstream | None = None, script: Script | None = None) -> Seen:
    """Carry out a call on a raw socket; of a script in lockstep, ask for a chunk only when the one before is there."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 24)
    lines = [b"%b %b HTTP/1.1" % (call.method, call.target), b"Host: " + parts.netloc.encode(), b"Connection: close"]
    lines += [b"%b: %b" % header for header in call.headers]
    if call.chunked and call.body:
        half = len(call.body) // 2
        pieces = [piece for piece in (call.body[:half], call.body[half:]) if piece]
        lines.append(b"Transfer-Encoding: chunked")
        sent = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        if call.body or call.method in (b"POST", b"PUT", b"PATCH"):
            lines.append(b"Content-Length: %d" % len(call.body))
        sent = call.body
    writer.write(b"\r\n".join([*lines, b"", b""]) + sent)
    try:
        async with asyncio.timeout(60):
            return await _seen(reader, call, upstream, script)
    finally:
        writer.close()


async def _seen(
    reader: asyncio.StreamReader, call: Call, upstream: ScriptedUpstream | None, script: Script | None
) -> Seen:
    seen = Seen()
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return seen
    seen.status = int(head[0].split(b" ")[1])
    seen.headers = [
        (name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in head[1:] if line)
    ]
    arriving = _body(reader, call, seen)
    if script is None or not script.lockstep:
        async for piece in arriving:
            seen.body += piece
        return seen
    assert upstream is not None
    due = 0
    for chunk in script.chunks:
        upstream.next_chunk(call.headers[0][1])
        due += len(chunk)
        while len(seen.body) < due:
            seen.body += await anext(arriving)
        seen.growth.append(len(seen.body))
    async for piece in arriving:
        seen.body += piece
    return seen


async def _body(reader: asyncio.StreamReader, call: Call, seen: Seen) -> AsyncIterator[bytes]:
    """The pieces of a body as they arrive, by the framing that the headers announce (RFC 9112, 6.3)."""
    fields = dict(seen.headers)
    if call.method == b"HEAD" or seen.status in (204, 304):
        seen.complete = True
    elif fields.get(b"transfer-encoding") == b"chunked":
        try:
            while length := int(await reader.readuntil(b"\r\n"), 16):
                yield (await reader.readexactly(length + 2))[:-2]
            seen.complete = True
        except (asyncio.IncompleteReadError, ConnectionError):
            return
    else:
        due = int(fields[b"content-length"]) if b"content-length" in fields else None
        while due is None or due > 0:
            try:
                piece = await reader.read(65536 if due is None else min(due, 65536))
            except ConnectionError:
                return
            if not piece:
                break
            due = None if due is None else due - len(piece)
            yield piece
        seen.complete = not due


def comparable(headers: Headers, *, without: tuple[bytes, ...] = ()) -> Headers:
    """Headers in their order, those of the connection left out."""
    return [header for header in headers if header[0] not in OF_THE_CONNECTION + without]


def assert_same(direct: Seen, proxied: Seen) -> None:
    """The answer is the same on both ways."""
    assert (proxied.status, proxied.complete) == (direct.status, direct.complete)
    # Of the body that a 304 does not send the proxy says nothing.
    left_out = (b"content-length",) if direct.status == 304 else ()
    assert comparable(proxied.headers) == comparable(direct.headers, without=left_out)
    assert proxied.body == direct.body
    assert proxied.growth == direct.growth


def assert_arrived(call: Call, received: Received) -> None:
    """The request arrived as it was sent."""
    assert (received.method, received.size, received.sha256) == (
        call.method,
        len(call.body),
        hashlib.sha256(call.body).hexdigest(),
    )
    assert received.target == call.target.removeprefix(b"/openai")
    # A body that came in chunks may travel on with its length, and that there is none may be said.
    framing = (b"content-length",) if call.chunked or not call.body else ()
    sent = [(name.lower(), value) for name, value in call.headers]
    if not framing:
        sent.append((b"content-length", str(len(call.body)).encode()))
    assert comparable(received.headers, without=framing) == sent


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
async def proxy(upstream: ScriptedUpstream, log_url: str) -> AsyncIterator[str]:
    settings = ProxySettings(
        bus_url=log_url, openai_base_url=f"{upstream.url}/v1", anthropic_base_url=upstream.url, read_timeout=60
    )
    with BackgroundServer(create_app(settings)) as server:
        yield server.url
        # The server waits for its connections in a thread of its own; the upstream must go on answering meanwhile.
        await asyncio.to_thread(server.stop)


@pytest.mark.parametrize("seed", range(10))
async def test_both_sides_see_the_same(upstream: ScriptedUpstream, proxy: str, recorded: Recorded, seed: int) -> None:
    generator = Generator(seed)
    for number in range(EXCHANGES):
        name = b"%d-%d" % (seed, number)
        call = generator.call(name)
        lockstep = number % 6 == 5 and call.method != b"HEAD"
        script = upstream.scripts[name] = generator.script(lockstep=lockstep)
        proxied = await perform(proxy, call, upstream, script)
        received = upstream.received.pop(name)
        for request in received:
            assert_arrived(call, request)
        if script.raw is not None:
            assert proxied.status == 502
            # On a connection that was kept alive, no answer may mean that the request came too late: one that can be
            # repeated safely (RFC 9110, 9.2.2) is repeated once.
            assert len(received) <= (1 if call.method in (b"POST", b"PATCH") else 2)
        else:
            assert len(received) == 1
            assert_same(await perform(upstream.url, call, upstream, script), proxied)
    spans = await recorded.all(EXCHANGES)
    assert not [span.name for span in spans if "llmflow.unreadable" in span.attributes]
