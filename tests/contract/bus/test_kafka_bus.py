"""What only Kafka can do to its clients."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition  # type: ignore[import-untyped]
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from llmflow_bus import Batch, Message
from llmflow_bus.kafka import KafkaBus
from llmflow_bus.kafka import consumer as kafka_consumer
from llmflow_core.errors import Permanent, Retryable
from llmflow_testkit.bus_contract import numbered, read, values
from llmflow_testkit.polling import eventually

pytestmark = pytest.mark.kafka


@pytest.fixture
async def bus(kafka_url: str) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus.from_url(kafka_url)
    yield bus
    await bus.close()


@asynccontextmanager
async def administration(kafka_url: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_url.removeprefix("kafka://"))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@pytest.fixture
async def topic(bus: KafkaBus) -> str:
    topic = f"topic-{uuid.uuid4().hex}"
    await bus.create_topics([topic], partitions=1)
    return topic


async def test_a_producer_whose_sender_died_is_replaced(bus: KafkaBus, topic: str) -> None:
    producer, consumer = await bus.producer(), await bus.consumer("group", [topic])
    await producer.publish(topic, numbered(1))
    # A hole in the sequence numbers, as aiokafka leaves one when a partition has been without a leader for long.
    producer._kafka._txn_manager.increment_sequence_number(TopicPartition(topic, 0), 5)
    with pytest.raises(Retryable, match="OutOfOrderSequenceNumber"):
        await producer.publish(topic, numbered(1, start=1))
    await producer.publish(topic, numbered(2, start=2))
    assert values(await read(consumer, 3)) == [0, 2, 3]


async def test_a_consumer_whose_membership_broke_joins_again_without_a_gap(bus: KafkaBus, topic: str) -> None:
    producer, consumer = await bus.producer(), await bus.consumer(f"group-{topic}", [topic])
    await producer.publish(topic, numbered(4))
    await consumer.commit(Batch((await read(consumer, 4))[:2]))
    broken = consumer._kafka
    broken._coordinator._pending_exception = KafkaError("an unexpected answer to a heartbeat")
    with pytest.raises(Retryable, match="an unexpected answer"):
        await consumer.poll(max_records=10, timeout=1)
    await producer.publish(topic, numbered(1, start=4))
    assert values(await read(consumer, 1)) == [4], "records 2 and 3 are in the caller's hands already"
    await consumer.rewind()
    assert values(await read(consumer, 3)) == [2, 3, 4]


async def test_compression_and_settings_are_accepted_by_a_broker(kafka_url: str, topic: str) -> None:
    for compression in ("zstd", "lz4", "gzip", "none"):
        bus = KafkaBus.from_url(f"{kafka_url}?compression={compression}&replication=1&max_message_bytes=2000000")
        await bus.create_topics([f"{topic}-{compression}"], partitions=1)
        producer, consumer = await bus.producer(), await bus.consumer(compression, [f"{topic}-{compression}"])
        await producer.publish(f"{topic}-{compression}", numbered(50))
        assert values(await read(consumer, 50)) == list(range(50))
        await bus.close()


async def test_a_partition_that_begins_anew_is_read_from_there(bus: KafkaBus, topic: str) -> None:
    producer, consumer = await bus.producer(), await bus.consumer(f"group-{topic}", [topic])
    await producer.publish(topic, numbered(4))
    await consumer.commit(Batch(await read(consumer, 4)))
    # Where aiokafka goes once the broker says that the position is beyond the end: the topic was made again, or the
    # broker has lost its last records.
    consumer._kafka.seek(TopicPartition(topic, 0), 1)
    assert values(await read(consumer, 3)) == [1, 2, 3]


async def test_commits_that_brokers_forget_for_a_moment_still_count(
    bus: KafkaBus, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer, consumer = await bus.producer(), await bus.consumer(f"group-{topic}", [topic])
    await producer.publish(topic, numbered(4))
    await consumer.commit(Batch((await read(consumer, 4))[:2]))

    # What a broker answers while it takes over the group after others were killed.
    async def no_commit(partition: TopicPartition) -> None:
        return None

    monkeypatch.setattr(consumer._kafka, "committed", no_commit)
    await consumer.rewind()
    assert values(await read(consumer, 2)) == [2, 3]
    await consumer.rewind()
    consumer.on_partitions_assigned({TopicPartition(topic, 0)})
    assert values(await read(consumer, 2)) == [2, 3]


async def test_a_group_that_begins_at_the_end_reads_all_of_a_partition_that_is_added(
    bus: KafkaBus, kafka_url: str, topic: str
) -> None:
    producer, consumer = await bus.producer(), await bus.consumer(f"group-{topic}", [topic], start_at="latest")
    async with administration(kafka_url) as admin:
        await admin.create_partitions({topic: NewPartitions(2)})

    async def added() -> bool:
        await producer._kafka.client.force_metadata_update()
        return len(await producer._kafka.partitions_for(topic)) == 2

    await producer.publish(topic, numbered(1))
    await eventually(added, within=30)
    await producer._kafka.send_and_wait(topic, b"1", partition=1)
    await consumer._kafka._client.force_metadata_update()
    assert sorted(values(await read(consumer, 2))) == [0, 1]


async def test_records_that_were_deleted_unread_are_told(
    bus: KafkaBus, kafka_url: str, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    producer = await bus.producer()
    await producer.publish(topic, numbered(4))
    first = await bus.consumer(f"group-{topic}", [topic])
    await first.commit(Batch((await read(first, 4))[:1]))
    await first.close()
    async with administration(kafka_url) as admin:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=3)})
    consumer = await bus.consumer(f"group-{topic}", [topic])
    assert values(await read(consumer, 1)) == [3]
    assert "2 records from 1 on were deleted before they were read" in caplog.text


async def test_a_record_that_the_topic_does_not_take_leaves_the_next_alone(bus: KafkaBus, kafka_url: str) -> None:
    topic = f"topic-{uuid.uuid4().hex}"
    await KafkaBus.from_url(f"{kafka_url}?max_message_bytes=1024").create_topics([topic], partitions=1)
    producer, consumer = await bus.producer(), await bus.consumer(f"group-{topic}", [topic])
    await producer.publish(topic, numbered(1))
    with pytest.raises(Permanent, match=f"publish to {topic}: .*max.message.bytes"):
        await producer.publish(topic, [Message(os.urandom(200_000))])
    await producer.publish(topic, numbered(2, start=1))
    assert values(await read(consumer, 3)) == [0, 1, 2]


async def test_a_topic_that_is_missing_is_named(bus: KafkaBus, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = await bus.consumer(f"group-{topic}", [topic])
    with monkeypatch.context() as deleted:
        deleted.setattr(kafka_consumer, "_AWAY_SECONDS", -1.0)
        deleted.setattr(consumer._kafka, "partitions_for_topic", lambda _: None)
        with pytest.raises(Retryable, match=f"no topic {topic}"):
            await consumer.poll(max_records=1, timeout=0)
    await (await bus.producer()).publish(topic, numbered(1))
    assert values(await read(consumer, 1)) == [0]
