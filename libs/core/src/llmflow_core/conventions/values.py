"""Conversions from an attribute's value to a field's; each gives None for what is not of its kind, and never raises."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from llmflow_core.spans import JSON

# More than this many objects and lists one in another can be read, and not written.
_DEEPEST = 254


def decoded(value: JSON) -> JSON:
    """JSON text of an object or a list as what it says; anything else as it is, JSON nested too deep to write too."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        found = orjson.loads(value)
        if value.count("[") + value.count("{") >= _DEEPEST:
            orjson.dumps(found)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return value
    return found


def parsed(value: JSON) -> JSON:
    """JSON text of anything, of a text or a number too, as what it says; anything else as `decoded` has it."""
    if not isinstance(value, str) or value.lstrip()[:1] in ("{", "["):
        return decoded(value)
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def as_list(value: JSON) -> list[Any]:
    """A list as it is, None as an empty one, all else as a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def mapping(value: JSON) -> dict[str, Any] | None:
    """An object, also as JSON text."""
    value = decoded(value)
    return value if isinstance(value, dict) else None


def member(*path: str, convert: Callable[[JSON], Any]) -> Callable[[JSON], Any]:
    """A conversion that goes down an object (also as JSON text) along `path`, and converts what is there."""

    def converted(value: JSON) -> Any:
        for step in path:
            found = mapping(value)
            if found is None:
                return None
            value = found.get(step)
        return convert(value)

    return converted


def text(value: JSON) -> str | None:
    """A non-empty string; numbers and booleans count as their text."""
    if isinstance(value, (str, int, float)) and value != "":
        return str(value)
    return None


def count(value: JSON) -> int | None:
    """A number of things: not negative. Some SDKs send counts as floats or strings."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value < 2**63 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and 0 <= value < 2**63 else None
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else None


def number(value: JSON) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def usd(value: JSON) -> Decimal | None:
    """An amount of US dollars: finite, not negative, below a million, to the billionth of a cent."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount.quantize(Decimal("1e-11")) if amount.is_finite() and 0 <= amount < 1_000_000 else None


def seconds_to_ns(value: JSON) -> int | None:
    """Seconds as a whole number of nanoseconds."""
    seconds = number(value)
    return round(seconds * 1e9) if seconds is not None and 0 <= seconds < 9e9 else None


def milliseconds_to_ns(value: JSON) -> int | None:
    """Milliseconds as a whole number of nanoseconds."""
    milliseconds = number(value)
    return seconds_to_ns(milliseconds / 1000) if milliseconds is not None else None


def texts(value: JSON) -> list[str] | None:
    """A list of strings, also as JSON text; any other string is a list of one."""
    value = decoded(value)
    if isinstance(value, str):
        return [value] if value else None
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)] or None
    return None
