"""How figures, times and foreign text are written for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

_STEPS = ((60 * 10**9, "m", 1), (10**9, "s", 2), (10**6, "ms", 0), (10**3, "µs", 0))
_BARS = "▁▂▃▄▅▆▇█"
_BLOCKS = " ▏▎▍▌▋▊▉█"
#: What would move a terminal's cursor or change its colours: everything that is no line break, and no tab.
_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "�")


def plain(value: Any) -> str:
    """A value as text that does nothing to a terminal, whoever wrote it; members of a list with commas between."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.translate(_CONTROLS)


def one_line(value: Any) -> str:
    """The same with every run of white space as one space."""
    return plain(" ".join(str(value).split()))


def moment(iso: str) -> str:
    """A time of the API in the zone of whoever looks: `2026-11-21 19:30:12`."""
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(nanoseconds: float) -> str:
    """`1.25 s`, `840 ms`, `12.5 m`."""
    for length, unit, digits in _STEPS:
        if nanoseconds >= length:
            return f"{nanoseconds / length:.{digits}f} {unit}"
    return f"{nanoseconds:.0f} ns"


def count(number: float) -> str:
    """`12,345`, and of a fraction up to three digits after the point."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.3f}".rstrip("0")


def dollars(amount: str | float) -> str:
    """`$12.34`; smaller amounts with as many as six digits after the point."""
    value = Decimal(str(amount))
    if abs(value) >= 1:
        return f"${value:,.2f}"
    whole, _, cents = f"{value:.6f}".partition(".")
    return f"${whole}.{cents.rstrip('0').ljust(2, '0')}"


def quantity(number: float, unit: str) -> str:
    """A figure of `/analytics` in its unit."""
    match unit:
        case "usd":
            return dollars(number)
        case "nanoseconds":
            return duration(number)
        case "ratio":
            return f"{number:.1%}"
    return count(number)


def sparkline(values: Sequence[float | None]) -> str:
    """A character for each value, from ▁ for nothing to █ for the largest; a space where nothing was measured."""
    largest = max((value for value in values if value is not None), default=0.0)
    if largest <= 0:
        return "".join(" " if value is None else _BARS[0] for value in values)
    steps = len(_BARS) - 1
    return "".join(" " if value is None else _BARS[round(max(value, 0.0) / largest * steps)] for value in values)


def bar(share: float, width: int = 20) -> str:
    """A bar of `share` of the width, in eighths of a character."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    return "█" * (eighths // 8) + (_BLOCKS[eighths % 8] if eighths % 8 else "")
