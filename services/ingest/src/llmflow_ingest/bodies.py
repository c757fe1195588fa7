"""The encodings that requests come in: content types (which the answer repeats) and content encodings."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from enum import StrEnum

import zstandard
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from llmflow_core.errors import Rejected
from llmflow_ingest.errors import TooLarge, UnsupportedMedia

# A zstd block of 4 bytes may stand for 128 KiB: a slice of this size inflates to at most 32 MiB before it is measured.
_ZSTD_SLICE = 1024
# What is left behind the end of a gzip member is copied, and a body may be nothing but members of a few bytes.
_ZLIB_SLICE = 4096
# RFC 9659: a decoder of HTTP bodies must support windows of 8 MB and should refuse larger ones.
_ZSTD_WINDOW = 8 * 1024 * 1024


class Encoding(StrEnum):
    """The two encodings of OTLP/HTTP, by their content type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"

    @classmethod
    def of(cls, content_type: str | None) -> Encoding:
        """The encoding that a Content-Type header names. Raises UnsupportedMedia for any other."""
        media_type = (content_type or "").partition(";")[0].strip().lower()
        try:
            return cls(media_type)
        except ValueError:
            raise UnsupportedMedia(
                f"{media_type or 'none'} is not {cls.PROTOBUF} or {cls.JSON}", field="content-type"
            ) from None

    def render(self, message: Message) -> bytes:
        """Encode an answer."""
        if self is Encoding.PROTOBUF:
            return message.SerializeToString()
        return MessageToJson(message, indent=None).encode()


def decompress(body: bytes, content_encoding: str | None, limit: int) -> bytes:
    """Undo a Content-Encoding header: none, identity, gzip, deflate (zlib-wrapped or raw) or zstd.

    Raises UnsupportedMedia for any other, TooLarge when more than `limit` bytes come out, Rejected when the bytes are
    damaged or cut short.
    """
    name = (content_encoding or "identity").strip().lower()
    if name == "identity":
        return body
    inflate = _INFLATERS.get(name)
    if inflate is None:
        raise UnsupportedMedia(f"{name} is not one of identity, {', '.join(_INFLATERS)}", field="content-encoding")
    try:
        return inflate(body, limit)
    except (zlib.error, zstandard.ZstdError) as error:
        raise Rejected(f"not valid {name}: {error}", field="body") from None


def _gzip(body: bytes, limit: int) -> bytes:
    return _zlib(body, limit, wbits=31, several=True)


def _deflate(body: bytes, limit: int) -> bytes:
    zlib_wrapped = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0
    return _zlib(body, limit, wbits=15 if zlib_wrapped else -15, several=False)


def _zlib(body: bytes, limit: int, *, wbits: int, several: bool) -> bytes:
    output = bytearray()
    member = zlib.decompressobj(wbits)
    for start in range(0, len(body), _ZLIB_SLICE):
        rest = body[start : start + _ZLIB_SLICE]
        while rest:
            if member.eof:
                if not several:
                    raise Rejected("something follows the end of the compressed data", field="body")
                member = zlib.decompressobj(wbits)
            output += member.decompress(rest, limit + 1 - len(output))
            _measure(output, limit)
            rest = member.unused_data
    if not member.eof:
        raise Rejected("the compressed data is cut short", field="body")
    return bytes(output)


def _zstd(body: bytes, limit: int) -> bytes:
    output = bytearray()
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = decompressor.decompressobj()
    for start in range(0, len(body), _ZSTD_SLICE):
        rest = body[start : start + _ZSTD_SLICE]
        while rest:
            if frame.eof:
                frame = decompressor.decompressobj()
            output += frame.decompress(rest)
            _measure(output, limit)
            rest = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise Rejected("the compressed data is cut short", field="body")
    return bytes(output)


def _measure(output: bytearray, limit: int) -> None:
    if len(output) > limit:
        raise TooLarge(f"decompresses to more than {limit} bytes", field="body")


_INFLATERS: dict[str, Callable[[bytes, int], bytes]] = {"gzip": _gzip, "deflate": _deflate, "zstd": _zstd}
