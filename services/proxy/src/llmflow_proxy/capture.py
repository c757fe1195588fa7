"""What of a body is kept while it streams through: the head up to a limit, and the last bytes beyond it."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import zstandard

#: A body in flight may take this many times what is recorded of it: JSON with base64 files shrinks when those go by
#: reference, an event stream when its frames go.
RAW_FACTOR = 8
#: How much of the end of a longer stream is kept: usage and finish reason come last.
TAIL_BYTES = 16 << 10


class Budget:
    """Bytes that all captures of one process may hold together."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0


class Capture:
    """A copy of one body, bounded by `limit` and by what is left of the budget. `size` counts all that passed."""

    __slots__ = ("_budget", "_chunks", "_held", "_limit", "_tail", "size")

    def __init__(self, limit: int, budget: Budget) -> None:
        self._limit = limit
        self._budget = budget
        self._chunks: list[bytes] = []
        self._held = 0
        self._tail = b""
        self.size = 0

    def add(self, chunk: bytes) -> None:
        """Take note of a chunk that passes."""
        length = len(chunk)
        complete = self.size == self._held
        self.size += length
        if complete:
            room = min(self._limit - self._held, self._budget.limit - self._budget.held)
            kept = length if length <= room else max(0, room)
            self._chunks.append(chunk if kept == length else chunk[:kept])
            self._held += kept
            self._budget.held += kept
            if kept == length:
                return
            chunk = chunk[kept:]
        self._tail = (self._tail + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]

    @property
    def truncated(self) -> bool:
        """Whether more passed than is held."""
        return self.size > self._held

    def head(self) -> bytes:
        """The bytes from the start."""
        return b"".join(self._chunks)

    def tail(self) -> bytes:
        """Of a truncated body, the last bytes beyond the head."""
        return self._tail

    def release(self) -> None:
        """Forget the bytes and give their room back."""
        self._budget.held -= self._held
        self._chunks, self._held, self._tail = [], 0, b""


def decoded(body: bytes, encodings: str, limit: int) -> bytes:
    """`body` with its `Content-Encoding`s taken off, as far as the bytes go, at most about `limit` bytes.

    A body in an encoding that is unknown, or that is not what it says, comes back empty.
    """
    for encoding in reversed([name.strip().lower() for name in encodings.split(",")]):
        if encoding in ("", "identity"):
            continue
        try:
            body = _DECODERS[encoding](body, limit)
        except (KeyError, zlib.error, brotli.error, zstandard.ZstdError):
            return b""
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, limit)


def _inflate(body: bytes, limit: int) -> bytes:
    """`deflate` means zlib's format; some servers send it without zlib's header."""
    try:
        return zlib.decompressobj().decompress(body, limit)
    except zlib.error:
        return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(body, limit)


def _unbrotli(body: bytes, limit: int) -> bytes:
    return bytes(brotli.Decompressor().process(body, output_buffer_limit=limit))


def _unzstd(body: bytes, limit: int) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True).read(limit)


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip, "x-gzip": _gunzip, "deflate": _inflate, "br": _unbrotli, "zstd": _unzstd
}  # fmt: skip
