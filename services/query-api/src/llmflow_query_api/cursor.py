"""The opaque page cursor: a TraceCursor as 24 bytes in base64url."""

from __future__ import annotations

import base64
import struct

from llmflow_core.errors import Rejected
from llmflow_store.port import TraceCursor

_FORMAT = struct.Struct(">q16s")


def encode_cursor(cursor: TraceCursor) -> str:
    """The text that stands for `cursor` in a URL."""
    return base64.urlsafe_b64encode(_FORMAT.pack(cursor.start_time_ns, cursor.trace_id)).decode()


def decode_cursor(text: str) -> TraceCursor:
    """The cursor that `encode_cursor` wrote as `text`; raises Rejected, naming `cursor`, for any other text."""
    try:
        cursor = TraceCursor(*_FORMAT.unpack(base64.urlsafe_b64decode(text)))
    except (ValueError, struct.error):
        raise _not_a_cursor() from None
    if cursor.start_time_ns < 0 or encode_cursor(cursor) != text:
        raise _not_a_cursor()
    return cursor


def _not_a_cursor() -> Rejected:
    return Rejected("not a cursor of this list; take next_cursor of a page", field="cursor")
