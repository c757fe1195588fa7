"""From the recorder to the message log: a buffer bounded in bytes, and one task that empties it in batches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Callable

from prometheus_client import Counter, Gauge

from llmflow_bus import Bus, Message, Producer
from llmflow_bus.topics import PROJECT_HEADER, SPANS
from llmflow_core.errors import Permanent, Retryable

log = logging.getLogger(__name__)

PUBLISHED = Counter("llmflow_proxy_spans_published_total", "Spans that the message log has taken")
DROPPED = Counter("llmflow_proxy_spans_dropped_total", "Spans lost, by reason", ["reason"])
BUFFERED = Gauge("llmflow_proxy_span_buffer_bytes", "Finished spans waiting for the message log")
for _reason in ("buffer_full", "too_large", "refused", "shutdown", "unreadable"):
    DROPPED.labels(_reason)

#: Spans of one moment travel together; a page that waits for one does not notice.
_LINGER_SECONDS = 0.1
_BATCH_BYTES = 512 << 10
_RETRY_SECONDS = (0.2, 10.0)


class Publisher:
    """Takes spans without ever waiting or raising, and publishes them in the background, oldest first.

    While the log is away spans wait in a buffer of `capacity` bytes; what does not fit is dropped and counted in
    `llmflow_proxy_spans_dropped_total`. `shrink` makes a span that is larger than the log allows fit, or gives None.
    """

    def __init__(self, bus: Bus, *, capacity: int, shrink: Callable[[bytes, int], bytes | None]) -> None:
        self._bus = bus
        self._capacity = capacity
        self._shrink = shrink
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._producer: Producer | None = None
        self._task: asyncio.Task[None] | None = None
        self._away = False

    def start(self) -> None:
        """Begin to publish. Connects in the background, as often as it takes."""
        self._task = asyncio.create_task(self._run())

    def offer(self, project: str, span: bytes) -> bool:
        """Hand over one serialized ExportTraceServiceRequest of one span; whether it was taken."""
        if self._bytes + len(span) > self._capacity:
            DROPPED.labels("buffer_full").inc()
            return False
        self._waiting.append((project, span))
        self._bytes += len(span)
        BUFFERED.set(self._bytes)
        self._arrived.set()
        return True

    async def close(self, *, timeout: float) -> None:
        """Publish what waits, for at most `timeout` seconds; what is left then is lost and counted."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._waiting:
                    await self._publish_next()
        if self._waiting:
            DROPPED.labels("shutdown").inc(len(self._waiting))
            log.error("stopped with %d spans that the message log did not take", len(self._waiting))
        if self._producer is not None:
            await self._producer.close()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_LINGER_SECONDS)
            while self._waiting:
                await self._publish_next()
            self._arrived.clear()

    async def _publish_next(self) -> None:
        """Publish one batch, waiting as long as the log is away. The batch leaves the buffer only once it is taken."""
        shortest, longest = _RETRY_SECONDS
        delay = shortest
        while True:
            try:
                if self._producer is None:
                    self._producer = await self._bus.producer()
                await self._publish_batch(self._producer)
                break
            except Retryable as error:
                self._note_away(str(error))
            except Exception as error:
                log.exception("publishing spans failed")
                self._note_away(type(error).__name__)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            delay = min(longest, delay * 2)
        if self._away:
            self._away = False
            log.info("the message log takes spans again")

    async def _publish_batch(self, producer: Producer) -> None:
        largest = producer.max_message_bytes
        if len(self._waiting[0][1]) > largest:
            self._shrink_first(largest)
            return
        by_project: dict[str, list[bytes]] = {}
        count = size = 0
        for project, span in self._waiting:
            size += len(span)
            if count and size > min(_BATCH_BYTES, largest):
                break
            by_project.setdefault(project, []).append(span)
            count += 1
        # In protobuf, concatenating messages merges their repeated fields: each project's spans become one request.
        messages = [
            Message(b"".join(spans), headers={PROJECT_HEADER: project}) for project, spans in by_project.items()
        ]
        try:
            await producer.publish(SPANS, messages)
            PUBLISHED.inc(count)
        except Permanent as error:
            DROPPED.labels("refused").inc(count)
            log.error("the message log refused %d spans: %s", count, error)
        for _ in range(count):
            self._remove_first()

    def _shrink_first(self, largest: int) -> None:
        project, span = self._remove_first()
        smaller = self._shrink(span, largest)
        if smaller is None or len(smaller) > largest:
            DROPPED.labels("too_large").inc()
            return
        self._waiting.appendleft((project, smaller))
        self._bytes += len(smaller)

    def _remove_first(self) -> tuple[str, bytes]:
        project, span = self._waiting.popleft()
        self._bytes -= len(span)
        BUFFERED.set(self._bytes)
        return project, span

    def _note_away(self, why: str) -> None:
        if not self._away:
            self._away = True
            log.warning("the message log does not take spans now, they wait in the buffer: %s", why)
