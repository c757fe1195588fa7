"""Ranges of time as what rollups are kept by: whole minutes, hours, days and weeks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS_US = {"week": 604_800_000_000, "day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000}


class Range(NamedTuple):
    """A unit, and the Unix microseconds from which and up to which its rows are added, or with the sign -1 taken
    away."""

    unit: str
    low: int
    high: int
    sign: int = 1


def unix_us(time: datetime) -> int:
    """Unix microseconds."""
    return (time - EPOCH) // timedelta(microseconds=1)


def widened(from_time: datetime, to_time: datetime, unit: str) -> tuple[int, int]:
    """The range in Unix microseconds, begun and ended at a whole `unit`."""
    size = UNITS_US[unit]
    return unix_us(from_time) // size * size, -(-unix_us(to_time) // size) * size


def covering(
    from_us: int,
    to_us: int,
    *,
    finest: str,
    coarsest: str = "day",
    interval_us: int | None = None,
    subtracting: bool = False,
) -> list[Range]:
    """The range as few rows: whole ones of `coarsest` where they fit, shorter ones at the ends, nothing finer than
    `finest`, of which both ends are multiples, and nothing that an interval would cut.

    With `subtracting` the last or first hours of a day, say, can be a whole day without its other hours. A week is only
    cut so at its end, for retention may have removed its first days.
    """
    units = [unit for unit in UNITS_US if interval_us is None or interval_us % UNITS_US[unit] == 0]
    units = [unit for unit in units if UNITS_US[finest] <= UNITS_US[unit] <= UNITS_US[coarsest]] or [finest]
    now_us = unix_us(datetime.now(UTC)) if subtracting else None
    return _covering(from_us, to_us, units, now_us)


def _covering(low: int, high: int, units: Sequence[str], now_us: int | None) -> list[Range]:
    if low >= high:
        return []
    unit, finer = units[0], units[1:]
    size = UNITS_US[unit]
    first, last = -(-low // size) * size, high // size * size
    if not finer:
        return [Range(unit, low, high)]
    if first > last:
        return _covering(low, high, finer, now_us)
    before, after = _covering(low, first, finer, now_us), _covering(last, high, finer, now_us)
    if now_us is not None:
        taken = _taken(first - size, low, finer, now_us)
        if unit != "week" and 1 + _rows(taken, now_us) < _rows(before, now_us):
            before, first = taken, first - size
        taken = _taken(high, last + size, finer, now_us)
        if 1 + _rows(taken, now_us) < _rows(after, now_us):
            after, last = taken, last + size
    whole = [Range(unit, first, last)] if first < last else []
    return [*before, *whole, *after]


def _taken(low: int, high: int, units: Sequence[str], now_us: int) -> list[Range]:
    return [part._replace(sign=-part.sign) for part in _covering(low, high, units, now_us)]


def _rows(parts: Sequence[Range], now_us: int) -> int:
    """How many units there are; hardly anything is in the future."""
    return sum(-(-max(0, min(high, now_us) - low) // UNITS_US[unit]) for unit, low, high, _ in parts)
