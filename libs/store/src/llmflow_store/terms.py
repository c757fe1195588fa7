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

_MOST_KEYS = 20_000
_NOT_SEEN = object()


def terms_of(spans: Iterable[Span]) -> set[int]:
    """The numbers of all attributes and resource attributes of `spans`."""
    terms: set[int] = set()
    resources: dict[int, Mapping[str, JSON]] = {}
    seen: dict[str, JSON] = {}
    for span in spans:
        _add(terms, _OF_SPANS, span.attributes, seen)
        resources[id(span.resource_attributes)] = span.resource_attributes
    for attributes in resources.values():
        _add(terms, _OF_RESOURCES, attributes, {})
    return terms


def terms_for(field: str, key: str, value: str | None) -> list[int] | None:
    """The numbers of which a trace has one if `field` (attr, resource) `key` may be `value` in it, whatever type holds
    the value; None asks for the key alone. None when the index cannot tell."""
    of_key, start = (_OF_SPANS if field == "attr" else _OF_RESOURCES)[key]
    if value is None:
        return [of_key]
    if len(value) > MAX_VALUE_CHARACTERS:
        return None
    texts = {value, _canonical(value)}
    return sorted({crc32(text.encode("utf-8", "replace"), start) - _SIGN for text in texts})


class _Starts(dict[str, tuple[int, int]]):
    """Key -> its term, and the checksum that those of its values go on from; found out when asked for, and
    remembered."""

    def __init__(self, field: bytes) -> None:
        super().__init__()
        self._field = crc32(field)

    def __missing__(self, key: str) -> tuple[int, int]:
        start = crc32(key.encode("utf-8", "replace"), self._field)
        if len(self) >= _MOST_KEYS:
            self.clear()
        self[key] = starts = (start - _SIGN, crc32(b"=", start))
        return starts


_OF_SPANS, _OF_RESOURCES = _Starts(b"a"), _Starts(b"r")


def _add(terms: set[int], starts: _Starts, attributes: Mapping[str, JSON], seen: dict[str, JSON]) -> None:
    """Add the terms of attributes, less those in `seen`, the last value of each key. Millions of values a minute come
    through here: half of them are the same object that the span before had."""
    for key, value in attributes.items():
        if seen.get(key, _NOT_SEEN) is value:
            continue
        seen[key] = value
        of_key, start = starts[key]
        terms.add(of_key)
        if type(value) is str:
            if len(value) <= MAX_VALUE_CHARACTERS:
                terms.add(crc32(value.encode("utf-8", "replace"), start) - _SIGN)
        else:
            for item in value if isinstance(value, list) else (value,):
                text = _text(item)
                if text is not None:
                    terms.add(crc32(text.encode("utf-8", "replace"), start) - _SIGN)


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


@lru_cache(maxsize=_MOST_KEYS)
def _float_text(value: float) -> str:
    return _canonical(repr(value))


def _canonical(text: str) -> str:
    """The same text for the same number, however it is written; any other text as it is."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return format(number.normalize(), "f") if number.is_finite() and abs(number.adjusted()) < 30 else text
