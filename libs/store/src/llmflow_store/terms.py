"""The index of attributes: each short value of an attribute becomes a number, and a trace has the set of its numbers.

A number only says that the value may be there; whoever looks by it compares the attribute itself as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zlib import crc32

from llmflow_core.spans import JSON, Span

#: Longer texts are not in the index.
MAX_VALUE_CHARACTERS = 256
_SIGN = 1 << 31


def terms_of(spans: Iterable[Span]) -> list[int]:
    """The numbers of all attributes and resource attributes of `spans`, ascending."""
    terms: set[int] = set()
    resources: dict[int, Mapping[str, JSON]] = {}
    for span in spans:
        _add(terms, b"a", span.attributes)
        resources[id(span.resource_attributes)] = span.resource_attributes
    for attributes in resources.values():
        _add(terms, b"r", attributes)
    return sorted(terms)


def terms_for(field: str, key: str, value: str | None) -> list[int] | None:
    """The numbers of which a trace has one if `field` (attr, resource) `key` may be `value` in it, whatever type holds
    the value; None asks for the key alone. None when the index cannot tell."""
    if value is None:
        return [_term(field[0].encode(), key, b"")]
    if len(value) > MAX_VALUE_CHARACTERS:
        return None
    texts = {value, _canonical(value)}
    return sorted({_term(field[0].encode(), key, b"=" + text.encode("utf-8", "replace")) for text in texts})


def _add(terms: set[int], field: bytes, attributes: Mapping[str, JSON]) -> None:
    for key, value in attributes.items():
        if type(value) is str:
            terms.update(_text_terms(field, key, value))
            continue
        start = _start(field, key)
        terms.add(start - _SIGN)
        for item in value if isinstance(value, list) else (value,):
            text = _text(item)
            if text is not None:
                terms.add(crc32(b"=" + text.encode("utf-8", "replace"), start) - _SIGN)


# Most attributes and values come again and again.
@lru_cache(maxsize=10_000)
def _start(field: bytes, key: str) -> int:
    return crc32(key.encode("utf-8", "replace"), crc32(field))


@lru_cache(maxsize=30_000)
def _text_terms(field: bytes, key: str, value: str) -> tuple[int, ...]:
    start = _start(field, key)
    if len(value) > MAX_VALUE_CHARACTERS:
        return (start - _SIGN,)
    return start - _SIGN, crc32(b"=" + value.encode("utf-8", "replace"), start) - _SIGN


def _term(field: bytes, key: str, value: bytes) -> int:
    return crc32(value, _start(field, key)) - _SIGN


def _text(value: JSON) -> str | None:
    if isinstance(value, str):
        return value if len(value) <= MAX_VALUE_CHARACTERS else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -(10**30) < value < 10**30 else None
    if isinstance(value, float):
        return _float_text(value) if math.isfinite(value) else None
    return None


@lru_cache(maxsize=10_000)
def _float_text(value: float) -> str:
    return _canonical(repr(value))


def _canonical(text: str) -> str:
    """The same text for the same number, however it is written; any other text as it is."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return format(number.normalize(), "f") if number.is_finite() and abs(number.adjusted()) < 30 else text
