"""Ranges of time as what rollups are kept by: whole minutes, hours, days and weeks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

#: A unit, and the Unix microseconds from which and up to which its rows count.
Range = tuple[str, int, int]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_US = {"week": 604_800_000_000, "day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000}


def unix_us(time: datetime) -> int:
    """Unix microseconds."""
    return (time - EPOCH) // timedelta(microseconds=1)


def widened(from_time: datetime, to_time: datetime, unit: str) -> tuple[int, int]:
    """The range in Unix microseconds, begun and ended at a whole `unit`."""
    size = _UNITS_US[unit]
    return unix_us(from_time) // size * size, -(-unix_us(to_time) // size) * size


def covering(
    from_us: int, to_us: int, *, finest: str, coarsest: str = "day", interval_us: int | None = None
) -> list[Range]:
    """The range as few (unit, from, to): whole ones of `coarsest` where they fit, shorter ones at the ends, nothing
    finer than `finest`, of which both ends are multiples, and nothing that an interval would cut."""
    units = [unit for unit in _UNITS_US if interval_us is None or interval_us % _UNITS_US[unit] == 0]
    units = [unit for unit in units if _UNITS_US[finest] <= _UNITS_US[unit] <= _UNITS_US[coarsest]] or [finest]
    return _covering(from_us, to_us, units)


def _covering(low: int, high: int, units: Sequence[str]) -> list[Range]:
    if low >= high:
        return []
    unit, finer = units[0], units[1:]
    size = _UNITS_US[unit]
    first, last = -(-low // size) * size, high // size * size
    if not finer:
        return [(unit, low, high)]
    if first >= last:
        return _covering(low, high, finer)
    return [*_covering(low, first, finer), (unit, first, last), *_covering(last, high, finer)]
