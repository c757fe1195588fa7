"""The opaque page cursors in base64url: a TraceCursor as 24 bytes, a SpanCursor as 32, others as a time and a key.

A cursor of a list that is not newest first goes on with the list's order and the value in it: `cost desc 0.25`.
"""

from __future__ import annotations

import base64
import struct
from decimal import Decimal
from typing import Any, NamedTuple

from llmflow_core.errors import Rejected
from llmflow_store.port import OrderedBy, SpanCursor, TraceCursor

_FORMAT = struct.Struct(">q16s")
_SPAN_FORMAT = struct.Struct(">q8s16s")
_TIME = struct.Struct(">q")
#: Of the values that lists are ordered by.
_LARGEST, _DIGITS = 2**63 - 1, 50


class ListOrder(NamedTuple):
    """What a list of traces or spans is ordered by."""

    by: OrderedBy = "time"
    ascending: bool = False

    def __str__(self) -> str:
        return f"{self.by} {'asc' if self.ascending else 'desc'}"


NEWEST_FIRST = ListOrder()


def encode_cursor(cursor: TraceCursor, order: ListOrder = NEWEST_FIRST) -> str:
    """The text that stands for `cursor` in a URL."""
    return _encoded(_FORMAT.pack(cursor.start_time_ns, cursor.trace_id) + _ordered(order, cursor.value))


def decode_cursor(text: str, order: ListOrder = NEWEST_FIRST) -> TraceCursor:
    """The cursor that `encode_cursor` wrote as `text`; raises Rejected, naming `cursor`, for any other text and for a
    cursor of another order."""
    (start_time_ns, trace_id), value = _decoded(_FORMAT, text, order)
    return TraceCursor(start_time_ns, trace_id, value)


def encode_span_cursor(cursor: SpanCursor, order: ListOrder = NEWEST_FIRST) -> str:
    """The text that stands for `cursor` in a URL."""
    key = _SPAN_FORMAT.pack(cursor.start_time_ns, cursor.span_id, cursor.trace_id)
    return _encoded(key + _ordered(order, cursor.value))


def decode_span_cursor(text: str, order: ListOrder = NEWEST_FIRST) -> SpanCursor:
    """The same for what `encode_span_cursor` wrote."""
    (start_time_ns, span_id, trace_id), value = _decoded(_SPAN_FORMAT, text, order)
    return SpanCursor(start_time_ns, span_id, trace_id, value)


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


def _ordered(order: ListOrder, value: int | Decimal | None) -> bytes:
    """What a cursor ends with; nothing for the order that lists have when none is asked for."""
    if order == NEWEST_FIRST:
        return b""
    number = f"{value:f}" if isinstance(value, Decimal) else "" if value is None else str(value)
    return f"{order} {number}".encode()


def _decoded(form: struct.Struct, text: str, order: ListOrder) -> tuple[tuple[Any, ...], int | Decimal | None]:
    """The members that `form` packed into `text`, of which the first is a time, and the value that follows them."""
    try:
        packed = base64.urlsafe_b64decode(text)
        members = form.unpack(packed[: form.size])
        *name, number = packed[form.size :].decode().rsplit(" ", 1)
    except (ValueError, struct.error):
        raise _not_a_cursor() from None
    if members[0] < 0 or _encoded(packed) != text:
        raise _not_a_cursor()
    if name != ([] if order == NEWEST_FIRST else [str(order)]):
        raise Rejected(f"not of a list in the order {order}; take one of its pages, or begin without", field="cursor")
    value = _value(order, number)
    if packed[form.size :] != _ordered(order, value):
        raise _not_a_cursor()
    return members, value


def _value(order: ListOrder, number: str) -> int | Decimal | None:
    if not number or order.by == "time":
        return None
    try:
        value = Decimal(number) if order.by == "cost" else int(number)
        if 0 < value <= _LARGEST and len(number) <= _DIGITS:
            return value
    except (ArithmeticError, ValueError):
        pass
    raise _not_a_cursor()


def _not_a_cursor() -> Rejected:
    return Rejected("not a cursor of this list; take next_cursor of a page", field="cursor")
