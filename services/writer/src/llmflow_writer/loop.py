"""The writer's one loop: poll, decode, store, then commit. What was not committed is delivered and written again, and
the store ignores what it has, so that each span, log record and metric point ends up stored exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmflow_bus import Batch, Bus, Consumer, Record, topics
from llmflow_bus.dead_letters import DeadLetters
from llmflow_core.errors import Permanent, Retryable
from llmflow_core.pricing import Prices
from llmflow_store import Store
from llmflow_writer import metrics
from llmflow_writer.records import GROUP, Decoded, decode
from llmflow_writer.settings import WriterSettings
from llmflow_writer.signals import SIGNALS, Signal

logger = logging.getLogger(__name__)

#: An upper bound for how late a stop is noticed; records end the wait at once.
_POLL_SECONDS = 0.5
_LAG_SECONDS = 5.0
_TOPICS_SECONDS = 15.0
_MOST_DOUBLINGS = 30
#: What is assumed of a record until some were read; many more would come at once than a portion needs.
_ITEMS_PER_RECORD = 100.0


@dataclass(frozen=True, slots=True)
class _Portion:
    """Records of one topic, decoded, and their items as the store takes them."""

    signal: Signal[Any]
    records: Sequence[Decoded]
    items: Sequence[Any]


class WriterLoop:
    """Moves records from the log to the store, portion by portion. Portions fill by themselves: while one is written
    the next gathers, and is decoded and prepared in a thread, so that this process and the database work at the same
    time."""

    def __init__(self, bus: Bus, store: Store, prices: Prices, settings: WriterSettings) -> None:
        self._bus = bus
        self._store = store
        self._prices = prices
        self._settings = settings
        self._dead_letters = DeadLetters(bus)
        self._consumer: Consumer | None = None
        self._failures = 0
        self._unread = deque[Record]()
        self._items_per_record = _ITEMS_PER_RECORD
        self._lag_due = 0.0
        self._topics_due = 0.0
        #: The topics that are missing and cannot be made; those that are there are read nevertheless.
        self.missing_topics: list[str] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, and then finish the portion in hand. Waits and retries while log or database are
        away; nothing is committed in the meantime."""
        while not stop.is_set():
            try:
                await self._move(stop)
            except Retryable as error:
                await self._back_off(error, stop)
        if self._consumer is not None:
            await self._consumer.close()

    async def _move(self, stop: asyncio.Event) -> None:
        """Store portion by portion until `stop` is set or something fails; what was not committed comes again then."""
        self._unread.clear()
        if self._consumer is None or self._failures:
            # Again after a failure, for somebody may have deleted one.
            await self._make_topics()
        if self._consumer is None:
            self._consumer = await self._bus.consumer(GROUP, list(SIGNALS))
        elif self._failures:
            await self._consumer.rewind()
        pending: _Portion | None = None
        while not stop.is_set():
            # What is there already does not wait for company.
            await self._gather(self._consumer, timeout=0.0 if pending or self._unread else _POLL_SECONDS)
            decoding = asyncio.create_task(asyncio.to_thread(self._next_portion))
            try:
                if pending:
                    await self._store_portion(pending)
                    await self._consumer.commit(Batch([decoded.record for decoded in pending.records]))
                    self._failures = 0
            finally:
                idle = pending is None
                pending = await decoding
            if idle and pending is None:
                self._failures = 0
            await self._measure_lag(self._consumer)
            await self._look_for_topics()

    async def _make_topics(self) -> None:
        """Make the topics that are missing; tell which cannot be made. Raises Retryable when the log is away."""
        self._topics_due = time.monotonic() + _TOPICS_SECONDS
        missing, reason = list[str](), ""
        try:
            await self._bus.create_topics(topics.ALL)
        except (Permanent, Retryable) as error:
            missing, reason = await self._bus.missing_topics(topics.ALL), str(error)
        for topic in topics.ALL:
            metrics.MISSING_TOPICS.labels(topic).set(topic in missing)
        if missing != self.missing_topics:
            self.missing_topics = missing
            if missing:
                logger.error("going on without topics %s, which cannot be made: %s", ", ".join(missing), reason)
            else:
                logger.info("all topics are there")

    async def _look_for_topics(self) -> None:
        """Look from time to time whether a topic was deleted, or one has come that was missing."""
        if time.monotonic() < self._topics_due:
            return
        self._topics_due = time.monotonic() + _TOPICS_SECONDS
        with contextlib.suppress(Retryable):  # polling finds out for how long the log is away
            if self.missing_topics or await self._bus.missing_topics(topics.ALL):
                await self._make_topics()

    async def _gather(self, consumer: Consumer, *, timeout: float) -> None:
        """Poll for what a portion still needs."""
        needed = self._settings.writer_batch_spans / self._items_per_record - len(self._unread)
        if needed > 0:
            batch = await consumer.poll(max_records=math.ceil(needed), timeout=timeout)
            self._unread.extend(sorted(batch.records, key=lambda record: record.topic))

    async def _measure_lag(self, consumer: Consumer) -> None:
        if time.monotonic() >= self._lag_due:
            self._lag_due = time.monotonic() + _LAG_SECONDS
            metrics.LAG.set(await consumer.lag())

    def _next_portion(self) -> _Portion | None:
        """The next unread records of one topic in order, decoded: as many as make `writer_batch_spans` items. None when
        there are none."""
        gathered, items = list[Decoded](), list[Any]()
        while self._unread and len(items) < self._settings.writer_batch_spans:
            if gathered and self._unread[0].topic != gathered[0].record.topic:
                break
            decoded = decode(self._unread.popleft(), self._prices)
            gathered.append(decoded)
            items += decoded.items
        if not gathered:
            return None
        self._items_per_record = max(1.0, (self._items_per_record + len(items) / len(gathered)) / 2)
        return _prepared(SIGNALS[gathered[0].record.topic], gathered, items)

    async def _store_portion(self, portion: _Portion) -> None:
        started = time.perf_counter()
        await self._write(portion.signal, portion.items, portion.records)
        for decoded in portion.records:
            if decoded.problems:
                await self._dead_letters.keep(decoded.record, source=GROUP, reason="; ".join(decoded.problems))
                metrics.DEAD_LETTERS.inc()
        metrics.BATCH_SECONDS.observe(time.perf_counter() - started)

    async def _write(self, signal: Signal[Any], items: Sequence[Any], records: Sequence[Decoded]) -> None:
        """Store the items of records. When the store refuses them for good, halves are tried until those at fault are
        alone; each adds a problem to its record."""
        try:
            result = await signal.write(self._store, items)
        except Permanent as error:
            if len(items) > 1:
                await self._write(signal, items[: len(items) // 2], records)
                await self._write(signal, items[len(items) // 2 :], records)
                return
            [item] = items
            decoded = next(record for record in records if any(item is other for other in record.items))
            decoded.problems.append(f"{signal.name(item)}: {error}")
            signal.count.labels("refused").inc()
        else:
            signal.count.labels("written").inc(result.inserted)
            signal.count.labels("duplicate").inc(result.duplicates)

    async def _back_off(self, error: Retryable, stop: asyncio.Event) -> None:
        doubled = self._settings.writer_retry_min * 2 ** min(self._failures, _MOST_DOUBLINGS)
        longest = min(self._settings.writer_retry_max, doubled)
        pause = max(error.retry_after or 0.0, random.uniform(longest / 2, longest))  # noqa: S311 - spreads retries
        self._failures += 1
        metrics.RETRIES.inc()
        logger.warning("cannot write now, trying again in %.1f s: %s", pause, error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)


def _prepared(signal: Signal[Any], records: Sequence[Decoded], items: Sequence[Any]) -> _Portion:
    try:
        return _Portion(signal, records, signal.prepare(items))
    except Permanent:
        return _Portion(signal, records, items)  # writing them finds out which of them are at fault
