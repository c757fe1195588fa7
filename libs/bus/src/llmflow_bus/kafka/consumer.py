"""Kafka's consumer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from llmflow_bus.kafka.guard import heed_group_errors, no_topics, outcome, stopped, translated
from llmflow_bus.kafka.options import KafkaOptions
from llmflow_bus.kafka.topic_ids import TopicWatch
from llmflow_bus.metrics import LOST
from llmflow_bus.port import Batch, Record, StartAt
from llmflow_core.errors import Retryable

_log = logging.getLogger(__name__)

_AWAY_SECONDS = 5.0
_RETRY_SECONDS = 0.1
_GRACE_SECONDS = 0.1
_FIND_SECONDS = 2.0
#: Beside a committed offset: of which topic it is one.
_TOPIC_ID = "topic-id:"
#: How long a broker may wait for records. aiokafka asks a broker one question at a time, and a partition whose records
#: are used up waits for the answer, although that may be about nothing but empty ones.
_WAIT_MS = 100


@dataclass(frozen=True, slots=True)
class _Read(Record):
    """A record, and how often its topic had been made again before: offsets of a former one are not to be committed."""

    life: int


class KafkaConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Its promises are those of `llmflow_bus.port.Consumer`.

    A partition that stays with this consumer through a rebalance goes on where it was, although Kafka itself would go
    back to the committed offset. `poll` raises Retryable once the brokers have been silent for five seconds, or have
    shown none of the topics for as long; those that they show are read. A topic that was deleted and made again is read
    from its start within seconds, whatever was read of it meanwhile.
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
        self._watch = TopicWatch(self._topics)
        #: How often a topic has begun anew.
        self._lives: Counter[str] = Counter()
        #: Where a partition ended when last heard of, and what was yet to be read when its topic was last the same.
        self._ends: dict[TopicPartition, int] = {}
        self._unread: dict[TopicPartition, int] = {}
        self._made_anew: set[TopicPartition] = set()
        self._waiting_since: float | None = None
        self._missing_since: float | None = None
        self._closed = False

    async def start(self) -> None:
        """Join the group. Raises Retryable."""
        kafka = await self._joined()
        await self._watch.look(kafka._client)
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
            auto_offset_reset="none",  # see _set_starts
            session_timeout_ms=int(options.session_timeout * 1000),
            heartbeat_interval_ms=int(options.session_timeout * 1000 / 6),
            fetch_max_wait_ms=_WAIT_MS,
        )
        heed_group_errors(kafka._client)
        try:
            async with translated("join the group", options.timeout + options.session_timeout):
                await kafka.start()
                await self._find_topics(kafka)
                assigned = kafka._subscription.wait_for_assignment()
                # Not before the start, which would wait for each of them.
                kafka.subscribe(self._topics, listener=self)
                await assigned
        except BaseException:
            await end_consumer(kafka)
            raise
        self._kafka = kafka
        return kafka

    async def _find_topics(self, kafka: Any) -> None:
        """Return once the brokers show all topics, or have not for a while, but show some."""
        deadline = time.monotonic() + _FIND_SECONDS
        await kafka._client.set_topics(self._topics)
        while (missing := self._missing(kafka)) and time.monotonic() < deadline:
            await asyncio.sleep(_RETRY_SECONDS)
            await kafka._client.force_metadata_update()
        if len(missing) == len(self._topics):
            raise no_topics("Kafka, join the group", missing)

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing to do yet: Kafka takes all partitions away for a moment, the assignment tells which are gone."""

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Forget the partitions that went to others."""
        for offsets in (self._positions, self._committed, self._ends):
            for gone in offsets.keys() - assigned:
                del offsets[gone]
        # Of a topic that is deleted, what was not read is told once there is another.
        for gone in self._unread.keys() - assigned:
            if self._kafka is None or self._kafka.partitions_for_topic(gone.topic):
                del self._unread[gone]
        self._made_anew &= assigned
        self._without_start = set(assigned)

    async def _set_starts(self, kafka: Any) -> None:
        """Go to where partitions are to be read from: those just assigned, and those that cannot go on where they were.
        Commit what a restart could not find out again, above all where a `latest` group began."""
        while self._without_start:
            async with translated("set the group's start", self._options.timeout):
                partitions, self._without_start = self._without_start, set()
                try:
                    if told := await self._seek(kafka, partitions):
                        await kafka.commit(self._with_ids(told))
                    self._made_anew -= told.keys()
                except BaseException:
                    self._without_start |= partitions & kafka.assignment()
                    raise

    async def _seek(self, kafka: Any, partitions: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Go to the partitions' starts; which of them are to be committed."""
        found = await kafka._coordinator.fetch_committed_offsets(list(partitions))
        for partition, (offset, _) in found.items():
            # Brokers that are killed can forget commits, and all would be read again.
            self._committed[partition] = max(offset, self._committed.get(partition, 0))
        unled = (partitions & self._committed.keys()) - _led(kafka, partitions)
        for partition in unled:
            # Nobody can be asked whether that is right; if not, it comes here again once it has a leader.
            kafka.seek(partition, 0 if partition in self._made_anew else self._reached(partition))
        partitions = partitions - unled
        first, end = await _bounds(kafka, partitions)
        if any(self._reached(partition) > end[partition] for partition in partitions):
            self._note_ids(kafka, await self._watch.look(kafka._client))
        told: dict[TopicPartition, int] = {}
        for partition in partitions:
            topic_id = self._watch.id_of(partition.topic)
            read_id = found[partition].metadata.partition(_TOPIC_ID)[2] if partition in found else ""
            if partition in self._made_anew or (read_id and topic_id and read_id != topic_id):
                _log.warning("%s is read from its start: its topic is not the one that was read before", partition)
                told[partition] = first[partition]
            elif partition not in self._committed and self._begins_at_end(partition):
                told[partition] = end[partition]
            elif self._reached(partition) > end[partition]:
                # Whoever cannot tell whether it is another topic reads it whole.
                is_same = topic_id and (read_id or partition in self._positions)
                told[partition] = end[partition] if is_same else first[partition]
                gone = self._reached(partition) - end[partition]
                _log.error("%s has lost its last %d records; read from %d on", partition, gone, told[partition])
                self._lives[partition.topic] += 1
            if partition in told:
                self._positions[partition] = self._committed[partition] = told[partition]
            self._committed.setdefault(partition, first[partition])
            kafka.seek(partition, max(self._reached(partition), first[partition]))
        return told

    def _reached(self, partition: TopicPartition) -> int:
        return max(self._committed.get(partition, 0), self._positions.get(partition, 0))

    def _with_ids(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, tuple[int, str]]:
        """As they are committed: beside the topics' ids, for a restart may find others of the same names."""
        return {each: (offset, f"{_TOPIC_ID}{self._watch.id_of(each.topic)}") for each, offset in offsets.items()}

    def _begins_at_end(self, partition: TopicPartition) -> bool:
        return self._start_at == "latest" and partition.partition < self._first_partitions.get(partition.topic, 0)

    async def poll(self, *, max_records: int, timeout: float) -> Batch:
        kafka = await self._joined()
        self._watch_topics(kafka)
        self._note_ids(kafka, self._watch.seen(kafka._client))
        began, deadline = time.time(), time.monotonic() + timeout
        records: list[Record] = []
        while not records:
            await self._set_starts(kafka)
            left = max(0.0, deadline - time.monotonic())
            records = self._new(kafka, await self._fetch(kafka, max_records, left))
            if time.monotonic() >= deadline:
                break
        self._watch_brokers(kafka, began, records)
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
        except (NoOffsetForPartitionError, OffsetOutOfRangeError) as error:
            self._without_start |= kafka.assignment() & set(
                error.args[0] if isinstance(error.args[0], dict) else error.args
            )
            return {}
        except KafkaError as error:
            # aiokafka reports here what ended one of its background tasks, none of which it starts again.
            await self._drop()
            raise outcome("poll", error) from error

    def _new(self, kafka: Any, found: Mapping[TopicPartition, Sequence[Any]]) -> list[Record]:
        """What this consumer has not returned yet."""
        records: list[Record] = []
        for partition, messages in found.items():
            if partition in self._without_start:
                continue
            first, position = messages[0].offset, self._reached(partition)
            if first > position:
                gone = first - position
                LOST.labels(self._group, partition.topic).inc(gone)
                _log.error("%s: %d records from %d on were deleted before they were read", partition, gone, position)
            life = self._lives[partition.topic]
            records += [_Read(*_fields(message), life) for message in messages if message.offset >= position]
            self._positions[partition] = max(position, messages[-1].offset + 1)
            with suppress(IllegalStateError):
                self._ends[partition] = kafka.highwater(partition) or 0
        return records

    def _note_ids(self, kafka: Any, seen: Mapping[str, bool]) -> None:
        """Begin anew with the topics that are others than before. An offset of the former one says nothing about this
        one: all before it would be passed over."""
        for topic, is_another in seen.items():
            if not is_another:
                for partition in [each for each in self._ends if each.topic == topic]:
                    self._unread[partition] = max(0, self._ends[partition] - self._positions.get(partition, 0))
                continue
            self._lives[topic] += 1
            self._first_partitions[topic] = 0
            lost = sum(self._unread.pop(partition) for partition in list(self._unread) if partition.topic == topic)
            LOST.labels(self._group, topic).inc(lost)
            _log.error("%s was deleted and made again; when last seen, %d records were yet to be read", topic, lost)
            anew = {partition for partition in kafka.assignment() if partition.topic == topic}
            self._made_anew |= anew
            self._without_start |= anew

    def _watch_topics(self, kafka: Any) -> None:
        """Raise Retryable when all topics have been missing for long: getmany keeps that to itself too."""
        missing = self._missing(kafka)
        if len(missing) < len(self._topics):
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

    def _watch_brokers(self, kafka: Any, began: float, records: Sequence[Record]) -> None:
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
        ends = {
            TopicPartition(record.topic, record.partition): record.offset + 1
            for record in batch.records
            if not isinstance(record, _Read) or record.life == self._lives[record.topic]
        }
        kafka = await self._joined()
        async with translated("commit", self._options.timeout):
            while mine := {each: end for each, end in ends.items() if self._may_commit(kafka, each, end)}:
                try:
                    await kafka.commit(self._with_ids(mine))
                except (CommitFailedError, IllegalStateError):
                    # A rebalance is going on; once it is over, only what is still ours needs this commit.
                    await asyncio.sleep(_RETRY_SECONDS)
                    await self._set_starts(kafka)
                else:
                    self._committed |= mine
                    return

    def _may_commit(self, kafka: Any, partition: TopicPartition, end: int) -> bool:
        """Whether `partition` is ours, and nobody who had it meanwhile has got further."""
        return partition in kafka.assignment() and end > self._committed.get(partition, -1)

    async def rewind(self) -> None:
        kafka = await self._joined()
        self._positions.clear()
        self._without_start |= kafka.assignment()
        await self._set_starts(kafka)

    async def lag(self) -> int:
        kafka = await self._joined()
        async with translated("measure the lag", self._options.timeout):
            partitions = _led(kafka, kafka.assignment())
            starts, ends = await _bounds(kafka, partitions)
            self._ends |= ends
            committed = {partition: await kafka.committed(partition) or 0 for partition in partitions}
            return sum(max(0, ends[each] - max(committed[each], starts[each])) for each in partitions)

    async def close(self) -> None:
        self._closed = True
        await self._drop()

    async def _drop(self) -> None:
        kafka, self._kafka = self._kafka, None
        await self._watch.stop()
        if kafka is not None:
            await end_consumer(kafka)


def _led(kafka: Any, partitions: Iterable[TopicPartition]) -> set[TopicPartition]:
    """Those partitions that have a leader now."""
    return {each for each in partitions if kafka._client.cluster.leader_for_partition(each) not in (None, -1)}


async def _bounds(
    kafka: Any, partitions: set[TopicPartition]
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """The first offsets of partitions, and those that their next records will have."""
    if not partitions:
        return {}, {}
    return await kafka.beginning_offsets(partitions), await kafka.end_offsets(partitions)


def record_of(message: Any) -> Record:
    """What aiokafka read, as LLMFlow sees it."""
    return Record(*_fields(message))


def _fields(message: Any) -> tuple[str, int, int, int, bytes | None, bytes, Mapping[str, str]]:
    return (
        message.topic,
        message.partition,
        message.offset,
        message.timestamp,
        message.key,
        message.value or b"",
        {name: (value or b"").decode(errors="replace") for name, value in message.headers},
    )


async def end_consumer(kafka: Any) -> None:
    """Stop an aiokafka consumer, also without brokers."""
    if not await stopped(kafka):
        _log.warning("a Kafka consumer ends without leaving its group; the brokers notice after the session timeout")
        await kafka._client.close()
