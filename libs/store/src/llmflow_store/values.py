"""Values as PostgreSQL can hold them, so that one odd value does not cost a row.

- text: NUL and lone surrogates become U+FFFD;
- JSON: the same in strings and keys; NaN and infinities become the strings `NaN`, `Infinity`, `-Infinity`, and integers
  beyond 64 bits their decimal strings;
- labels (what rollups and indexes are keyed by: service, provider, model, ...) are cut after 512 bytes;
- costs of 10^9 dollars and more, and other numbers beyond their column become NULL, costs are rounded to 18 decimals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

import orjson

from llmflow_core.errors import Permanent
from llmflow_core.spans import JSON

BIGINT_MAX = 2**63 - 1
INTEGER_MAX = 2**31 - 1
MOST_TOKENS = 10**12
_UNSIGNED_64_MAX = 2**64 - 1
_MOST_DOLLARS = Decimal(10**9)
USUAL_QUANTUM = Decimal("1e-11")
_COST_DECIMALS = 18
_LABEL_BYTES = 512
_PROJECT_BYTES = 255


@lru_cache(maxsize=1_000)
def check_project(project: str) -> None:
    """Raise Permanent for a name that no project can have."""
    if not project or text(project) != project or len(project.encode()) > _PROJECT_BYTES:
        raise Permanent(f"project must be 1 to {_PROJECT_BYTES} bytes of text")


def check_time(nanoseconds: int, name: str) -> None:
    """Raise Permanent, blaming the field `name`, for a time that no row can hold."""
    if not 0 <= nanoseconds <= BIGINT_MAX:
        raise Permanent(f"{name} must lie between the years 1970 and 2262")


def text(value: str) -> str:
    """Any string as text."""
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        # UTF-16 joins the surrogates that are a pair, and only those.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def text_or_none(value: str | None) -> str | None:
    """`text`, and None as it is."""
    return None if value is None else text(value)


@lru_cache(maxsize=10_000)
def label(value: str) -> str:
    """`value` as the columns hold it that rollups and indexes are keyed by; filters compare with this."""
    value = text(value)
    return value if len(value) * 4 <= _LABEL_BYTES else value.encode()[:_LABEL_BYTES].decode(errors="ignore")


def label_or_none(value: str | None) -> str | None:
    """`label`, and None as it is."""
    return None if value is None else label(value)


def within(value: int | None, most: int) -> int | None:
    """A number from 0 to `most`."""
    return value if value is not None and 0 <= value <= most else None


def finite(value: float | None) -> float | None:
    """A number that is one."""
    return value if value is not None and math.isfinite(value) else None


def cost(value: Decimal | None) -> Decimal | None:
    """US dollars."""
    if value is None or not value.is_finite() or not -_MOST_DOLLARS < value < _MOST_DOLLARS:
        return None
    # Prices are of that quantum, and to ask a number for its own takes ten times as long.
    if value.same_quantum(USUAL_QUANTUM) or int(value.as_tuple().exponent) >= -_COST_DECIMALS:
        return value
    return round(value, _COST_DECIMALS)


def json(value: JSON) -> bytes:
    """Encoded JSON. Raises Permanent for what is none."""
    try:
        encoded = orjson.dumps(value)
        # orjson writes NaN and infinities as null, and NUL as an escape that jsonb refuses; one byte is found fastest.
        if b"null" not in encoded and (b"\\" not in encoded or b"\\u0000" not in encoded):
            return encoded
    except orjson.JSONEncodeError:
        pass
    try:
        return orjson.dumps(_clean(value))
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise Permanent(f"a value is not JSON: {error}") from None


def _clean(value: JSON) -> JSON:
    match value:
        case None | bool():
            return value
        case str():
            return text(value)
        case int():
            return value if -BIGINT_MAX - 1 <= value <= _UNSIGNED_64_MAX else str(value)
        case float():
            if math.isfinite(value):
                return value
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case Mapping():
            return {text(str(name)): _clean(entry) for name, entry in value.items()}
        case list() | tuple():
            return [_clean(entry) for entry in value]
        case _:
            return text(str(value))
