"""The opaque page cursor: a TraceCursor as 24 bytes in base64url."""

from __future__ import annotations

import base64
import binascii
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
        start_time_ns, trace_id = _FORMAT.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, struct.error):
        raise Rejected("not a cursor of this list; take next_cursor of a page", field="cursor") from None
    if start_time_ns < 0:
        raise Rejected("not a cursor of this list; take next_cursor of a page", field="cursor")
    return TraceCursor(start_time_ns, trace_id)
