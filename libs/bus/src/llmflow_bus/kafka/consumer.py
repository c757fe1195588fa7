"""Kafka's consumer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    CommitFailedError,
    IllegalStateError,
    KafkaError,
)

from llmflow_bus.kafka.guard import no_topics, outcome, stopped, translated
from llmflow_bus.kafka.options import KafkaOptions
from llmflow_bus.port import Batch, Record, StartAt
from llmflow_core.errors import Retryable

_log = logging.getLogger(__name__)

_AWAY_SECONDS = 5.0
_RETRY_SECONDS = 0.1
_GRACE_SECONDS = 0.1
#: How long a broker may wait for records. aiokafka asks a broker one question at a time, and a partition whose records
#: are used up waits for the answer, although that may be about nothing but empty ones.
_WAIT_MS = 100


class KafkaConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Its promises are those of `llmflow_bus.port.Consumer`.

    A partition that stays with this consumer through a rebalance goes on where it was, although Kafka itself would go
    back to the committed offset. `poll` raises Retryable once the brokers have been silent for five seconds.
    """

    def __init__(self, options: KafkaOptions, group: str, topics: Sequence[str], start_at: StartAt) -> None:
        self._options = options
        self._group = group
        self._topics = list(topics)
        self._start_at: StartAt = start_at
        self._kafka: Any = None
        self._positions: dict[TopicPartition, int] = {}
        #: As far as is known here; nothing before it comes again, unless the partition was made anew.
        self._committed: dict[TopicPartition, int] = {}
        self._without_start: set[TopicPartition] = set()
        #: How many partitions each topic had when this consumer began; all of a partition that came later is new.
        self._first_partitions: dict[str, int] = {}
        self._waiting_since: float | None = None
        self._missing_since: float | None = None
        self._closed = False

    async def start(self) -> None:
        """Join the group. Raises Retryable."""
        kafka = await self._joined()
        self._first_partitions = {topic: len(kafka.partitions_for_topic(topic) or ()) for topic in self._topics}
        await self._set_starts(kafka)

    async def _joined(self) -> Any:
        if self._closed:
            raise Retryable("this consumer is closed")
        if self._kafka is not None:
            return self._kafka
        options = self._options
        kafka = AIOKafkaConsumer(
            **{
                **options.connection(),
                # Joining a group takes as long as the broker waits for members that do not answer.
                "request_timeout_ms": int((options.timeout + options.session_timeout) * 1000),
            },
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(options.session_timeout * 1000),
            heartbeat_interval_ms=int(options.session_timeout * 1000 / 6),
            fetch_max_wait_ms=_WAIT_MS,
        )
        kafka.subscribe(self._topics, listener=self)
        try:
            async with translated("join the group", options.timeout + options.session_timeout):
                await kafka.start()
        except BaseException as error:
            missing = self._missing(kafka)
            await end_consumer(kafka)
            if missing and isinstance(error, Retryable):
                raise no_topics(error, missing) from error
            raise
        self._kafka = kafka
        return kafka

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing to do yet: Kafka takes all partitions away for a moment, the assignment tells which are gone."""

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Forget the partitions that went to others."""
        for offsets in (self._positions, self._committed):
            for gone in offsets.keys() - assigned:
                del offsets[gone]
        self._without_start = set(assigned)

    async def _set_starts(self, kafka: Any) -> None:
        """Go to where the partitions just assigned are to be read from. Commit the end as the start of those that a
        `latest` group begins with, so that no restart can skip a record."""
        while self._without_start:
            async with translated("set the group's start", self._options.timeout):
                partitions, self._without_start = self._without_start, set()
                try:
                    found = {partition: await self._committed_offset(kafka, partition) for partition in partitions}
                    starts = {partition: offset for partition, offset in found.items() if offset is not None}
                    new = [partition for partition in partitions if partition not in starts]
                    skipped = [partition for partition in new if self._begins_at_end(partition)]
                    if skipped:
                        ends = await kafka.end_offsets(skipped)
                        await kafka.commit(ends)
                        starts |= ends
                    starts |= await kafka.beginning_offsets([each for each in new if each not in starts])
                    for partition, offset in starts.items():
                        kafka.seek(partition, max(offset, self._positions.get(partition, 0)))
                    self._committed |= starts
                except BaseException:
                    self._without_start |= partitions & kafka.assignment()
                    raise

    def _begins_at_end(self, partition: TopicPartition) -> bool:
        return self._start_at == "latest" and partition.partition < self._first_partitions.get(partition.topic, 0)

    async def _committed_offset(self, kafka: Any, partition: TopicPartition) -> int | None:
        """What the group has committed, as far as Kafka or this consumer knows. A broker that has just taken over the
        group may say for a moment that there is nothing, and all would be read again."""
        known: list[int | None] = [await kafka.committed(partition), self._committed.get(partition)]
        return max((offset for offset in known if offset is not None), default=None)

    async def poll(self, *, max_records: int, timeout: float) -> Batch:
        kafka = await self._joined()
        self._watch_topics(kafka)
        began = time.time()
        records: list[Record] = []
        while not records:
            await self._set_starts(kafka)
            left = max(0.0, began + timeout - time.time())
            records = self._new(await self._fetch(kafka, max_records, left))
            if time.time() >= began + timeout:
                break
        self._watch(kafka, began, records)
        return Batch(records)

    async def _fetch(self, kafka: Any, max_records: int, timeout: float) -> Mapping[TopicPartition, Sequence[Any]]:
        try:
            # getmany waits for the end of a rebalance, however long that takes.
            async with asyncio.timeout(timeout + _GRACE_SECONDS):
                found: Mapping[TopicPartition, Sequence[Any]] = await kafka.getmany(
                    timeout_ms=int(timeout * 1000), max_records=max_records
                )
                return found
        except TimeoutError:
            return {}
        except KafkaError as error:
            # aiokafka reports here what ended one of its background tasks, none of which it starts again.
            await self._drop()
            raise outcome("poll", error) from error

    def _new(self, found: Mapping[TopicPartition, Sequence[Any]]) -> list[Record]:
        """What this consumer has not returned yet."""
        records: list[Record] = []
        for partition, messages in found.items():
            if partition in self._without_start:
                continue
            first = messages[0].offset
            committed = self._committed.setdefault(partition, first)
            position = max(committed, self._positions.get(partition, 0))
            if first < committed:
                _log.warning("%s begins anew at %d: it was made again, or has lost its end", partition, first)
                self._committed[partition] = position = first
            elif first > position:
                gone = first - position
                _log.error("%s: %d records from %d on were deleted before they were read", partition, gone, position)
            records += [record_of(message) for message in messages if message.offset >= position]
            self._positions[partition] = max(position, messages[-1].offset + 1)
        return records

    def _watch_topics(self, kafka: Any) -> None:
        """Raise Retryable when a topic has been missing for long: getmany keeps that to itself too."""
        missing = self._missing(kafka)
        if not missing:
            self._missing_since = None
            return
        self._missing_since = self._missing_since or time.time()
        if time.time() - self._missing_since > _AWAY_SECONDS:
            self._missing_since = None
            kafka._client.force_metadata_update()
            raise no_topics("Kafka, poll", missing)

    def _missing(self, kafka: Any) -> list[str]:
        """The topics that the brokers do not show; none as long as there are no brokers."""
        found = bool(kafka._client.cluster.brokers())
        return [topic for topic in self._topics if found and not kafka.partitions_for_topic(topic)]

    def _watch(self, kafka: Any, began: float, records: Sequence[Record]) -> None:
        """Raise Retryable when nothing came because no broker answers: getmany keeps that to itself."""
        if records:
            self._waiting_since = None
            return
        self._waiting_since = self._waiting_since or began
        answers = [kafka.last_poll_timestamp(partition) or 0 for partition in kafka.assignment()]
        silent = time.time() - max(self._waiting_since, max(answers, default=0) / 1000)
        if answers and silent > _AWAY_SECONDS:
            raise Retryable(f"Kafka, poll: no broker has answered for {silent:.0f} s")

    async def commit(self, batch: Batch) -> None:
        ends = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in batch.records}
        kafka = await self._joined()
        async with translated("commit", self._options.timeout):
            while mine := {partition: end for partition, end in ends.items() if partition in kafka.assignment()}:
                try:
                    await kafka.commit(mine)
                except (CommitFailedError, IllegalStateError):
                    # A rebalance is going on; once it is over, only what is still ours needs this commit.
                    await asyncio.sleep(_RETRY_SECONDS)
                else:
                    self._committed |= mine
                    return

    async def rewind(self) -> None:
        kafka = await self._joined()
        async with translated("rewind", self._options.timeout):
            self._positions.clear()
            for partition in kafka.assignment():
                # What goes to another consumer meanwhile begins at what is committed there.
                with suppress(IllegalStateError):
                    committed = await self._committed_offset(kafka, partition)
                    if committed is None:
                        await kafka.seek_to_beginning(partition)
                    else:
                        kafka.seek(partition, committed)

    async def lag(self) -> int:
        kafka = await self._joined()
        async with translated("measure the lag", self._options.timeout):
            partitions = list(kafka.assignment())
            if not partitions:
                return 0
            starts, ends = await kafka.beginning_offsets(partitions), await kafka.end_offsets(partitions)
            committed = {partition: await kafka.committed(partition) or 0 for partition in partitions}
            return sum(max(0, ends[each] - max(committed[each], starts[each])) for each in partitions)

    async def close(self) -> None:
        self._closed = True
        await self._drop()

    async def _drop(self) -> None:
        kafka, self._kafka = self._kafka, None
        if kafka is not None:
            await end_consumer(kafka)


def record_of(message: Any) -> Record:
    """What aiokafka read, as LLMFlow sees it."""
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=message.timestamp,
        key=message.key,
        value=message.value or b"",
        headers={name: (value or b"").decode(errors="replace") for name, value in message.headers},
    )


async def end_consumer(kafka: Any) -> None:
    """Stop an aiokafka consumer, also without brokers."""
    if not await stopped(kafka):
        _log.warning("a Kafka consumer ends without leaving its group; the brokers notice after the session timeout")
        await kafka._client.close()
