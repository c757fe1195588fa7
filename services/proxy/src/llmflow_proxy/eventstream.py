"""The messages of `application/vnd.amazon.eventstream` (Amazon's event stream encoding, as Bedrock streams).

A message is its length and its headers' length (4 bytes each, big-endian), the CRC32 of those, the headers, the payload
and the CRC32 of everything before.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_PRELUDE = struct.Struct(">III")
_LENGTH = struct.Struct(">H")
_CHECKSUM = struct.Struct(">I")
_SMALLEST = _PRELUDE.size + _CHECKSUM.size
#: The encoding's own limits for a message and its headers, in bytes.
_LARGEST = 24 << 20
_LARGEST_HEADERS = 128 << 10
_TEXT = 7
#: Bytes of a header's value by its type: booleans, integers, timestamp, UUID. Byte arrays (6) and text (7) tell theirs.
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


def messages(data: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Text headers and payload of every whole message whose checksums are right.

    What is not a message is passed over until the next one begins, so `data` may start or end in the middle of one.
    """
    at = 0
    while at + _SMALLEST <= len(data):
        length = _length_at(data, at)
        if length is None or at + length > len(data):
            at += 1
            continue
        (checksum,) = _CHECKSUM.unpack_from(data, at + length - _CHECKSUM.size)
        if zlib.crc32(data[at : at + length - _CHECKSUM.size]) != checksum:
            at += 1
            continue
        begin = at + _PRELUDE.size
        end = begin + _PRELUDE.unpack_from(data, at)[1]
        yield _headers(data[begin:end]), data[end : at + length - _CHECKSUM.size]
        at += length


def _length_at(data: bytes, at: int) -> int | None:
    """The length of the message that begins here, or None when none does."""
    length: int
    length, headers, checksum = _PRELUDE.unpack_from(data, at)
    if not _SMALLEST <= length <= _LARGEST or headers > min(length - _SMALLEST, _LARGEST_HEADERS):
        return None
    return length if zlib.crc32(data[at : at + 8]) == checksum else None


def _headers(data: bytes) -> dict[str, str]:
    found = {}
    at = 0
    while at < len(data):
        name = data[at + 1 : at + 1 + data[at]].decode(errors="replace")
        at += 1 + data[at]
        kind = data[at] if at < len(data) else -1
        at += 1
        if kind in _FIXED:
            at += _FIXED[kind]
            continue
        if kind not in (6, _TEXT) or at + _LENGTH.size > len(data):
            break
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if kind == _TEXT:
            found[name] = data[at : at + length].decode(errors="replace")
        at += length
    return found
