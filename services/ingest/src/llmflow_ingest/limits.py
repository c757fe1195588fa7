"""How much a request, and all requests together, may hold, and how long one may take to arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from llmflow_core.errors import Retryable
from llmflow_ingest import metrics


class InFlight:
    """Counts the bytes of requests between their arrival and the log's acknowledgement; refuses those beyond `limit`.

    Nobody waits: a waiting request would hold its client's connection and, in the end, memory as well.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = 0

    @contextmanager
    def request(self) -> Iterator[Hold]:
        """What one request holds; it is given back at the end of the block."""
        hold = Hold(self)
        try:
            yield hold
        finally:
            hold.give_back()

    def take(self, size: int) -> None:
        """Count `size` bytes more. Raises Retryable beyond the limit, and then counts nothing."""
        if self._held + size > self.limit:
            raise Retryable("the receiver is busy with other requests")
        self._held += size
        metrics.IN_FLIGHT.set(self._held)

    def release(self, size: int) -> None:
        """Count `size` bytes less."""
        self._held -= size
        metrics.IN_FLIGHT.set(self._held)


class Hold:
    """The bytes of one request."""

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._size = 0

    def add(self, size: int) -> None:
        """Hold `size` bytes more. Raises Retryable when that is too much for now."""
        self._in_flight.take(size)
        self._size += size

    def give_back(self) -> None:
        """Hold nothing any more."""
        self._in_flight.release(self._size)
        self._size = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_body` bytes for one request, compressed and decompressed alike; `body_timeout` seconds for it to arrive."""

    max_body: int
    body_timeout: float
    in_flight: InFlight


class Slots:
    """So many at a time, each for so long: in all, `timeout` seconds with the wait for a slot, and only `patience` from
    the moment on that it has one, or that another begins to wait for it. So those who never come to their end hold up
    the others for no longer than that.
    """

    def __init__(self, number: int, *, timeout: float, patience: float) -> None:
        self._free = asyncio.Semaphore(number)
        self._timeout = timeout
        self._patience = min(patience, timeout)
        self._waiting = 0
        self._held: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a slot. Raises TimeoutError where the time is up, be it within the block."""
        async with asyncio.timeout(self._timeout) as deadline:
            if self._free.locked():
                for held in self._held:
                    self._hurry(held)
            self._waiting += 1
            try:
                await self._free.acquire()
            finally:
                self._waiting -= 1
            self._held.add(deadline)
            if self._waiting:
                self._hurry(deadline)
            try:
                yield
            finally:
                self._held.remove(deadline)
                self._free.release()

    def _hurry(self, deadline: asyncio.Timeout) -> None:
        soon = asyncio.get_running_loop().time() + self._patience
        when = deadline.when()
        if not deadline.expired() and when is not None and soon < when:
            deadline.reschedule(soon)
