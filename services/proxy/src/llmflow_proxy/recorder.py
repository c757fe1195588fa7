"""Where finished exchanges wait, for a few milliseconds, until their records are made beside the traffic."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from llmflow_proxy.capture import Budget
from llmflow_proxy.exchange import Exchange

#: A caller that asks again at once is served before its last exchange is recorded. The span then waits in memory for a
#: multiple of this in any case, so a process that is killed loses hardly more.
_DELAY_SECONDS = 0.005
#: Others get their turn after so much work on records.
_SLICE_SECONDS = 0.001
#: No more wait, so that the traffic slows down to what can be recorded. Several one after the other take less processor
#: time than each alone between other code.
_MOST_WAITING = 16


class Recorder:
    """Has `record` called with every exchange given to it, in order, after about five milliseconds.

    All are recorded at once when too many wait, or when half of the `budget` for bodies is held. `record` must not
    raise, and must give back what the exchange holds of the budget.
    """

    def __init__(self, record: Callable[[Exchange], None], budget: Budget) -> None:
        self._record = record
        self._budget = budget
        self._waiting: deque[Exchange] = deque()
        self._scheduled = False

    def add(self, exchange: Exchange) -> None:
        """Take an exchange, of which nothing may change any more."""
        self._waiting.append(exchange)
        if len(self._waiting) > _MOST_WAITING or self._budget.held > self._budget.limit // 2:
            self.finish()
        elif not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(_DELAY_SECONDS, self._work)

    def finish(self) -> None:
        """Record all that wait now."""
        while self._waiting:
            self._record(self._waiting.popleft())

    def _work(self) -> None:
        until = time.perf_counter() + _SLICE_SECONDS
        while self._waiting:
            self._record(self._waiting.popleft())
            if time.perf_counter() > until:
                break
        self._scheduled = bool(self._waiting)
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._work)
