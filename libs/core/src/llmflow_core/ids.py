"""Trace and span ids, as the W3C Trace Context specification defines them: 16 and 8 random bytes, never all zero."""

from __future__ import annotations

import hashlib
import os
import uuid

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8


def new_trace_id() -> bytes:
    """A random 16-byte trace id."""
    return os.urandom(TRACE_ID_BYTES)


def new_span_id() -> bytes:
    """A random 8-byte span id."""
    return os.urandom(SPAN_ID_BYTES)


def trace_id_from_text(text: str) -> bytes:
    """The trace id that any caller-chosen string stands for: same string, same trace.

    A UUID or 32 hexadecimal digits are taken as the id itself, so that it is found again under that name; anything
    else is hashed (SHA-256, first 16 bytes).
    """
    try:
        trace_id = uuid.UUID(text.strip()).bytes
    except ValueError:
        trace_id = hashlib.sha256(text.encode()).digest()[:TRACE_ID_BYTES]
    return trace_id if any(trace_id) else hashlib.sha256(text.encode()).digest()[:TRACE_ID_BYTES]
