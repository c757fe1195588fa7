"""uvicorn's HTTP protocol, with limits on requests that never end: it would collect and wait for ever."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from llmflow_core.serving import ENDLESS

#: All headers and the target together, in bytes.
MAX_HEAD_BYTES = 128 << 10
MAX_HEADERS = 256

_REFUSAL = "The request's headers are too large."


class LimitedHttpProtocol(HttpToolsProtocol):
    """Answers 431 and hangs up when the head of a request is larger than `MAX_HEAD_BYTES`, or has more than
    `MAX_HEADERS` headers, before it takes in much more than that.

    Hangs up on a client that needs longer than `head_seconds` for the head of a request, the first one's beginning with
    the connection, and on one from which nothing comes for `silence_seconds` in the middle of a body.
    """

    head_seconds = 30.0
    silence_seconds = 60.0

    _head_open = False
    _head_bytes = 0
    _refused = False
    #: When to look whether the client still owes the rest of a request, and when it was heard last.
    _look: asyncio.TimerHandle | None = None
    _heard = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look = self.loop.call_later(self.head_seconds, self._hang_up_if_owed)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_looking()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_open = self._head_open
        super().data_received(data)
        if self._owes_head() or self.cycle.more_body:
            self._heard = self.loop.time()
            if self._look is None:
                self._look = self.loop.call_later(self.head_seconds, self._hang_up_if_owed)
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

    def shutdown(self) -> None:
        """uvicorn's hook: the server is stopping."""
        if not self._owes_head() and self.scope.get(ENDLESS):
            self.transport.close()
        super().shutdown()

    def _owes_head(self) -> bool:
        # uvicorn declares it as if there were one before the first request.
        cycle: RequestResponseCycle | None = self.cycle
        return self._head_open or cycle is None or cycle.response_complete

    def _hang_up_if_owed(self) -> None:
        """Called when a head should have come, and in the middle of a body; looks again when that may go on."""
        self._look = None
        if self.transport.is_closing():
            return
        if self._owes_head():
            self.transport.close()
        elif self.cycle.more_body:
            # While the application does not take more, the client cannot send more.
            silent = 0.0 if self.flow.read_paused else self.loop.time() - self._heard
            if silent >= self.silence_seconds:
                self.transport.close()
            else:
                self._look = self.loop.call_later(self.silence_seconds - silent, self._hang_up_if_owed)

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
