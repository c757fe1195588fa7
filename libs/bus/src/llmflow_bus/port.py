"""The message log as LLMFlow sees it. `kafka.py` and `embedded.py` keep these promises; one contract suite checks both.

A log has topics, a topic has partitions, a partition is an ordered sequence of records, each with an offset. Readers
belong to a consumer group; the group remembers, per partition, the offset of the next record it has yet to finish.
Delivery is at least once: whatever was not committed is delivered again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

#: Where a group that has no committed offset begins.
StartAt = Literal["earliest", "latest"]


@dataclass(frozen=True, slots=True)
class Message:
    """What a producer hands over. `key` chooses the partition (same key, same partition); without one they rotate.

    Headers are small string facts about the record, for instance the project it belongs to.
    """

    value: bytes
    key: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """A message as the log holds it. `timestamp_ms` is when the log or its producer took it, in Unix milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the order of each partition, possibly none. Hand it to `Consumer.commit` once it is dealt with."""

    records: Sequence[Record]


class Producer(Protocol):
    """Appends messages. Safe for concurrent use by many tasks of one event loop."""

    @property
    def max_message_bytes(self) -> int:
        """The largest value that `publish` accepts, in bytes."""
        ...

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Append `messages` and return once the log holds all of them durably.

        Concurrent calls share round trips. When it raises, some of the messages may have been appended.

        Raises Retryable when the log cannot take them now (away, or this producer's bounded buffer is full), Permanent
        when one is larger than `max_message_bytes`; then none was appended.
        """
        ...

    async def close(self) -> None:
        """Finish what `publish` calls are waiting for, then let go of every resource. Idempotent."""
        ...


class Consumer(Protocol):
    """Reads the topics of one group. One task at a time uses it."""

    async def poll(self, *, max_records: int, timeout: float) -> Batch:
        """The next records, as soon as there is one, or an empty batch after `timeout` seconds.

        At any time a partition is read by at most one consumer of its group; when that one ends, however it ends,
        another takes over from the last committed offset. Each record is returned once to this consumer, in order.

        Raises Retryable when the log is away; polling again later goes on without a gap.
        """
        ...

    async def commit(self, batch: Batch) -> None:
        """Remember that every record up to the end of `batch` is dealt with; return once that is durable.

        A commit for a partition that has passed to another consumer in the meantime is ignored: that consumer reads
        the records again. Raises Retryable when the log is away.
        """
        ...

    async def rewind(self) -> None:
        """Go back to the last committed offsets, so that everything polled and not committed is delivered again."""
        ...

    async def lag(self) -> int:
        """How many records this consumer's partitions hold beyond the committed offsets."""
        ...

    async def close(self) -> None:
        """Leave the group without committing anything. Idempotent."""
        ...


class Bus(Protocol):
    """A connection to one log. Opens nothing until it is asked for a producer or a consumer."""

    async def create_topics(self, topics: Sequence[str], *, partitions: int | None = None) -> None:
        """Make the topics that are missing; leave those that exist alone. Idempotent, safe to run concurrently."""
        ...

    async def missing_topics(self, topics: Sequence[str]) -> list[str]:
        """Those of `topics` that the log does not have, or does not show to this user. Makes nothing.

        Raises Retryable when the log is away.
        """
        ...

    async def producer(self) -> Producer:
        """A started producer. Raises Retryable when the log cannot be reached."""
        ...

    async def consumer(self, group: str, topics: Sequence[str], *, start_at: StartAt = "earliest") -> Consumer:
        """A started consumer of `group`. A topic that is missing is read once there is one, from its first record on.

        Raises Retryable when the log cannot be reached, or has none of the topics and makes none.
        """
        ...

    def read(self, topic: str) -> AsyncIterator[Record]:
        """Every record that the topic holds as this begins, each partition's in order; none of a topic that is missing.

        Belongs to no group, commits nothing and makes nothing. Raises Retryable when the log is away.
        """
        ...

    def damaged_files(self) -> list[Path]:
        """What was put aside because the disk had damaged it, as far as it is kept; none of a log that has no files."""
        ...

    async def healthy(self) -> bool:
        """Whether the log answers now, within two seconds. Never raises."""
        ...

    async def close(self) -> None:
        """Close every producer and consumer that this bus made and that is still open. Idempotent."""
        ...
