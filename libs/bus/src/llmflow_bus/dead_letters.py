"""Records that a reader of the log can never deal with: kept on a topic of their own instead of lost."""

from __future__ import annotations

import logging

from llmflow_bus import topics
from llmflow_bus.port import Bus, Message, Producer, Record
from llmflow_core.errors import Permanent

logger = logging.getLogger(__name__)

SOURCE_HEADER = "llmflow-dead-letter-source"
REASON_HEADER = "llmflow-dead-letter-reason"
TOPIC_HEADER = "llmflow-dead-letter-topic"
PARTITION_HEADER = "llmflow-dead-letter-partition"
OFFSET_HEADER = "llmflow-dead-letter-offset"

_REASON_CHARACTERS = 1000


class DeadLetters:
    """Keeps refused records on the dead-letter topic, as they came: who refused them, why, and where they were, in the
    headers. Publishing such a record again with them does no harm: what had been stored of it is recognised."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._producer: Producer | None = None

    async def keep(self, record: Record, *, source: str, reason: str) -> None:
        """Return once the log holds the record. Raises Retryable while the log is away.

        `source` is the consumer group that refused it; the headers hold the first 1,000 characters of the `reason`.
        """
        reason = reason[:_REASON_CHARACTERS]
        logger.error("%s: dead letter %s[%d] %d: %s", source, record.topic, record.partition, record.offset, reason)
        headers = {
            **record.headers,
            SOURCE_HEADER: source,
            REASON_HEADER: reason.encode(errors="replace").decode(),
            TOPIC_HEADER: record.topic,
            PARTITION_HEADER: str(record.partition),
            OFFSET_HEADER: str(record.offset),
        }
        if self._producer is None:
            self._producer = await self._bus.producer()
        try:
            await self._producer.publish(topics.DEAD_LETTER, [Message(record.value, record.key, headers)])
        except Permanent as error:
            # Nothing but its place can be kept, and waiting would hold up every record behind it.
            logger.error("the dead letter itself was refused: %s", error)
