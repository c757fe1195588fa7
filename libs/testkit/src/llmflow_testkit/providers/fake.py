"""The fake providers' server: all APIs on one port, what it was asked kept for the test to see."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import zlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from llmflow_testkit.providers import (
    anthropic_api,
    bedrock_api,
    cohere_api,
    compatible_api,
    gemini_api,
    ollama_api,
    openai_api,
)
from llmflow_testkit.providers.replies import Options, Reply, json_reply
from llmflow_testkit.providers.server import BackgroundServer

#: How much of a request's body is kept; the rest is counted and hashed only.
_KEPT_BYTES = 4 << 20
_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}

#: Paths that OpenAI and Anthropic both have.
_ANTHROPIC_TOO = ("/v1/files", "/v1/models")


@dataclass(slots=True)
class ReceivedRequest:
    """One request as it arrived. `body` is its start, `size` and `sha256` are of all of it. `aborted` tells that the
    client left before the answer was complete, `done` that the server is through with it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    size: int = 0
    sha256: str = ""
    aborted: bool = False
    done: bool = False

    def header(self, name: str) -> str | None:
        """The first header of this name (lower case)."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(slots=True)
class FakeProviderApp:
    """The ASGI application. `/v1/echo` answers any method with what it received; all else is the providers': OpenAI and
    Anthropic at the root, the others below their names (`/gemini/v1beta/...`)."""

    requests: list[ReceivedRequest] = field(default_factory=list)

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        if scope["type"] == "http":
            await self._exchange(scope, receive, send)
        elif scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

    async def _exchange(self, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].decode("latin-1")
        request = ReceivedRequest(
            scope["method"],
            scope["raw_path"].decode("latin-1") + (f"?{query}" if query else ""),
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        )
        self.requests.append(request)
        try:
            if await _read(request, receive):
                await self._answer(request, scope["path"], receive, send)
        finally:
            request.done = True

    async def _answer(self, request: ReceivedRequest, path: str, receive: Any, send: Any) -> None:
        headers = dict(request.headers)
        options = Options.of(headers)
        reply = _encoded(_reply(request, path, headers, options), options)
        left = asyncio.create_task(receive())
        try:
            if options.first_delay:
                await asyncio.wait({left}, timeout=options.first_delay)
            await _send(reply, options, request, left, send)
        finally:
            left.cancel()


async def _read(request: ReceivedRequest, receive: Any) -> bool:
    """Take in the body; whether it came to its end."""
    digest = hashlib.sha256()
    kept = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            request.aborted = True
            return False
        body = message.get("body", b"")
        digest.update(body)
        request.size += len(body)
        kept += body[: max(0, _KEPT_BYTES - len(kept))]
        if not message.get("more_body"):
            request.body, request.sha256 = bytes(kept), digest.hexdigest()
            return True


def _reply(request: ReceivedRequest, path: str, headers: dict[str, str], options: Options) -> Reply:
    if path == "/v1/echo":
        return _echo(request, options)
    body = gzip.decompress(request.body) if headers.get("content-encoding") == "gzip" else request.body
    raw, _, query = request.target.partition("?")
    first, slash, rest = raw[1:].partition("/")
    below = slash + rest
    match first:
        case "gemini":
            return gemini_api.reply(request.method, below, query, headers, body)
        case "cohere":
            return cohere_api.reply(request.method, below, headers, body)
        case "ollama":
            return ollama_api.reply(request.method, below, headers, body)
        case "bedrock":
            return bedrock_api.reply(request.method, below, headers, body)
        case "azure":
            return compatible_api.azure(request.method, below, query, headers, body)
        case "mistral" | "groq" | "deepseek" | "openrouter" | "perplexity" | "vllm":
            return compatible_api.reply(first, request.method, below, headers, body)
    anthropics = path.startswith(_ANTHROPIC_TOO) and "anthropic-version" in headers
    if path.startswith("/v1/messages") or anthropics:
        return anthropic_api.reply(request.method, path, headers, body)
    return openai_api.reply(request.method, path, headers, body, request.size)


def _echo(request: ReceivedRequest, options: Options) -> Reply:
    if options.status in (204, 304):
        return Reply(options.status, [("etag", '"fake"')], [])
    location = [("location", options.location)] if options.location else []
    seen = {"method": request.method, "target": request.target, "size": request.size, "sha256": request.sha256}
    return json_reply(options.status or 200, location, seen)


def _encoded(reply: Reply, options: Options) -> Reply:
    """The reply with its body compressed; a stream's chunks stay readable one by one."""
    if not options.encoding:
        return reply
    compressor = zlib.compressobj(wbits=_WINDOW_BITS[options.encoding])
    chunks = [compressor.compress(chunk) + compressor.flush(zlib.Z_SYNC_FLUSH) for chunk in reply.chunks]
    chunks.append(compressor.flush())
    headers = [(name, value) for name, value in reply.headers if name != "content-length"]
    if not reply.streamed:
        chunks = [b"".join(chunks)]
        headers.append(("content-length", str(len(chunks[0]))))
    return Reply(reply.status, [*headers, ("content-encoding", options.encoding)], chunks, reply.streamed)


async def _send(reply: Reply, options: Options, request: ReceivedRequest, left: asyncio.Task[Any], send: Any) -> None:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    for number, chunk in enumerate(reply.chunks):
        if options.cut and number == options.cut:
            return
        await asyncio.wait({left}, timeout=options.delay if reply.streamed else 0)
        if left.done():
            request.aborted = True
            return
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class FakeProvider(AbstractContextManager["FakeProvider"]):
    """Fake OpenAI (`{url}/v1`), Anthropic (`url`) and others (`{url}/gemini`, ...) on one free port, from enter to
    exit."""

    def __init__(self, *, port: int | None = None) -> None:
        self._app = FakeProviderApp()
        self._server = BackgroundServer(self._app, port=port)
        self.url = self._server.url

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request so far, in order of arrival."""
        return self._app.requests

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
