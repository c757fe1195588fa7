"""Reads what a Kafka topic holds, outside of any group."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]

from llmflow_bus.kafka.consumer import end_consumer, record_of
from llmflow_bus.kafka.guard import translated
from llmflow_bus.kafka.options import KafkaOptions
from llmflow_bus.port import Record
from llmflow_core.errors import Retryable

_DOING = "read a topic"
_POLL_MS = 500
_POLL_RECORDS = 500


async def read_topic(options: KafkaOptions, topic: str) -> AsyncIterator[Record]:
    """Its promises are those of `llmflow_bus.port.Bus.read`."""
    kafka = AIOKafkaConsumer(
        **options.connection(), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        async with translated(_DOING, options.timeout):
            await kafka.start()
            ends = await _start_reading(kafka, topic)
        heard = time.monotonic()
        while ends:
            async with translated(_DOING, options.timeout):
                found = await kafka.getmany(*ends, timeout_ms=_POLL_MS, max_records=_POLL_RECORDS)
                reached = {partition: await kafka.position(partition) for partition in ends}
            if found:
                heard = time.monotonic()
            elif time.monotonic() - heard > options.timeout:
                raise Retryable(f"Kafka, {_DOING}: nothing more of {topic} came for {options.timeout:g} s")
            for partition, messages in found.items():
                for message in messages:
                    if message.offset < ends[partition]:
                        yield record_of(message)
            ends = {partition: last for partition, last in ends.items() if reached[partition] < last}
    finally:
        await end_consumer(kafka)


async def _start_reading(kafka: Any, topic: str) -> dict[TopicPartition, int]:
    """Go to the oldest record of every partition that has one; where each of those ends now."""
    cluster = await kafka._client.fetch_all_metadata()
    partitions = [TopicPartition(topic, number) for number in sorted(cluster.partitions_for_topic(topic) or ())]
    if not partitions:
        return {}
    starts, ends = await kafka.beginning_offsets(partitions), await kafka.end_offsets(partitions)
    filled = {partition: ends[partition] for partition in partitions if starts[partition] < ends[partition]}
    kafka.assign(list(filled))
    for partition in filled:
        kafka.seek(partition, starts[partition])
    return filled
