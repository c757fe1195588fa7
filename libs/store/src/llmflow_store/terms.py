"""The index of attributes: each short value of an attribute becomes a number, and a trace has the set of its numbers.

A number only says that the value may be there; whoever looks by it compares the attribute itself as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zlib import crc32

from llmflow_core.spans import JSON, Span

#: Longer texts are not in the index.
MAX_VALUE_CHARACTERS = 256
_SIGN = 1 << 31

# Most attributes come again and again: the terms of those that came, by where they are.
_MOST_KNOWN = 20_000
_LARGE = 2**53
_known: dict[bytes, dict[tuple[str, JSON], Sequence[int]]] = {b"a": {}, b"r": {}}


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
    known = _known[field]
    try:
        found = list(map(known.get, attributes.items()))
    except TypeError:  # a list or an object is no key
        found = [None if isinstance(item[1], (list, dict)) else known.get(item) for item in attributes.items()]
    if None in found:
        for attribute, its_terms in zip(attributes.items(), found, strict=True):
            if its_terms is None:
                terms.update(_remembered(known, field, attribute))
    terms.update(*filter(None, found))


def _remembered(
    known: dict[tuple[str, JSON], Sequence[int]], field: bytes, attribute: tuple[str, JSON]
) -> Sequence[int]:
    key, value = attribute
    terms = _terms(field, key, value)
    # Equal keys have equal terms only where no truth value is among them, which equal 0 and 1, and no large number.
    is_key = 1 < value < _LARGE if type(value) is int else isinstance(value, str) and len(value) <= MAX_VALUE_CHARACTERS
    if is_key:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[attribute] = terms
    return terms


def _terms(field: bytes, key: str, value: JSON) -> list[int]:
    start = _start(field, key)
    terms = [start - _SIGN]
    for item in value if isinstance(value, list) else (value,):
        text = _text(item)
        if text is not None:
            terms.append(crc32(b"=" + text.encode("utf-8", "replace"), start) - _SIGN)
    return terms


@lru_cache(maxsize=_MOST_KNOWN)
def _start(field: bytes, key: str) -> int:
    return crc32(key.encode("utf-8", "replace"), crc32(field))


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


@lru_cache(maxsize=_MOST_KNOWN)
def _float_text(value: float) -> str:
    return _canonical(repr(value))


def _canonical(text: str) -> str:
    """The same text for the same number, however it is written; any other text as it is."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return format(number.normalize(), "f") if number.is_finite() and abs(number.adjusted()) < 30 else text
