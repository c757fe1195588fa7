"""Records that a destination will never take."""

from __future__ import annotations

from llmflow_bus import Bus, Message, Producer, Record, topics

SOURCE_HEADER = "llmflow-dead-letter-source"
REASON_HEADER = "llmflow-dead-letter-reason"


class DeadLetters:
    """Keeps refused records on the dead-letter topic, as they came, with who refused them and why in the headers."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._producer: Producer | None = None

    async def keep(self, record: Record, *, source: str, reason: str) -> None:
        """Return once the log holds the record. Raises Retryable while the log is away."""
        if self._producer is None:
            self._producer = await self._bus.producer()
        headers = {**record.headers, SOURCE_HEADER: source, REASON_HEADER: reason}
        await self._producer.publish(topics.DEAD_LETTER, [Message(record.value, record.key, headers)])
