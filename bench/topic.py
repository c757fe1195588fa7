"""The topic of spans that a part which reads it is measured with."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from llmflow_bus import Message, open_bus, topics
from llmflow_testkit.clusters import RunningKafka

_BYTES_AT_ONCE = 4_000_000


async def fill(kafka: RunningKafka, bodies: Sequence[bytes]) -> None:
    """Publish requests for spans, each as one record."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of each partition that is not ready at once
    bus = open_bus(kafka.url)
    try:
        producer = await bus.producer()
        at_once = max(1, _BYTES_AT_ONCE * len(bodies) // sum(map(len, bodies)))
        for at in range(0, len(bodies), at_once):
            await producer.publish(topics.SPANS, [Message(body) for body in bodies[at : at + at_once]])
    finally:
        await bus.close()
