"""uvicorn's HTTP protocol, with a limit on what stands before a request's body: it would collect that for ever."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: All headers and the target together, in bytes.
MAX_HEAD_BYTES = 128 << 10
MAX_HEADERS = 256

_REFUSAL = "The request's headers are too large."


class LimitedHttpProtocol(HttpToolsProtocol):
    """Answers 431 and hangs up when the head of a request is larger than `MAX_HEAD_BYTES`, or has more than
    `MAX_HEADERS` headers, before it takes in much more than that."""

    _head_open = False
    _head_bytes = 0
    _refused = False

    def data_received(self, data: bytes) -> None:
        was_open = self._head_open
        super().data_received(data)
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
