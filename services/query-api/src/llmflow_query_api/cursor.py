"""The opaque page cursors in base64url: a TraceCursor as 24 bytes, a SpanCursor as 32, others as a time and a key."""

from __future__ import annotations

import base64
import struct
from typing import Any

from llmflow_core.errors import Rejected
from llmflow_store.port import SpanCursor, TraceCursor

_FORMAT = struct.Struct(">q16s")
_SPAN_FORMAT = struct.Struct(">q8s16s")
_TIME = struct.Struct(">q")


def encode_cursor(cursor: TraceCursor) -> str:
    """The text that stands for `cursor` in a URL."""
    return _encoded(_FORMAT.pack(cursor.start_time_ns, cursor.trace_id))


def decode_cursor(text: str) -> TraceCursor:
    """The cursor that `encode_cursor` wrote as `text`; raises Rejected, naming `cursor`, for any other text."""
    return TraceCursor(*_decoded(_FORMAT, text))


def encode_span_cursor(cursor: SpanCursor) -> str:
    """The text that stands for `cursor` in a URL."""
    return _encoded(_SPAN_FORMAT.pack(cursor.start_time_ns, cursor.span_id, cursor.trace_id))


def decode_span_cursor(text: str) -> SpanCursor:
    """The cursor that `encode_span_cursor` wrote as `text`; raises Rejected, naming `cursor`, for any other text."""
    return SpanCursor(*_decoded(_SPAN_FORMAT, text))


def encode_position(time_ns: int, key: bytes) -> str:
    """The text that stands in a URL for a place in a list that is ordered by time and a key."""
    return _encoded(_TIME.pack(time_ns) + key)


def decode_position(text: str) -> tuple[int, bytes]:
    """What `encode_position` wrote as `text`; raises Rejected, naming `cursor`, for any other text."""
    try:
        packed = base64.urlsafe_b64decode(text)
        (time_ns,) = _TIME.unpack(packed[: _TIME.size])
    except (ValueError, struct.error):
        raise _not_a_cursor() from None
    key = packed[_TIME.size :]
    if time_ns < 0 or not key or encode_position(time_ns, key) != text:
        raise _not_a_cursor()
    return time_ns, key


def decode_text_position(text: str) -> tuple[int, str]:
    """The same for a key that is text, encoded as UTF-8."""
    time_ns, key = decode_position(text)
    try:
        return time_ns, key.decode()
    except UnicodeDecodeError:
        raise _not_a_cursor() from None


def _encoded(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).decode()


def _decoded(form: struct.Struct, text: str) -> tuple[Any, ...]:
    """The members that `form` packed into `text`, of which the first is a time."""
    try:
        members = form.unpack(base64.urlsafe_b64decode(text))
    except (ValueError, struct.error):
        raise _not_a_cursor() from None
    if members[0] < 0 or _encoded(form.pack(*members)) != text:
        raise _not_a_cursor()
    return members


def _not_a_cursor() -> Rejected:
    return Rejected("not a cursor of this list; take next_cursor of a page", field="cursor")
