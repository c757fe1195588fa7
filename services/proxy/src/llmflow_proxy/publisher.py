"""From the recorder to the message log: a buffer bounded in bytes, a spool on disk behind it, tasks that empty both.

A span may reach the log more than once (at the end of an outage, say), which the log's readers allow for.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import re
from collections import deque
from collections.abc import Callable, Sequence

from prometheus_client import Counter, Gauge

from llmflow_bus import Bus, Message, Producer
from llmflow_bus.topics import PROJECT_HEADER, SPANS
from llmflow_core.errors import Permanent, Retryable
from llmflow_proxy.spool import Spool

log = logging.getLogger(__name__)

PUBLISHED = Counter("llmflow_proxy_spans_published_total", "Spans that the message log has taken")
SPOOLED = Counter("llmflow_proxy_spans_spooled_total", "Spans put into the disk spool")
REPLAYED = Counter("llmflow_proxy_spans_replayed_total", "Spans that left the disk spool, for the message log has them")
DROPPED = Counter("llmflow_proxy_spans_dropped_total", "Spans lost, by reason", ["reason"])
UNSAMPLED = Counter("llmflow_proxy_spans_unsampled_total", "Spans that the sampling ratio left out")
BUFFERED = Gauge("llmflow_proxy_span_buffer_bytes", "Finished spans waiting in memory for the message log")
for _reason in ("buffer_full", "too_large", "refused", "shutdown", "unreadable"):
    DROPPED.labels(_reason)

#: Spans of one moment travel together; a page that waits for one does not notice.
_LINGER_SECONDS = 0.1
_BATCH_BYTES = 512 << 10
#: A span that has been in memory for this long, or twice as long at most, is put into the spool, where a process that
#: is killed cannot lose it.
_SPOOL_SECONDS = 0.2
_RETRY_SECONDS = (0.2, 5.0)
#: A log that takes longer than this counts as away, although it may answer yet.
_PATIENCE_SECONDS = 3.0
#: How often to look for spans that an earlier or a neighbouring process has left in the spool.
_LOOK_SECONDS = 2.0
_SPOOL_RETRY_SECONDS = 1.0
_SILENT = "it does not answer"

Batch = Sequence[tuple[str, bytes]]


class Publisher:
    """Takes spans without ever waiting or raising, and publishes them in the background, oldest first.

    Spans wait in a buffer of `capacity` bytes. While the log is away, when it takes its time, and when the buffer is
    half full, they move on to the `spool`, if there is one. When the spool is full too, or the disk fails, the buffer
    fills up; then the newest spans are dropped and counted in `llmflow_proxy_spans_dropped_total`. Spans of the spool
    and new ones take turns once the log is back. `shrink` makes a span that is larger than the log allows fit, or gives
    None.
    """

    def __init__(
        self, bus: Bus, *, capacity: int, shrink: Callable[[bytes, int], bytes | None], spool: Spool | None = None
    ) -> None:
        self._bus = bus
        self._capacity = capacity
        self._shrink = shrink
        self._spool = spool
        self._waiting: deque[tuple[str, bytes]] = deque()
        #: How many spans have left the buffer: the number of the first that waits.
        self._first = 0
        self._bytes = 0
        #: The number behind the last span that is on its way to the log, and the spool's ids of those that it has too.
        self._on_the_way = 0
        self._spooled_on_the_way: list[int] = []
        #: The ids of those that the log has, and the spool would not let go of.
        self._not_forgotten: set[int] = set()
        self._arrived = asyncio.Event()
        self._spill_wanted = asyncio.Event()
        self._changed = asyncio.Event()
        self._producer: Producer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._away = False
        self._spool_fails = False
        #: Why the log does not take spans now; empty while it does.
        self.trouble = ""
        #: The reasons of this time that are in the program's log already, without their numbers.
        self._told: set[str] = set()

    def start(self) -> None:
        """Begin to publish. Connects in the background, as often as it takes."""
        self._tasks = [asyncio.create_task(self._publish_for_ever())]
        if self._spool is not None:
            self._tasks.append(asyncio.create_task(self._spill_for_ever(self._spool)))

    def offer(self, project: str, span: bytes) -> bool:
        """Hand over one serialized ExportTraceServiceRequest of one span; whether it was taken."""
        if self._bytes + len(span) > self._capacity:
            DROPPED.labels("buffer_full").inc()
            return False
        self._waiting.append((project, span))
        self._bytes += len(span)
        BUFFERED.set(self._bytes)
        self._arrived.set()
        if self._must_spill():
            self._spill_wanted.set()
        return True

    async def close(self, *, timeout: float) -> None:
        """Publish what waits, for at most about `timeout` seconds, and put the rest into the spool: at once if the log
        is away and the spool is well. What is left then is lost and counted."""
        spool = self._spool
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout / 2 if spool else timeout):
                while self._waiting and self._tasks and not (spool and self._away and not self._spool_fails):
                    self._changed.clear()
                    await self._changed.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if spool is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout / 2):
                    while self._waiting and await self._spill(spool):
                        pass
        if self._waiting:
            DROPPED.labels("shutdown").inc(len(self._waiting))
            log.error("stopped with %d spans that neither the message log nor a spool took", len(self._waiting))
        if self._producer is not None:
            await self._producer.close()
        if spool is not None:
            await spool.close()

    async def _publish_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS if self._spool else None):
                    await self._arrived.wait()
            self._arrived.clear()
            await asyncio.sleep(_LINGER_SECONDS)
            while await self._publish_until_taken():
                pass

    async def _publish_some(self) -> bool:
        """Publish one batch of the buffer and one of the spool; whether there was any."""
        published = await self._publish_waiting()
        return await self._replay() or published

    async def _publish_until_taken(self) -> bool:
        """Publish some, however long the log is away; whether there was any."""
        shortest, longest = _RETRY_SECONDS
        delay = shortest
        while True:
            try:
                published = await self._publish_some()
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
            self.trouble = ""
            self._told.clear()
            log.info("the message log takes spans again")
        return published

    async def _publish_waiting(self) -> bool:
        """Publish one batch of the buffer; it leaves the buffer only once the log has taken it."""
        if not self._waiting:
            return False
        producer = await self._connected()
        # The spool may have taken what waited while the connection was made.
        if not self._waiting:
            return False
        first, batch = self._first, self._oldest(self._batch_bytes())
        self._on_the_way = first + len(batch)
        self._spooled_on_the_way.clear()
        await self._publish(producer, batch)
        self._remove_until(first + len(batch))
        if self._spool is not None and self._spooled_on_the_way:
            await self._forget(self._spool, self._spooled_on_the_way)
        return True

    async def _replay(self) -> bool:
        """Publish one batch of the spool; it leaves the spool only once the log has taken it."""
        spool = self._spool
        if spool is None or (self._not_forgotten and not await self._forget(spool, ())):
            return False
        try:
            spooled = await spool.oldest(max_bytes=self._batch_bytes())
        except Retryable as error:
            self._note_spool_failure(error)
            return False
        if not spooled:
            return False
        producer = await self._connected()
        await self._publish(producer, [(project, span) for _, project, span in spooled])
        return await self._forget(spool, [span.id for span in spooled])

    async def _forget(self, spool: Spool, ids: Sequence[int]) -> bool:
        """Take spans that the log has out of the spool; whether that worked. Until it does, none are replayed, as they
        would be the same ones."""
        REPLAYED.inc(len(ids))
        self._not_forgotten |= set(ids)
        leaving = frozenset(self._not_forgotten)
        try:
            await spool.remove(leaving)
        except Retryable as error:
            self._note_spool_failure(error)
            return False
        self._not_forgotten -= leaving
        return True

    def _batch_bytes(self) -> int:
        """How much to publish at a time. A log that is away gets a single span, for its client may hold on to what it
        could not send, try after try."""
        if self._away:
            return 0
        return min(_BATCH_BYTES, self._producer.max_message_bytes) if self._producer else _BATCH_BYTES

    async def _connected(self) -> Producer:
        if self._producer is None:
            self._producer = await self._bus.producer()
        return self._producer

    async def _publish(self, producer: Producer, batch: Batch) -> None:
        by_project: dict[str, list[bytes]] = {}
        taken = 0
        for project, span in batch:
            fitting = self._fitting(span, producer.max_message_bytes)
            if fitting is not None:
                by_project.setdefault(project, []).append(fitting)
                taken += 1
        # In protobuf, concatenating messages merges their repeated fields: each project's spans become one request.
        messages = [
            Message(b"".join(spans), headers={PROJECT_HEADER: project}) for project, spans in by_project.items()
        ]
        slow = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._note_away, _SILENT)
        try:
            await producer.publish(SPANS, messages)
            PUBLISHED.inc(taken)
        except Permanent as error:
            if len(batch) > 1:
                # A log may take smaller messages than it is known to.
                slow.cancel()
                await self._publish(producer, batch[: len(batch) // 2])
                await self._publish(producer, batch[len(batch) // 2 :])
                return
            DROPPED.labels("refused").inc(taken)
            log.error("the message log refused a span: %s", error)
        finally:
            slow.cancel()
        DROPPED.labels("too_large").inc(len(batch) - taken)

    def _fitting(self, span: bytes, largest: int) -> bytes | None:
        if len(span) <= largest:
            return span
        smaller = self._shrink(span, largest)
        return smaller if smaller is not None and len(smaller) <= largest else None

    async def _spill_for_ever(self, spool: Spool) -> None:
        # The number behind the last span that was there when it was looked at before.
        overdue = 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SPOOL_SECONDS):
                    await self._spill_wanted.wait()
                    await asyncio.sleep(_LINGER_SECONDS)
            self._spill_wanted.clear()
            while self._waiting and (self._must_spill() or self._first < overdue):
                if not await self._spill(spool):
                    await asyncio.sleep(_SPOOL_RETRY_SECONDS)
            overdue = self._first + len(self._waiting)

    async def _spill(self, spool: Spool) -> bool:
        """Move one batch from the buffer to the spool; whether the spool took it. It leaves the buffer only then, so
        that the log may have it meanwhile, or get it still."""
        first, batch = self._first, self._oldest(_BATCH_BYTES)
        try:
            ids = await spool.put(batch)
        except Retryable as error:
            self._note_spool_failure(error)
            return False
        if ids is None:
            self._note_spool_failure("it is full")
            return False
        SPOOLED.inc(len(ids))
        self._spool_fails = False
        published, on_the_way = self._first - first, max(0, self._on_the_way - first)
        self._spooled_on_the_way += ids[published:on_the_way]
        self._remove_until(first + len(batch))
        if published:
            await self._forget(spool, ids[:published])
        return True

    def _must_spill(self) -> bool:
        return self._spool is not None and (self._away or self._bytes > self._capacity // 2)

    def _oldest(self, limit: int) -> Batch:
        """The first spans in the buffer, of `limit` bytes together, but at least one."""
        size = len(self._waiting[0][1])
        count = 1
        for _, span in itertools.islice(self._waiting, 1, None):
            size += len(span)
            if size > limit:
                break
            count += 1
        return list(itertools.islice(self._waiting, count))

    def _remove_until(self, end: int) -> None:
        """Take the spans before number `end` out of the buffer, as far as they are still in it."""
        while self._first < end:
            _, span = self._waiting.popleft()
            self._first += 1
            self._bytes -= len(span)
        BUFFERED.set(self._bytes)
        self._changed.set()

    def _note_away(self, why: str) -> None:
        self._changed.set()
        self._away = True
        # What it says when it answers in the end is worth more.
        if why != _SILENT or not self.trouble:
            self.trouble = why
        if (gist := re.sub(r"[\d.]+", "", self.trouble)) not in self._told:
            self._told.add(gist)
            where = "spool" if self._spool else "buffer"
            log.warning("the message log does not take spans now, they wait in the %s: %s", where, why)
        if self._must_spill():
            self._spill_wanted.set()

    def _note_spool_failure(self, why: object) -> None:
        if not self._spool_fails:
            self._spool_fails = True
            log.error("the spool does not take or give spans now: %s", why)
