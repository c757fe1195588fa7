"""What only Kafka can do to its clients."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
from aiokafka import TopicPartition  # type: ignore[import-untyped]
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete  # type: ignore[import-untyped]
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError, SaslAuthenticationFailed  # type: ignore[import-untyped]
from aiokafka.protocol.commit import OffsetFetchRequest, OffsetFetchResponse_v3  # type: ignore[import-untyped]
from aiokafka.protocol.metadata import MetadataRequest  # type: ignore[import-untyped]

from llmflow_bus import Batch, Message, Producer
from llmflow_bus.kafka import KafkaBus
from llmflow_bus.kafka import consumer as kafka_consumer
from llmflow_bus.metrics import LOST
from llmflow_bus.port import StartAt
from llmflow_core.errors import Permanent, Retryable
from llmflow_testkit.bus_contract import numbered, read, values
from llmflow_testkit.polling import eventually

pytestmark = pytest.mark.kafka


@pytest.fixture
async def bus(kafka_url: str) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus.from_url(kafka_url)
    yield bus
    await bus.close()


@pytest.fixture
def no_topics_by_mention(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brokers make no topic because a client asks for it, as in most clusters."""
    request = partial(MetadataRequest, allow_auto_topic_creation=False)
    monkeypatch.setattr("aiokafka.client.MetadataRequest", request)


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


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_partition_that_has_lost_its_end_is_not_read_again(bus: KafkaBus, topic: str, restarted: bool) -> None:
    producer, consumer = await bus.producer(), await bus.consumer(f"group-{topic}", [topic])
    await producer.publish(topic, numbered(4))
    old = await read(consumer, 4)
    # As after a loss of power, when a broker remembers what was committed, but not all that it took.
    await consumer._kafka.commit(consumer._with_ids({TopicPartition(topic, 0): 6}))
    if restarted:
        await consumer.close()
        consumer = await bus.consumer(f"group-{topic}", [topic])
    else:
        consumer._positions[TopicPartition(topic, 0)] = consumer._committed[TopicPartition(topic, 0)] = 6
        consumer._kafka.seek(TopicPartition(topic, 0), 6)

        async def found_out() -> bool:
            assert not (await consumer.poll(max_records=10, timeout=0.1)).records
            return consumer._positions[TopicPartition(topic, 0)] == 4

        await eventually(found_out, within=30)
    await producer.publish(topic, numbered(2, start=4))
    assert values(await read(consumer, 2)) == [4, 5]
    await consumer.commit(Batch(old))
    await consumer.rewind()
    assert values(await read(consumer, 2)) == [4, 5]


async def test_a_partition_of_a_topic_unknown_that_begins_anew_is_read_whole(bus: KafkaBus, topic: str) -> None:
    producer, consumer = await bus.producer(), await bus.consumer(f"group-{topic}", [topic])
    await producer.publish(topic, numbered(4))
    await read(consumer, 4)
    # As brokers without topic ids leave it, or a commit by another program.
    await consumer._kafka.commit({TopicPartition(topic, 0): 6})
    await consumer.close()
    consumer = await bus.consumer(f"group-{topic}", [topic])
    assert values(await read(consumer, 4)) == [0, 1, 2, 3]


async def test_a_partition_without_a_leader_holds_up_no_other(
    bus: KafkaBus, topic: str, kafka_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bus.create_topics([f"{topic}-two"], partitions=2)
    hasty = KafkaBus.from_url(f"{kafka_url}?timeout=3")
    consumer = await hasty.consumer(f"group-{topic}", [f"{topic}-two"])
    cluster = consumer._kafka._client.cluster
    leader = cluster.leader_for_partition
    producer = await bus.producer()
    for n in range(2):
        await (await producer._connected()).send_and_wait(f"{topic}-two", b"%d" % n, partition=n)
    with monkeypatch.context() as away:
        away.setattr(cluster, "leader_for_partition", lambda each: -1 if each.partition else leader(each))
        await consumer.rewind()
        records = await read(consumer, 1)
        assert values(records) == [0]
        await consumer.commit(Batch(records))
        assert await consumer.lag() == 0
    assert values(await read(consumer, 1)) == [1]
    await hasty.close()


async def test_a_commit_does_not_take_back_that_of_who_had_the_partition_meanwhile(bus: KafkaBus, topic: str) -> None:
    producer, consumer = await bus.producer(), await bus.consumer(f"group-{topic}", [topic])
    await producer.publish(topic, numbered(4))
    mine = await read(consumer, 4)
    await consumer._kafka.commit({TopicPartition(topic, 0): 3})
    # As after a pause of minutes, in which the group went on without this consumer, and got the partition back.
    consumer.on_partitions_assigned(set())
    consumer.on_partitions_assigned({TopicPartition(topic, 0)})
    assert values(await read(consumer, 1)) == [3]
    await consumer.commit(Batch(mine[:2]))
    await consumer.rewind()
    assert values(await read(consumer, 1)) == [3]


async def test_commits_that_brokers_forget_for_a_moment_still_count(
    bus: KafkaBus, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer, consumer = await bus.producer(), await bus.consumer(f"group-{topic}", [topic])
    await producer.publish(topic, numbered(4))
    await consumer.commit(Batch((await read(consumer, 4))[:2]))

    # What a broker answers that has taken over the group without its last commits.
    async def no_commit(_: object) -> dict[TopicPartition, object]:
        return {}

    monkeypatch.setattr(consumer._kafka._coordinator, "fetch_committed_offsets", no_commit)
    await consumer.rewind()
    assert values(await read(consumer, 2)) == [2, 3]
    await consumer.rewind()
    consumer.on_partitions_assigned({TopicPartition(topic, 0)})
    assert values(await read(consumer, 2)) == [2, 3]


@pytest.mark.parametrize("start_at", ["earliest", "latest"])
async def test_a_coordinator_that_takes_over_is_not_taken_to_know_no_commits(
    bus: KafkaBus, topic: str, start_at: StartAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer, first = await bus.producer(), await bus.consumer(f"group-{topic}", [topic], start_at=start_at)
    await producer.publish(topic, numbered(4))
    await first.commit(Batch((await read(first, 4))[:2]))
    await first.close()
    # What brokers say: 16 of one that is not the coordinator any more, 14 of one that still reads the group's offsets.
    answers = [OffsetFetchResponse_v3(0, [], 16), OffsetFetchResponse_v3(0, [], 14)]
    send = AIOKafkaClient.send

    async def taking_over(client: Any, node: Any, request: Any, **options: Any) -> Any:
        if isinstance(request, OffsetFetchRequest) and answers:
            return answers.pop(0)
        return await send(client, node, request, **options)

    monkeypatch.setattr(AIOKafkaClient, "send", taking_over)
    second = await bus.consumer(f"group-{topic}", [topic], start_at=start_at)
    assert values(await read(second, 2)) == [2, 3]
    assert not answers


@pytest.mark.parametrize("start_at", ["earliest", "latest"])
async def test_a_topic_that_is_made_again_is_read_from_its_start(
    bus: KafkaBus, kafka_url: str, topic: str, start_at: StartAt, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = await bus.consumer(f"group-{topic}", [topic], start_at=start_at)
    producer = await bus.producer()
    await producer.publish(topic, numbered(3))
    await consumer.commit(Batch(old := await read(consumer, 3)))
    consumer._kafka.pause(TopicPartition(topic, 0))
    await producer.publish(topic, numbered(2, start=3))
    assert await consumer.lag() == 2

    async def noted() -> bool:
        consumer._watch._due = 0.0
        await consumer.poll(max_records=1, timeout=0.05)
        return sum(consumer._unread.values()) == 2

    await eventually(noted, within=30)
    async with administration(kafka_url) as admin:
        await admin.delete_topics([topic])

        async def deleted() -> bool:
            return topic not in await admin.list_topics()

        await eventually(deleted, within=30)
    await bus.create_topics([topic], partitions=1)
    # As many as before at least, so that the old offsets are good ones of the new topic.
    await eventually(lambda: published(producer, topic, numbered(9, start=10)), within=30)
    for paused in consumer._kafka.paused():
        consumer._kafka.resume(paused)
    found: set[int] = set()

    async def all_read() -> bool:
        consumer._watch._due = 0.0
        with suppress(Retryable):
            found.update(values((await consumer.poll(max_records=9, timeout=0.2)).records))
        return found >= set(range(10, 19))

    await eventually(all_read, within=30)
    assert f"{topic} was deleted and made again" in caplog.text
    assert LOST.labels(f"group-{topic}", topic)._value.get() == 2
    assert not found & {3, 4}
    await consumer.commit(Batch(old))
    await consumer.rewind()
    assert 10 in values(await read(consumer, 9)), "a commit of the old topic's offsets does not count"


async def published(producer: Producer, topic: str, messages: list[Message]) -> bool:
    try:
        await producer.publish(topic, messages)
    except Retryable:
        return False
    return True


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


@pytest.mark.usefixtures("no_topics_by_mention")
async def test_the_topics_that_are_there_are_read_and_others_once_they_are(bus: KafkaBus, topic: str) -> None:
    late = f"{topic}-late"
    assert await bus.missing_topics([late, topic]) == [late]
    producer = await bus.producer()
    await producer.publish(topic, numbered(2))
    consumer = await bus.consumer(f"group-{topic}", [late, topic])
    await consumer.commit(Batch(await read(consumer, 2)))
    assert await consumer.lag() == 0
    await bus.create_topics([late], partitions=1)
    await producer.publish(late, numbered(1, start=2))
    await consumer._kafka._client.force_metadata_update()
    assert values(await read(consumer, 1)) == [2]
    assert await bus.missing_topics([late, topic]) == []


@pytest.mark.usefixtures("no_topics_by_mention")
async def test_a_group_none_of_whose_topics_is_there_is_told_so(
    bus: KafkaBus, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_consumer, "_FIND_SECONDS", 0.0)
    with pytest.raises(Retryable, match=f"no topic {topic}-missing to be seen"):
        await bus.consumer(f"group-{topic}", [f"{topic}-missing"])


async def test_what_is_no_fault_of_a_message_is_retryable(
    bus: KafkaBus, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = await bus.producer()

    async def refused() -> None:
        raise SaslAuthenticationFailed

    with monkeypatch.context() as changed:
        changed.setattr(producer._kafka, "partitions_for", lambda _: refused())
        with pytest.raises(Retryable, match="SaslAuthenticationFailed"):
            await producer.publish(topic, numbered(1))
    await producer.publish(topic, numbered(1))


async def test_a_topic_that_is_missing_is_named(bus: KafkaBus, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = await bus.consumer(f"group-{topic}", [topic])
    with monkeypatch.context() as deleted:
        deleted.setattr(kafka_consumer, "_AWAY_SECONDS", -1.0)
        deleted.setattr(consumer._kafka, "partitions_for_topic", lambda _: None)
        with pytest.raises(Retryable, match=f"no topic {topic}"):
            await consumer.poll(max_records=1, timeout=0)
    await (await bus.producer()).publish(topic, numbered(1))
    assert values(await read(consumer, 1)) == [0]
