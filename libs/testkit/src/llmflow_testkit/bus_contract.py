"""What every `Bus` promises. Subclass `BusContract` in a test module, and pytest runs it on every kind of log."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from typing import Protocol

import pytest
import pytest_asyncio

from llmflow_bus import Batch, Bus, Consumer, Message, Record, open_bus
from llmflow_core.errors import Permanent, Retryable
from llmflow_testkit.bus_process import bus_process
from llmflow_testkit.polling import eventually

_PATIENCE = 60.0


class Outage(Protocol):
    """A log of one's own that can be taken away and given back."""

    @property
    def url(self) -> str:
        """What `open_bus` takes."""
        ...

    def begin(self) -> None:
        """Take the log away."""
        ...

    def end(self) -> None:
        """Give it back, with everything it held."""
        ...


def numbered(count: int, *, start: int = 0, key: bytes | None = None) -> list[Message]:
    """Messages whose values are numbers."""
    return [Message(str(start + n).encode(), key=key) for n in range(count)]


def values(records: Iterable[Record]) -> list[int]:
    """The numbers of such messages, as they came."""
    return [int(record.value) for record in records]


async def read(consumer: Consumer, count: int, *, within: float = _PATIENCE) -> list[Record]:
    """The next `count` records. Fails when they take too long, or when there are more of them."""
    records: list[Record] = []
    deadline = time.monotonic() + within
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} records within {within} s"
        records += (await consumer.poll(max_records=count, timeout=0.5)).records
    assert len(records) == count
    return records


class BusContract:
    """The suite. Fixtures: `bus_url` names a log, perhaps a shared one; `outage` is a log of the test's own."""

    @pytest_asyncio.fixture
    async def bus(self, bus_url: str) -> AsyncIterator[Bus]:
        bus = open_bus(bus_url)
        yield bus
        await bus.close()

    @pytest.fixture
    def topic(self) -> str:
        return f"topic-{uuid.uuid4().hex}"

    @pytest.fixture
    def group(self) -> str:
        return f"group/{uuid.uuid4().hex}"

    async def test_records_come_in_order_as_they_were_sent(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=1)
        sent = [
            Message(b"first", key=b"\x00key", headers={"llmflow-project": "shop", "name": "Größe"}),
            Message(b"", key=None),
            Message(b"\xff" * 1000),
        ]
        before = time.time() * 1000
        producer = await bus.producer()
        await producer.publish(topic, sent[:2])
        await producer.publish(topic, sent[2:])
        await producer.publish(topic, [])

        records = await read(await bus.consumer(group, [topic]), 3)
        assert [(r.value, r.key, dict(r.headers)) for r in records] == [(m.value, m.key, dict(m.headers)) for m in sent]
        assert [(r.topic, r.partition, r.offset) for r in records] == [(topic, 0, n) for n in range(3)]
        assert all(before - 1000 <= r.timestamp_ms <= time.time() * 1000 + 1000 for r in records)

    async def test_a_key_always_means_the_same_partition(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=4)
        keys = [f"key-{n}".encode() for n in range(40)]
        for _ in range(2):
            producer = await bus.producer()
            await producer.publish(topic, [Message(b"x", key=key) for key in keys])

        partitions: dict[bytes | None, set[int]] = {}
        for record in await read(await bus.consumer(group, [topic]), 80):
            partitions.setdefault(record.key, set()).add(record.partition)
        assert all(len(found) == 1 for found in partitions.values())
        assert set.union(*partitions.values()) == {0, 1, 2, 3}

    async def test_messages_without_a_key_use_every_partition(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=3)
        producer = await bus.producer()
        for message in numbered(12):
            await producer.publish(topic, [message])
        assert {r.partition for r in await read(await bus.consumer(group, [topic]), 12)} == {0, 1, 2}

    async def test_a_new_group_starts_where_it_asks_to(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=2)
        producer = await bus.producer()
        await producer.publish(topic, numbered(3))
        latest = await bus.consumer(f"{group}-latest", [topic], start_at="latest")
        earliest = await bus.consumer(f"{group}-earliest", [topic], start_at="earliest")
        await producer.publish(topic, numbered(3, start=3))

        assert sorted(values(await read(earliest, 6))) == [0, 1, 2, 3, 4, 5]
        assert sorted(values(await read(latest, 3))) == [3, 4, 5]
        await latest.close()
        again = await bus.consumer(f"{group}-latest", [topic], start_at="latest")
        assert sorted(values(await read(again, 3))) == [3, 4, 5], "the group's start is remembered without a commit"

    async def test_a_topic_is_read_without_a_group(self, bus: Bus, topic: str, group: str) -> None:
        producer = await bus.producer()
        assert [record async for record in bus.read(f"{topic}-missing")] == []
        await bus.create_topics([topic], partitions=3)
        assert [record async for record in bus.read(topic)] == []
        for message in numbered(9):
            await producer.publish(topic, [message])
        found: list[Record] = []
        async for record in bus.read(topic):
            if not found:
                await producer.publish(topic, numbered(1, start=99))
            found.append(record)
        assert sorted(values(found)) == list(range(9)), "what comes meanwhile is not read"
        for partition in range(3):
            offsets = [record.offset for record in found if record.partition == partition]
            assert offsets == list(range(len(offsets)))
        consumed = await read(await bus.consumer(group, [topic]), 10)
        assert sorted(values(consumed)) == [*range(9), 99], "nothing was committed"

    async def test_only_what_was_committed_is_not_delivered_again(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=1)
        producer = await bus.producer()
        await producer.publish(topic, numbered(10))
        first = await bus.consumer(group, [topic])
        await first.commit(Batch(await read(first, 4)))
        await read(first, 3)
        await first.close()

        second = await bus.consumer(group, [topic])
        assert values(await read(second, 6)) == [4, 5, 6, 7, 8, 9]

    async def test_rewind_delivers_everything_after_the_commit_again(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=1)
        producer = await bus.producer()
        await producer.publish(topic, numbered(6))
        consumer = await bus.consumer(group, [topic])
        await read(consumer, 6)
        await consumer.rewind()
        batch = Batch(await read(consumer, 2))
        assert values(batch.records) == [0, 1]
        await consumer.commit(batch)
        await read(consumer, 4)
        await consumer.rewind()
        assert values(await read(consumer, 4)) == [2, 3, 4, 5]

    async def test_poll_keeps_to_its_limits(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=1)
        consumer = await bus.consumer(group, [topic])
        began = time.monotonic()
        assert (await consumer.poll(max_records=10, timeout=0.3)).records == []
        assert 0.25 <= time.monotonic() - began < 15

        producer = await bus.producer()
        await producer.publish(topic, numbered(25))
        sizes = [len((await consumer.poll(max_records=10, timeout=5)).records) for _ in range(3)]
        assert max(sizes) <= 10

    async def test_a_waiting_poll_hears_of_a_new_record(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=1)
        consumer, producer = await bus.consumer(group, [topic]), await bus.producer()
        await producer.publish(topic, numbered(1))
        await read(consumer, 1)
        for n in range(5):
            waiting = asyncio.create_task(consumer.poll(max_records=10, timeout=20))
            began = time.monotonic()
            await producer.publish(topic, numbered(1, start=n))
            assert values((await waiting).records) == [n]
            assert time.monotonic() - began < 15

    async def test_a_cancelled_poll_loses_nothing(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=1)
        consumer, producer = await bus.consumer(group, [topic]), await bus.producer()
        for n in range(20):
            waiting = asyncio.create_task(consumer.poll(max_records=10, timeout=20))
            publishing = asyncio.create_task(producer.publish(topic, numbered(1, start=n)))
            await asyncio.wait([publishing])
            # Each round cancels at another moment of the wake-up.
            for _ in range(n):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            if waiting.cancelled():
                assert values(await read(consumer, 1)) == [n]
            else:
                assert values(waiting.result().records) == [n]

    async def test_a_group_shares_its_partitions_and_takes_over(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=4)
        producer = await bus.producer()
        first, second = await bus.consumer(group, [topic]), await bus.consumer(group, [topic])
        sent = 0

        async def both_get_a_share() -> bool:
            nonlocal sent
            await producer.publish(topic, [Message(b"x", key=str(n).encode()) for n in range(40)])
            sent += 40
            got: tuple[list[Record], list[Record]] = ([], [])
            deadline = time.monotonic() + _PATIENCE
            while len({(r.partition, r.offset) for r in seen + got[0] + got[1]}) < sent:
                assert time.monotonic() < deadline
                batches = await asyncio.gather(*(c.poll(max_records=100, timeout=0.2) for c in (first, second)))
                for consumer, mine, batch in zip((first, second), got, batches, strict=True):
                    mine += batch.records
                    await consumer.commit(batch)
            seen.extend(got[0] + got[1])
            shares = [{r.partition for r in mine} for mine in got]
            return len(shares[0]) == len(shares[1]) == 2 and not shares[0] & shares[1]

        seen: list[Record] = []
        await eventually(both_get_a_share, within=_PATIENCE)

        await first.close()
        await producer.publish(topic, [Message(b"x", key=str(n).encode()) for n in range(40)])
        assert {r.partition for r in await read(second, 40)} == {0, 1, 2, 3}

    async def test_a_consumer_without_a_partition_stands_by(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=1)
        producer = await bus.producer()
        await producer.publish(topic, numbered(4))
        pair = await bus.consumer(group, [topic]), await bus.consumer(group, [topic])

        async def find_owner() -> tuple[Consumer, Consumer, Batch] | None:
            for consumer in pair:
                await consumer.rewind()
            one, two = [await consumer.poll(max_records=10, timeout=1) for consumer in pair]
            if bool(one.records) == bool(two.records):
                return None
            return (pair[0], pair[1], one) if one.records else (pair[1], pair[0], two)

        found = await eventually(find_owner, within=_PATIENCE)
        assert found is not None
        owner, standby, batch = found
        assert values(batch.records) == [0, 1, 2, 3]
        await standby.commit(batch)
        assert (await owner.lag(), await standby.lag()) == (4, 0), "a commit by another than the owner is ignored"
        await owner.close()
        assert values(await read(standby, 4)) == [0, 1, 2, 3]

    async def test_the_partitions_of_a_killed_process_pass_on(self, bus_url: str, topic: str, group: str) -> None:
        url = _with_option(bus_url, "kafka", "session_timeout=6")
        bus = open_bus(url)
        try:
            await bus.create_topics([topic], partitions=1)
            producer = await bus.producer()
            await producer.publish(topic, numbered(5))
            async with bus_process("consume", url, topic, group) as process:
                assert process.stdout is not None
                assert [int(await process.stdout.readline()) for _ in range(5)] == [0, 1, 2, 3, 4]
                process.kill()
                successor = await bus.consumer(group, [topic])
                assert values(await read(successor, 5)) == [0, 1, 2, 3, 4]
        finally:
            await bus.close()

    async def test_groups_do_not_disturb_each_other(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=1)
        producer = await bus.producer()
        await producer.publish(topic, numbered(5))
        one, two = await bus.consumer(f"{group}-1", [topic]), await bus.consumer(f"{group}-2", [topic])
        await one.commit(Batch(await read(one, 5)))
        assert values(await read(two, 5)) == [0, 1, 2, 3, 4]
        assert (await one.lag(), await two.lag()) == (0, 5)

    async def test_one_consumer_reads_several_topics(self, bus: Bus, topic: str, group: str) -> None:
        topics = [f"{topic}-a", f"{topic}-b"]
        await bus.create_topics(topics, partitions=2)
        producer = await bus.producer()
        consumer = await bus.consumer(group, topics)
        for n, name in enumerate(topics):
            await producer.publish(name, numbered(1, start=n))
        assert {(r.topic, int(r.value)) for r in await read(consumer, 2)} == {(topics[0], 0), (topics[1], 1)}

    async def test_concurrent_publishes_are_all_held_once(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=2)
        producers = [await bus.producer() for _ in range(2)]
        await asyncio.gather(
            *(producers[n % 2].publish(topic, numbered(5, start=n * 5, key=str(n).encode())) for n in range(100))
        )
        records = await read(await bus.consumer(group, [topic]), 500)
        assert sorted(values(records)) == list(range(500))
        assert len({(r.partition, r.offset) for r in records}) == 500
        for n in range(100):
            assert values(r for r in records if r.key == str(n).encode()) == [n * 5 + m for m in range(5)]

    async def test_a_message_too_large_stops_the_whole_call(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=1)
        producer = await bus.producer()
        limit = producer.max_message_bytes
        with pytest.raises(Permanent, match=str(limit)):
            await producer.publish(topic, [Message(b"small"), Message(bytes(limit + 1))])
        largest = Message(bytes(range(256)) * (limit // 256), key=b"k" * 100, headers={"project": "p" * 100})
        await producer.publish(topic, [largest])
        (record,) = await read(await bus.consumer(group, [topic]), 1)
        assert (record.offset, record.value) == (0, largest.value)

    async def test_a_full_buffer_is_said_at_once(self, bus_url: str, topic: str) -> None:
        bus = open_bus(_with_option(bus_url, "", "buffer_bytes=4096"))
        try:
            await bus.create_topics([topic], partitions=1)
            producer = await bus.producer()
            calls = [producer.publish(topic, [Message(bytes(3000))]) for _ in range(3)]
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(result) for result in results] == [type(None), Retryable, Retryable]
            await producer.publish(topic, [Message(bytes(3000))])
        finally:
            await bus.close()

    async def test_lag_counts_what_is_not_committed(self, bus: Bus, topic: str, group: str) -> None:
        await bus.create_topics([topic], partitions=2)
        producer, consumer = await bus.producer(), await bus.consumer(group, [topic])
        assert await consumer.lag() == 0
        await producer.publish(topic, [Message(b"x", key=str(n).encode()) for n in range(20)])
        assert await consumer.lag() == 20
        records = await read(consumer, 20)
        assert await consumer.lag() == 20
        await consumer.commit(Batch(_of_partition(records, 0)))
        assert await consumer.lag() == len(_of_partition(records, 1)) > 0
        await consumer.commit(Batch(records))
        assert await consumer.lag() == 0

    async def test_topics_are_made_once_whoever_asks(self, bus_url: str, topic: str, group: str) -> None:
        buses = [open_bus(bus_url) for _ in range(4)]
        names = [f"{topic}-{n}" for n in range(3)]
        try:
            await asyncio.gather(*(bus.create_topics(names, partitions=2) for bus in buses))
            await buses[0].create_topics(names, partitions=5)
            producer, consumer = await buses[0].producer(), await buses[1].consumer(group, names[:1])
            await producer.publish(names[0], [Message(b"x", key=str(n).encode()) for n in range(30)])
            assert {r.partition for r in await read(consumer, 30)} == {0, 1}
        finally:
            for bus in buses:
                await bus.close()

    async def test_close_may_come_twice_and_finishes_publishing(self, bus_url: str, topic: str, group: str) -> None:
        bus = open_bus(bus_url)
        await bus.create_topics([topic], partitions=1)
        producer, consumer = await bus.producer(), await bus.consumer(group, [topic])
        publishing = [asyncio.create_task(producer.publish(topic, numbered(1, start=n))) for n in range(20)]
        await asyncio.sleep(0)
        await producer.close()
        await asyncio.gather(*publishing)
        with pytest.raises(Retryable):
            await producer.publish(topic, numbered(1))
        assert len(await read(consumer, 20)) == 20
        for closed in (producer, consumer, consumer, bus, bus):
            await closed.close()

    async def test_what_cannot_be_reached_is_retryable(self, unreachable_url: str, topic: str, group: str) -> None:
        bus = open_bus(unreachable_url)
        assert not await bus.healthy()
        for call in (bus.producer(), bus.consumer(group, [topic]), bus.create_topics([topic])):
            with pytest.raises(Retryable):
                await call
        await bus.close()

    async def test_clients_outlive_an_outage(self, outage: Outage, topic: str, group: str) -> None:
        bus = open_bus(_with_option(outage.url, "kafka", "timeout=3"))
        await bus.create_topics([topic], partitions=1)
        producer, consumer = await bus.producer(), await bus.consumer(group, [topic])
        await producer.publish(topic, numbered(2))
        batch = Batch(await read(consumer, 2))
        await eventually(bus.healthy, within=_PATIENCE)

        await asyncio.to_thread(outage.begin)
        assert not await bus.healthy()
        with pytest.raises(Retryable):
            await producer.publish(topic, numbered(1, start=2))
        with pytest.raises(Retryable):
            await consumer.commit(batch)
        with pytest.raises(Retryable):
            await _poll_until_it_fails(consumer)
        await asyncio.to_thread(outage.end)

        await eventually(bus.healthy, within=_PATIENCE)
        await eventually(lambda: _succeeds(producer.publish(topic, numbered(1, start=3))), within=_PATIENCE)
        await eventually(lambda: _succeeds(consumer.commit(batch)), within=_PATIENCE)
        got: list[int] = []

        async def all_came() -> bool:
            try:
                got.extend(values((await consumer.poll(max_records=10, timeout=0.5)).records))
            except Retryable:
                return False
            return 3 in got

        await eventually(all_came, within=_PATIENCE)
        # The publish that failed may have been appended after all; nothing else may come twice.
        assert sorted(set(got) - {2}) == [3]
        await bus.close()


def _with_option(url: str, scheme: str, option: str) -> str:
    if not url.startswith(scheme):
        return url
    return f"{url}{'&' if '?' in url else '?'}{option}"


def _of_partition(records: Sequence[Record], partition: int) -> list[Record]:
    return [record for record in records if record.partition == partition]


async def _poll_until_it_fails(consumer: Consumer) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        assert (await consumer.poll(max_records=10, timeout=0.5)).records == []


async def _succeeds(call: Awaitable[None]) -> bool:
    try:
        await call
    except Retryable:
        return False
    return True
