"""Blanking out what should not be kept in recorded text: addresses, numbers, keys.

RE2 does the matching, in time proportional to the text whatever the pattern is, and the one pattern that is matched
otherwise is bounded: neither an adversarial prompt nor a careless pattern of the operator's can hold up the process.
Being found is best effort: text that was cut up, encoded or spelled out passes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import re2  # type: ignore[import-untyped]

from llmflow_core.patterns import compiled
from llmflow_core.spans import JSON

_EMAIL = r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"
_KEYS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=\s\\]|[:,-][A-Za-z0-9 ])*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"\bsk-[A-Za-z0-9_-]{16,}",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,})",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}",
    r"\bxox[abposr]-[A-Za-z0-9-]{10,}",
    r"\b(?:gsk_|hf_|xai-|pplx-|pk-lf-)[A-Za-z0-9_-]{20,}",
)
#: A run of at most 30 digits and separators, as people write cards and phone numbers; what it is, `_number` decides.
_NUMBER = r"\+?\(?\b\d[\d().\- ]{5,28}\d\b"
_CARD_DIGITS = range(13, 20)
_SMALLEST_CARD = 10**12
#: E.164: at most 15 digits; shorter ones are rather quantities.
_PHONE_DIGITS = range(8, 16)


class Redactor:
    """Replaces e-mail addresses, keys, payment cards, phone numbers and what `patterns` (RE2 syntax) match by
    `[email]`, `[key]`, `[card]`, `[phone]` and `[redacted]`.

    A card is 13 to 19 digits whose Luhn check holds. A phone number has a `+` or is grouped by brackets, spaces, dots
    or dashes; a bare run of digits, a date and a decimal number are left alone. Raises ValueError, which names the
    pattern by its number, for one that RE2 does not accept.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        for number, pattern in enumerate(patterns, 1):
            try:
                compiled(pattern)
            except ValueError as error:
                raise ValueError(f"pattern {number} is no regular expression for RE2: {error}") from None
        own = "|".join(f"(?:{pattern})" for pattern in patterns)
        self._own = compiled(own) if own else None
        self._known = compiled(f"({_EMAIL})|({'|'.join(_KEYS)})")
        self._number = compiled(_NUMBER)

    def text(self, text: str) -> str:
        """`text` with everything that is found replaced."""
        if self._own is not None:
            text = self._own.sub(lambda match: "[redacted]" if match.group() else "", text)
        text = self._known.sub(_replacement, text)
        # Texts full of numbers are common; `re` has far cheaper matches, RE2 sees sooner that there are none.
        return _NUMBERS.sub(_number, text) if self._number.search(text) else text

    def value(self, value: JSON) -> JSON:
        """`value` with every text in it redacted, however deep; the keys of objects stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, int) and value >= _SMALLEST_CARD:
            text = self.text(str(value))
            return value if text == str(value) else text
        return value


def _replacement(match: re2._Match) -> str:
    return "[email]" if match.group(1) is not None else "[key]"


def _number(match: re.Match[str]) -> str:
    text = match.group()
    digits = text.translate(_NO_SEPARATORS)
    if len(digits) in _CARD_DIGITS and _luhn([int(digit) for digit in digits]):
        return "[card]"
    if len(digits) in _PHONE_DIGITS and (text.startswith("+") or _grouped(text)):
        return "[phone]"
    return text


def _grouped(text: str) -> bool:
    """Whether digits stand as phone numbers are written: three groups or more, none of them a year's date's."""
    if _DATE.match(text):
        return False
    return len(text.translate(_SPACES).split()) >= 3


_DATE = re.compile(r"\d{4}[-. ]\d{1,2}[-. ]\d{1,2}|\d{1,2}[-. ]\d{1,2}[-. ]\d{4}\b|\d+\.\d+\.\d+\.\d+$")
_NUMBERS = re.compile(_NUMBER, re.ASCII)
_NO_SEPARATORS = dict.fromkeys(map(ord, "+().- "))
_SPACES = dict.fromkeys(map(ord, "+().-"), " ")


def _luhn(digits: Sequence[int]) -> bool:
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
