"""What requests may hold together."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from llmflow_core.errors import Retryable
from llmflow_ingest.limits import InFlight, Slots
from llmflow_ingest.settings import IngestSettings


def test_all_requests_share_one_limit_and_give_back_what_they_held() -> None:
    in_flight = InFlight(100)
    with in_flight.request() as first:
        first.add(60)
        with in_flight.request() as second:
            second.add(30)
            with pytest.raises(Retryable):
                second.add(11)
        with in_flight.request() as third:
            third.add(40)
    with in_flight.request() as fourth:
        fourth.add(100)


def test_the_limit_has_room_for_the_largest_request_in_both_forms() -> None:
    IngestSettings(ingest_max_body=50, ingest_max_in_flight=100)
    with pytest.raises(ValidationError, match="at least twice LLMFLOW_INGEST_MAX_BODY"):
        IngestSettings(ingest_max_body=51, ingest_max_in_flight=100)


async def test_who_never_ends_holds_up_others_for_a_moment_only() -> None:
    slots = Slots(2, timeout=60, patience=0.05)
    read = []

    async def sender(number: int, arrives: asyncio.Event) -> None:
        async with slots.one():
            await arrives.wait()
            read.append(number)

    never, at_once = asyncio.Event(), asyncio.Event()
    at_once.set()
    async with asyncio.timeout(30):
        stuck = [asyncio.create_task(sender(number, never)) for number in range(5)]
        await asyncio.sleep(0)
        await sender(5, at_once)
        outcomes = await asyncio.gather(*stuck[:4], return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [TimeoutError] * 4
        await sender(6, at_once)
        never.set()
        await asyncio.gather(*stuck, return_exceptions=True)
    assert read[:2] == [5, 6]
