"""Slows password guessing: after some failures each further one doubles the wait."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

LONGEST_WAIT_SECONDS = 300.0
FORGET_AFTER_SECONDS = 900.0
CAPACITY = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Throttle:
    """Counts failures by key, in memory of this process, for at most `CAPACITY` keys (the quietest is forgotten).

    A key may fail `free_failures` times at once; then it waits 1, 2, 4, ... seconds after each failure, at most
    `LONGEST_WAIT_SECONDS`. A key without a failure for `FORGET_AFTER_SECONDS` starts anew. `clock` gives seconds.
    """

    def __init__(self, free_failures: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._free_failures = free_failures
        self._clock = clock
        self._failures: OrderedDict[Hashable, _Failures] = OrderedDict()

    def wait(self, key: Hashable) -> float:
        """Seconds until `key` may try again; 0 when it may now."""
        failures = self._failures.get(key)
        if failures is None or failures.count < self._free_failures:
            return 0.0
        doublings = min(failures.count - self._free_failures, 20)
        return max(0.0, failures.last + min(2.0**doublings, LONGEST_WAIT_SECONDS) - self._clock())

    def failed(self, key: Hashable) -> None:
        """Count a failure of `key`."""
        now = self._clock()
        failures = self._failures.pop(key, None)
        if failures is None or now - failures.last > FORGET_AFTER_SECONDS:
            failures = _Failures(0, now)
        self._failures[key] = _Failures(failures.count + 1, now)
        if len(self._failures) > CAPACITY:
            self._failures.popitem(last=False)

    def succeeded(self, key: Hashable) -> None:
        """Forget the failures of `key`."""
        self._failures.pop(key, None)
