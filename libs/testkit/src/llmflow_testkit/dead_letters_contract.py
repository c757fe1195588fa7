"""What dead letters promise on any log. Subclass `DeadLettersContract` in a test module."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from llmflow_bus import Bus, Message, Record, open_bus, topics
from llmflow_bus.dead_letters import DeadLetter, DeadLetters, concerns, read_letters, read_values, replay


class DeadLettersContract:
    """The suite. The fixture `bus_url` names a log, perhaps a shared one: each test has a source of its own."""

    @pytest_asyncio.fixture
    async def bus(self, bus_url: str) -> AsyncIterator[Bus]:
        bus = open_bus(bus_url)
        await bus.create_topics(topics.ALL)
        yield bus
        await bus.close()

    @pytest.fixture
    def source(self) -> str:
        return f"group-{uuid.uuid4().hex}"

    async def test_a_letter_says_where_it_comes_from_and_why(self, bus: Bus, source: str) -> None:
        record = Record(topics.SPANS, 3, 17, 0, b"key", b"value", {topics.PROJECT_HEADER: "shop"})
        await DeadLetters(bus).keep(record, source=source, reason="no such thing\nreally")
        (letter,) = await _letters(bus, source)
        assert (letter.reason, letter.position, letter.size) == ("no such thing\nreally", "otlp_spans[3] 17", 5)
        assert (letter.replays, letter.replayed_ms, letter.replayable) == (0, None, True)
        (kept,) = [kept async for kept in read_values(bus, [letter])]
        assert (kept.value, kept.key, kept.headers[topics.PROJECT_HEADER]) == (b"value", b"key", "shop")

    async def test_a_letter_is_replayed_once_and_does_not_loop(self, bus: Bus, source: str) -> None:
        letters = DeadLetters(bus)
        for number in range(3):
            record = Record(topics.LOGS, 0, number, 0, None, b"letter %d" % number, {topics.PROJECT_HEADER: "shop"})
            await letters.keep(record, source=source, reason="refused")
        waiting = await _letters(bus, source)
        assert [done async for done in replay(bus, waiting[:2])][-1] == 2

        again = await _letters(bus, source)
        assert [letter.replayed_ms is not None for letter in again] == [True, True, False]
        published = await _published(bus, source)
        assert [record.value for record in published] == [b"letter 0", b"letter 1"]
        assert all(record.headers[topics.PROJECT_HEADER] == "shop" for record in published)
        assert all(concerns(record, source) and not concerns(record, "another") for record in published)

        await letters.keep(published[0], source=source, reason="refused again")
        (failed,) = [letter for letter in await _letters(bus, source) if letter.replays]
        assert (failed.replays, failed.reason, failed.replayed_ms) == (1, "refused again", None)
        assert failed.position == "otlp_logs[0] 0", "where it was first"

    async def test_what_is_no_letter_is_not_replayed(self, bus: Bus, source: str) -> None:
        record = Record("elsewhere", 0, 0, 0, None, b"x", {})
        await DeadLetters(bus).keep(record, source=source, reason="refused")
        producer = await bus.producer()
        await producer.publish(topics.DEAD_LETTER, [Message(b"\xff", headers={"llmflow-dead-letter-source": source})])
        letters = await _letters(bus, source)
        assert [letter.replayable for letter in letters] == [False, False]
        assert [done async for done in replay(bus, letters)] == []

    async def test_many_letters_are_replayed_in_portions(self, bus: Bus, source: str) -> None:
        producer = await bus.producer()
        headers = {"llmflow-dead-letter-source": source, "llmflow-dead-letter-topic": topics.METRICS}
        await producer.publish(topics.DEAD_LETTER, [Message(b"%d" % n, headers=headers) for n in range(250)])
        done = [done async for done in replay(bus, await _letters(bus, source))]
        assert (len(done), done[-1]) == (3, 250)
        assert all(letter.replayed_ms for letter in await _letters(bus, source))


async def _letters(bus: Bus, source: str) -> list[DeadLetter]:
    return [letter for letter in await read_letters(bus) if letter.source == source]


async def _published(bus: Bus, source: str) -> list[Record]:
    found = [record async for record in bus.read(topics.LOGS) if not concerns(record, "") and concerns(record, source)]
    return sorted(found, key=lambda record: record.value)
