"""uvicorn's HTTP protocol, with limits on exchanges that never end: it would collect and wait for ever."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any, cast

import httptools
from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from llmflow_core.serving import ENDLESS, USUAL_PATIENCE, WAITED_FOR, Patience

#: All headers and the target together, in bytes.
MAX_HEAD_BYTES = 128 << 10
MAX_HEADERS = 256

# uvicorn knows lines of up to 599 only; what is passed on from others may have any three digits.
STATUS_LINE.update({status: b"HTTP/1.1 %d \r\n" % status for status in range(600, 1000)})

_REFUSAL = "The request's headers are too large."

SLOW_CLIENTS = Counter(
    "llmflow_http_slow_clients_total",
    "Connections cut because the client did not send a head or a body, or read an answer, in time",
    ["waited_for"],
)
for _part in ("head", "body", "answer"):
    SLOW_CLIENTS.labels(_part)


class LimitedHttpProtocol(HttpToolsProtocol):
    """Answers 431 and hangs up when the head of a request is larger than `MAX_HEAD_BYTES`, or has more than
    `MAX_HEADERS` headers, before it takes in much more than that.

    Hangs up on a client that tries the server's `patience`: with the head of a request, of which the first one's begins
    with the connection, by saying nothing in the middle of a body, or by not reading what waits for it. Then the scope
    has `WAITED_FOR`, and the application is told that the client has left.

    A request that offers to go on in another protocol is answered as any other. Java's HTTP client offers h2c with each
    first request, whose body uvicorn would lose.
    """

    patience = USUAL_PATIENCE

    _head_open = False
    _head_bytes = 0
    _refused = False
    _received = b""
    #: When to look whether the client still owes the rest of a request, since when it does, and when it was heard last.
    _look: asyncio.TimerHandle | None = None
    _owed_since = 0.0
    _heard = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_looking()
        # The kernel knows best whether bytes arrive, also when there are few and long after the answer's end.
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock: socket.socket = transport.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self.patience.answer * 1000))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_looking()
        if isinstance(exc, TimeoutError):
            self._note("answer")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_open = self._head_open
        self._received = data
        super().data_received(data)
        self._received = b""
        if self._owes_head() or self.cycle.more_body:
            self._heard = self.loop.time()
            if self._look is None:
                self._start_looking()
        elif self._look is not None:
            self._stop_looking()
        # A head's first bytes may come behind the body of the request before it, so they are not counted.
        if was_open and self._head_open:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self._refused:
                self._refused = True
                self.send_400_response(_REFUSAL)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_open = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._head_open = False
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if len(self.headers) > MAX_HEADERS or size > MAX_HEAD_BYTES:
            self._refused = True
            raise ValueError(_REFUSAL)
        super().on_headers_complete()
        if self.parser.get_http_version() == "1.0" and self.cycle is not None:
            self.cycle.__class__ = _UnframedCycle  # uvicorn makes it itself, and its task has not begun

    def _should_upgrade(self) -> bool:
        """uvicorn's hook: whether `handle_websocket_upgrade` is to deal with a request that the parser, which takes
        what follows the head for another protocol's, has stopped at."""
        return self.parser.get_method() != b"CONNECT"

    def handle_websocket_upgrade(self) -> None:
        """uvicorn's hook: parse the request again without the offer, as RFC 9110, 7.8, lets a server do."""
        stopped = sys.exception()
        rest = self._received[stopped.args[0] :] if stopped else b""
        version = self.parser.get_http_version().encode()
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name == b"connection":
                value = b", ".join(one for one in value.split(b",") if one.strip().lower() != b"upgrade")
            head += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._received = b"".join([*head, b"\r\n", rest])
        super().data_received(self._received)

    def shutdown(self) -> None:
        """uvicorn's hook: the server is stopping."""
        if not self._owes_head() and self.scope.get(ENDLESS):
            self.transport.close()
        super().shutdown()

    def _owes_head(self) -> bool:
        # uvicorn declares it as if there were one before the first request.
        cycle: RequestResponseCycle | None = self.cycle
        return self._head_open or cycle is None or cycle.response_complete

    def _start_looking(self) -> None:
        self._owed_since = self.loop.time()
        self._look = self.loop.call_later(min(self.patience.head, self.patience.body), self._hang_up_if_owed)

    def _hang_up_if_owed(self) -> None:
        """Hang up on a client that owes the rest of a request for too long; look again when it has time left."""
        self._look = None
        if self.transport.is_closing():
            return
        now = self.loop.time()
        if self._owes_head():
            owed, left = "head", self.patience.head - (now - self._owed_since)
        elif self.cycle.more_body:
            # While the application does not take more, the client cannot send more.
            owed, left = "body", self.patience.body - (0 if self.flow.read_paused else now - self._heard)
        else:
            return
        if left > 0:
            self._look = self.loop.call_later(left, self._hang_up_if_owed)
        else:
            self._note(owed)
            self.transport.close()

    def _note(self, waited_for: str) -> None:
        SLOW_CLIENTS.labels(waited_for).inc()
        if self.cycle is not None:
            cast("dict[str, Any]", self.cycle.scope)[WAITED_FOR] = waited_for

    def _stop_looking(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def send_400_response(self, msg: str) -> None:
        if not self._refused:
            super().send_400_response(msg)
            return
        body = _REFUSAL.encode()
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body)
        )
        self.transport.close()


class _UnframedCycle(RequestResponseCycle):
    """For a client of HTTP/1.0, which knows no chunks (RFC 9112, 6.1): an answer of unknown length ends with the
    connection. uvicorn closes that in any case."""

    _unframed = False

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._unframed = all(name.lower() != b"content-length" for name, _ in message.get("headers", ()))
            if self._unframed:
                self.chunked_encoding = False
        elif self._unframed:
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)


def protocol_with(patience: Patience) -> type[LimitedHttpProtocol]:
    """The protocol with another patience than the usual one."""
    return type("PatientHttpProtocol", (LimitedHttpProtocol,), {"patience": patience})
