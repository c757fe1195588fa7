"""The loop that carries the log's spans to one destination, at least once and in the log's order."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress

from llmflow_bus import Batch, Bus, Consumer, Record, topics
from llmflow_bus.dead_letters import DeadLetters, concerns
from llmflow_core.errors import Retryable
from llmflow_exporter import metrics
from llmflow_exporter.destinations import Destination
from llmflow_exporter.settings import ExporterSettings
from llmflow_exporter.transport import Reply, Transport, Verdict

logger = logging.getLogger(__name__)

_POLL_RECORDS = 500
_POLL_SECONDS = 1.0
_LAG_SECONDS = 15.0
#: How often a destination may fail on the same records without saying that it is overloaded before they are refused.
DOUBTFUL_ATTEMPTS = 8


class Forwarder:
    """Forwards to one destination. A record is committed once the destination or the dead-letter topic holds it."""

    def __init__(
        self,
        destination: Destination,
        transport: Transport,
        bus: Bus,
        dead_letters: DeadLetters,
        settings: ExporterSettings,
    ) -> None:
        self._destination = destination
        self._transport = transport
        self._bus = bus
        self._dead_letters = dead_letters
        self._settings = settings
        self._consumer: Consumer | None = None
        self._rewind_first = False
        self._failures = 0
        self._doubts = 0
        self._next_lag = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Forward until `stop` is set. Whatever fails is logged and tried again after a pause; nothing is raised."""
        name = self._destination.name
        logger.info("forwarding to %s, %s", name, self._destination.address)
        while not stop.is_set():
            try:
                await self._forward_once(stop)
            except Retryable as error:
                await self._pause(stop, str(error), error.retry_after)
            except Exception:
                logger.exception("forwarding to %s failed unexpectedly", name)
                await self._pause(stop, "unexpected failure", self._settings.export_retry_max)
        if self._consumer is not None:
            await self._consumer.close()

    async def _forward_once(self, stop: asyncio.Event) -> None:
        if self._consumer is None:
            self._consumer = await self._bus.consumer(self._destination.group, [topics.SPANS])
        if self._rewind_first:
            await self._consumer.rewind()
            self._rewind_first = False
        await self._measure_lag(self._consumer)
        batch = await self._consumer.poll(max_records=_POLL_RECORDS, timeout=_POLL_SECONDS)
        mine = [record for record in batch.records if concerns(record, self._destination.group)]
        for records in _chunks(mine, self._settings.export_batch_bytes):
            if stop.is_set():
                return
            await self._deliver(self._consumer, records)
        if len(mine) < len(batch.records):
            await self._consumer.commit(batch)

    async def _deliver(self, consumer: Consumer, records: Sequence[Record]) -> None:
        """Send `records` and commit them. Those that are refused are halved until the one at fault stands alone."""
        name = self._destination.name
        reply = await self._transport.send([record.value for record in records])
        self._raise_if_retryable(reply)
        metrics.UP.labels(name).set(1)
        if reply.verdict is Verdict.TAKEN:
            metrics.LAST_SENT.labels(name).set_to_current_time()
            metrics.RECORDS.labels(name, "sent").inc(len(records))
            metrics.BYTES.labels(name).inc(sum(len(record.value) for record in records))
        elif len(records) > 1:
            middle = len(records) // 2
            await self._deliver(consumer, records[:middle])
            await self._deliver(consumer, records[middle:])
            return
        else:
            await self._dead_letters.keep(records[0], source=self._destination.group, reason=reply.reason)
            metrics.RECORDS.labels(name, "dead_letter").inc()
        self._failures = self._doubts = 0
        await consumer.commit(Batch(records))

    def _raise_if_retryable(self, reply: Reply) -> None:
        retry_after = reply.retry_after
        match reply.verdict:
            case Verdict.TAKEN | Verdict.REFUSED:
                return
            case Verdict.DOUBTFUL if self._doubts >= DOUBTFUL_ATTEMPTS:
                return
            case Verdict.DOUBTFUL:
                self._doubts += 1
            case Verdict.BLOCKED:
                retry_after = self._settings.export_retry_max
        metrics.UP.labels(self._destination.name).set(0)
        raise Retryable(reply.reason, retry_after=retry_after)

    async def _pause(self, stop: asyncio.Event, reason: str, retry_after: float | None) -> None:
        self._rewind_first = True
        self._failures += 1
        grown = min(
            self._settings.export_retry_max, self._settings.export_retry_min * 2.0 ** min(self._failures - 1, 30)
        )
        asked = grown if retry_after is None else max(retry_after, self._settings.export_retry_min)
        seconds = asked * random.uniform(1.0, 1.5)  # noqa: S311 - jitter
        level = logging.WARNING if self._failures < 5 else logging.ERROR
        logger.log(level, "%s: attempt %d failed: %s", self._destination.name, self._failures, reason)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)

    async def _measure_lag(self, consumer: Consumer) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_lag:
            self._next_lag = now + _LAG_SECONDS
            metrics.LAG.labels(self._destination.name).set(await consumer.lag())


def _chunks(records: Sequence[Record], max_bytes: int) -> Iterator[Sequence[Record]]:
    """Consecutive records of at most `max_bytes` together, each chunk of at least one record."""
    start = size = 0
    for position, record in enumerate(records):
        if position > start and size + len(record.value) > max_bytes:
            yield records[start:position]
            start, size = position, 0
        size += len(record.value)
    if records:
        yield records[start:]
