"""Records that a reader of the log can never deal with: kept on a topic of their own instead of lost.

What was replayed is written on that topic as well, in records that are no letters: their value names letters, a line
each. So no state is needed beside the log, and a replay that is run again replays nothing twice.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from llmflow_bus import topics
from llmflow_bus.port import Bus, Message, Producer, Record
from llmflow_core.errors import Permanent

logger = logging.getLogger(__name__)

SOURCE_HEADER = "llmflow-dead-letter-source"
REASON_HEADER = "llmflow-dead-letter-reason"
TOPIC_HEADER = "llmflow-dead-letter-topic"
PARTITION_HEADER = "llmflow-dead-letter-partition"
OFFSET_HEADER = "llmflow-dead-letter-offset"
#: How often the record has been replayed.
REPLAYS_HEADER = "llmflow-dead-letter-replays"
#: Marks a record that says which letters were replayed.
REPLAYED_HEADER = "llmflow-dead-letter-replayed"

_REASON_CHARACTERS = 1000
_BATCH_LETTERS = 100
_BATCH_BYTES = 4 * 2**20


class DeadLetters:
    """Keeps refused records on the dead-letter topic, as they came: who refused them, why, and where they were first,
    in the headers. Publishing such a record again with them does no harm: what had been stored of it is recognised."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._producer: Producer | None = None

    async def keep(self, record: Record, *, source: str, reason: str) -> None:
        """Return once the log holds the record. Raises Retryable while the log is away.

        `source` is the consumer group that refused it; the headers hold the first 1,000 characters of the `reason`.
        """
        reason = reason[:_REASON_CHARACTERS]
        logger.error("%s: dead letter %s[%d] %d: %s", source, record.topic, record.partition, record.offset, reason)
        place = {
            TOPIC_HEADER: record.topic,
            PARTITION_HEADER: str(record.partition),
            OFFSET_HEADER: str(record.offset),
        }
        headers = {
            # A letter that is refused again still says where it was first.
            **place,
            **record.headers,
            SOURCE_HEADER: source,
            REASON_HEADER: reason.encode(errors="replace").decode(),
        }
        if self._producer is None:
            self._producer = await self._bus.producer()
        try:
            await self._producer.publish(topics.DEAD_LETTER, [Message(record.value, record.key, headers)])
        except Permanent as error:
            # Nothing but its place can be kept, and waiting would hold up every record behind it.
            logger.error("the dead letter itself was refused: %s", error)


def concerns(record: Record, group: str, *former: str) -> bool:
    """Whether `group` has to deal with a record: with a replayed one only if that group had refused it, or one that it
    follows (`former`), for the others have dealt with it already."""
    return record.headers.get(SOURCE_HEADER, group) in (group, *former)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A kept record: where it lies on the dead-letter topic and since when, the headers that say whence it came, and
    its size in bytes. `replayed_ms` is when it was replayed, in Unix milliseconds; None if it was not."""

    partition: int
    offset: int
    time_ms: int
    headers: Mapping[str, str]
    size: int
    replayed_ms: int | None = None

    @property
    def id(self) -> str:
        """Its place on the dead-letter topic: `partition:offset`."""
        return f"{self.partition}:{self.offset}"

    @property
    def source(self) -> str:
        """The consumer group that refused it."""
        return self.headers.get(SOURCE_HEADER, "")

    @property
    def reason(self) -> str:
        """Why."""
        return self.headers.get(REASON_HEADER, "")

    @property
    def topic(self) -> str:
        """The topic that it was on first."""
        return self.headers.get(TOPIC_HEADER, "")

    @property
    def position(self) -> str:
        """Its first place: `topic[partition] offset`."""
        partition, offset = (self.headers.get(name, "?") for name in (PARTITION_HEADER, OFFSET_HEADER))
        return f"{self.topic}[{partition}] {offset}"

    @property
    def replays(self) -> int:
        """How often it had been replayed before it was refused."""
        return _number(self.headers.get(REPLAYS_HEADER, "0"))

    @property
    def replayable(self) -> bool:
        """Whether its topic is one that the readers of dead letters read."""
        return self.topic in (topics.SPANS, topics.METRICS, topics.LOGS)


async def read_letters(bus: Bus) -> list[DeadLetter]:
    """Every letter that the log still holds, oldest first, without its value. Raises Retryable when the log is away."""
    found: dict[str, DeadLetter] = {}
    replayed: dict[str, int] = {}
    async for record in bus.read(topics.DEAD_LETTER):
        if REPLAYED_HEADER in record.headers:
            replayed |= dict.fromkeys(record.value.decode(errors="replace").split(), record.timestamp_ms)
        else:
            letter = _letter_of(record)
            found[letter.id] = letter
    letters = [replace(letter, replayed_ms=replayed.get(letter.id)) for letter in found.values()]
    return sorted(letters, key=lambda letter: (letter.time_ms, letter.partition, letter.offset))


async def read_values(bus: Bus, letters: Sequence[DeadLetter]) -> AsyncIterator[Record]:
    """The records of those letters that the log still holds, as they lie there."""
    wanted = {(letter.partition, letter.offset) for letter in letters}
    async for record in bus.read(topics.DEAD_LETTER):
        if (record.partition, record.offset) in wanted and REPLAYED_HEADER not in record.headers:
            yield record


async def replay(bus: Bus, letters: Sequence[DeadLetter]) -> AsyncIterator[int]:
    """Publish letters to the topics that they came from, and give how many have been so far, some at a time.

    Each carries how often it has been replayed, and is taken by the group that had refused it, see `concerns`; refused
    again it becomes a letter anew. When this is interrupted, some letters may be published again the next time, which
    does no harm. Letters that are not `replayable` are left out. Raises Retryable and Permanent like a producer.
    """
    producer = await bus.producer()
    done, size = 0, 0
    batch: list[Record] = []
    async for record in read_values(bus, [letter for letter in letters if letter.replayable]):
        batch.append(record)
        size += len(record.value)
        if len(batch) >= _BATCH_LETTERS or size >= _BATCH_BYTES:
            await _replay_batch(producer, batch)
            done += len(batch)
            yield done
            batch, size = [], 0
    if batch:
        await _replay_batch(producer, batch)
        yield done + len(batch)


async def _replay_batch(producer: Producer, batch: Sequence[Record]) -> None:
    by_topic: dict[str, list[Message]] = {}
    for record in batch:
        letter = _letter_of(record)
        headers = {**record.headers, REPLAYS_HEADER: str(letter.replays + 1)}
        by_topic.setdefault(letter.topic, []).append(Message(record.value, record.key, headers))
    for topic, messages in by_topic.items():
        await producer.publish(topic, messages)
    ids = "\n".join(_letter_of(record).id for record in batch)
    await producer.publish(topics.DEAD_LETTER, [Message(ids.encode(), headers={REPLAYED_HEADER: "yes"})])


def _letter_of(record: Record) -> DeadLetter:
    return DeadLetter(record.partition, record.offset, record.timestamp_ms, record.headers, len(record.value))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
