"""An upstream that answers exactly what a test wrote down, down to framing, malformed bytes and broken connections."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

#: The request header that names the script to answer with.
SCRIPT_HEADER = b"x-script"

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True, kw_only=True)
class Script:
    """One answer. `framing` is how the length of the body travels: `length` (Content-Length), `chunked` (each of
    `chunks` one HTTP chunk), `close` (the end of the connection). `cut` breaks the connection off when all chunks were
    sent, before what says that this was all. `lockstep` sends each chunk only when the test asks for it with
    `ScriptedUpstream.next_chunk`. `raw` is sent instead of everything else."""

    status: int = 200
    headers: Headers = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    framing: Literal["length", "chunked", "close"] = "length"
    cut: bool = False
    lockstep: bool = False
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived; header names in lower case."""

    method: bytes
    target: bytes
    headers: Headers
    size: int
    sha256: str


class ScriptedUpstream(AbstractAsyncContextManager["ScriptedUpstream"]):
    """Serves `scripts` on a free port of 127.0.0.1 in the running event loop; `received` holds, for each script, what
    was asked, in order."""

    def __init__(self) -> None:
        self.scripts: dict[bytes, Script] = {}
        self.received: defaultdict[bytes, list[Received]] = defaultdict(list)
        self._turns: defaultdict[bytes, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(0))
        self._server: asyncio.Server
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def next_chunk(self, name: bytes) -> None:
        """Let the next chunk of a script in lockstep go."""
        self._turns[name].release()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether another may follow on this connection."""
        request = await _read(reader)
        asked = dict(request.headers)
        name = asked[SCRIPT_HEADER]
        self.received[name].append(request)
        script = self.scripts[name]
        if script.raw is not None:
            writer.write(script.raw)
            await writer.drain()
            return False
        writer.write(_head(script))
        bodiless = request.method == b"HEAD" or script.status in (204, 304)
        for chunk in [] if bodiless else script.chunks:
            if script.lockstep:
                await self._turns[name].acquire()
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if script.framing == "chunked" else chunk)
            await writer.drain()
        if script.cut:
            return False
        if script.framing == "chunked" and not bodiless:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return script.framing != "close" and asked.get(b"connection", b"").lower() != b"close"


async def _read(reader: asyncio.StreamReader) -> Received:
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    method, target, _ = lines[0].split(b" ")
    fields = (line.partition(b":") for line in lines[1:] if line)
    headers = [(name.lower(), value.strip()) for name, _, value in fields]
    asked = dict(headers)
    digest, size = hashlib.sha256(), 0
    if asked.get(b"transfer-encoding") == b"chunked":
        while length := int(await reader.readuntil(b"\r\n"), 16):
            digest.update((await reader.readexactly(length + 2))[:-2])
            size += length
        await reader.readuntil(b"\r\n")
    else:
        size = int(asked.get(b"content-length", b"0"))
        digest.update(await reader.readexactly(size))
    return Received(method, target, headers, size, digest.hexdigest())


def _head(script: Script) -> bytes:
    headers = list(script.headers)
    if script.framing == "length" and script.status != 204:
        total = sum(map(len, script.chunks)) + (1000 if script.cut else 0)
        headers.append((b"Content-Length", str(total).encode()))
    elif script.framing == "chunked" and script.status not in (204, 304):
        headers.append((b"Transfer-Encoding", b"chunked"))
    lines = [b"HTTP/1.1 %d As Scripted" % script.status, *(b"%b: %b" % header for header in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n"
