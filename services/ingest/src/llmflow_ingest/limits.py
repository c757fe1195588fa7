"""How much a request, and all requests together, may hold, and how long one may take to arrive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
