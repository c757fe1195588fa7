"""Records that the database will never take."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from llmflow_bus import Bus, Message, Producer, Record, topics
from llmflow_core.errors import Permanent
from llmflow_writer.metrics import DEAD_LETTERS

logger = logging.getLogger(__name__)

SOURCE_HEADER = "llmflow-dead-letter-source"
REASON_HEADER = "llmflow-dead-letter-reason"
TOPIC_HEADER = "llmflow-dead-letter-topic"
PARTITION_HEADER = "llmflow-dead-letter-partition"
OFFSET_HEADER = "llmflow-dead-letter-offset"

_SOURCE = "writer"
_REASON_CHARACTERS = 1000


class DeadLetters:
    """Keeps refused records on the dead-letter topic, as they came: who refused them, why, and where they were, in the
    headers. Such a record may hold spans that were stored; publishing it again does no harm."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._producer: Producer | None = None

    async def keep(self, record: Record, problems: Sequence[str]) -> None:
        """Return once the log holds the record. Raises Retryable while the log is away."""
        reason = "; ".join(problems)[:_REASON_CHARACTERS]
        logger.warning("dead letter: %s[%d] %d: %s", record.topic, record.partition, record.offset, reason)
        headers = {
            **record.headers,
            SOURCE_HEADER: _SOURCE,
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
        DEAD_LETTERS.inc()
