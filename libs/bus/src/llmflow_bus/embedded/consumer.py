"""The embedded log's consumer."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence

from llmflow_bus.embedded.leases import Leases
from llmflow_bus.embedded.log import EmbeddedLog, Partition
from llmflow_bus.embedded.worker import EmbeddedOptions, Worker
from llmflow_bus.metrics import LOST
from llmflow_bus.port import Batch, Record, StartAt

_log = logging.getLogger(__name__)

_TICK_SECONDS = 0.04
_LEASE_SECONDS = 0.2
_BATCH_BYTES = 16 * 2**20


class EmbeddedConsumer:
    """Its promises are those of `llmflow_bus.port.Consumer`; a batch holds about 16 MiB at most.

    A waiting consumer looks every 40 ms whether any process has written, and every 0.2 s for partitions to take over.
    The state below is touched by its thread or by the event loop, never at once, as one task uses the consumer.
    """

    def __init__(self, options: EmbeddedOptions, group: str, topics: Sequence[str], start_at: StartAt) -> None:
        self._options = options
        self._group = group
        self._topics = list(dict.fromkeys(topics))
        self._start_at: StartAt = start_at
        self._worker = Worker(options.folder, "llmflow-log-consumer")
        self._joined: EmbeddedLog | None = None
        self._identity: int | None = None
        self._leases: list[Leases] = []
        self._leases_checked = 0.0
        self._positions: dict[Partition, int] = {}
        self._seen: int | None = None
        self._turn = 0
        self._stop = threading.Event()
        self._closed = False

    async def start(self) -> None:
        """Join the group. Raises Retryable."""
        await self._worker.run(self._ensure_joined)

    def _ensure_joined(self, log: EmbeddedLog) -> None:
        if self._joined is log:
            return
        identity = log.identity
        if identity != self._identity:
            self._leave()
        log.create_topics(self._topics, self._options.partitions)
        # All of a log is new to a group that has read another of this name.
        start_at = self._start_at if self._joined is None else "earliest"
        for topic in self._topics:
            partitions = log.partitions(topic)
            log.join(self._group, partitions, start_at)
            if identity != self._identity:
                self._leases.append(Leases(self._options.folder / "locks", self._group, partitions))
        self._seen = None
        self._identity = identity
        self._refresh_leases(log)
        self._joined = log

    def _leave(self) -> None:
        while self._leases:
            self._leases.pop().release()
        self._positions.clear()

    def _refresh_leases(self, log: EmbeddedLog) -> None:
        held: set[Partition] = set()
        for leases in self._leases:
            leases.refresh()
            held |= leases.held
        for lost in self._positions.keys() - held:
            del self._positions[lost]
        for taken in held - self._positions.keys():
            self._positions[taken] = log.committed(self._group, taken)
            self._seen = None
        self._leases_checked = time.monotonic()

    async def poll(self, *, max_records: int, timeout: float) -> Batch:
        stop = self._stop = threading.Event()
        deadline = time.monotonic() + timeout

        def wait(log: EmbeddedLog) -> list[Record]:
            self._ensure_joined(log)
            while True:
                if records := self._read_new(log, max_records):
                    return records
                left = deadline - time.monotonic()
                if left <= 0 or stop.wait(min(left, _TICK_SECONDS)):
                    return []

        try:
            records = await self._worker.run(wait)
        except asyncio.CancelledError:
            stop.set()
            raise
        ends = _ends(records)
        for partition in self._positions:
            self._positions[partition] = ends.get(partition[1:], self._positions[partition])
        return Batch(records)

    def _read_new(self, log: EmbeddedLog, max_records: int) -> list[Record]:
        if time.monotonic() - self._leases_checked >= _LEASE_SECONDS:
            self._refresh_leases(log)
        changes = log.changes()
        if changes == self._seen:
            return []
        records = self._read(log, max_records)
        if not records:
            self._seen = changes
        return records

    def _read(self, log: EmbeddedLog, max_records: int) -> list[Record]:
        """What follows the positions, beginning with another partition each time so that none has to wait for ever."""
        partitions = sorted(self._positions)
        self._turn += 1
        records: list[Record] = []
        room = _BATCH_BYTES
        for n in range(len(partitions)):
            if len(records) == max_records or room <= 0:
                break
            partition = partitions[(n + self._turn) % len(partitions)]
            position = self._positions[partition]
            found = log.read(partition, position, max_records=max_records - len(records), max_bytes=room)
            if found and (lost := found[-1].offset + 1 - position - len(found)):
                LOST.labels(self._group, partition.topic).inc(lost)
                _log.warning(
                    "group %s lost %d records of %s: retention removed them unread, or the disk damaged them",
                    self._group,
                    lost,
                    partition.topic,
                )
            room -= sum(len(record.value) for record in found)
            records += found
        return records

    async def commit(self, batch: Batch) -> None:
        ends = _ends(batch.records)

        def commit(log: EmbeddedLog) -> None:
            if self._joined is not log:
                identity = self._identity
                self._ensure_joined(log)
                if self._identity != identity:
                    return  # the offsets belong to a log that is gone
            mine = {partition: ends[partition[1:]] for partition in self._positions if partition[1:] in ends}
            if mine:
                log.commit(self._group, mine)

        if ends:
            await self._worker.run(commit)

    async def rewind(self) -> None:
        def rewind(log: EmbeddedLog) -> None:
            self._ensure_joined(log)
            for partition in self._positions:
                self._positions[partition] = log.committed(self._group, partition)
            self._seen = None

        await self._worker.run(rewind)

    async def lag(self) -> int:
        def lag(log: EmbeddedLog) -> int:
            self._ensure_joined(log)
            return log.lag(self._group, self._positions)

        return await self._worker.run(lag)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._stop.set()
        await self._worker.close(before=self._leave)


def _ends(records: Sequence[Record]) -> dict[tuple[str, int], int]:
    """The next offset of each topic and partition."""
    return {(record.topic, record.partition): record.offset + 1 for record in records}
