"""Destinations that are down, slow and moody, and a kill -9 in between: no span lost, none twice without need, and the
one that is well is held up by none of them."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import yaml

from llmflow_bus import Message, open_bus, topics
from llmflow_testkit.otlp_receiver import Answer, OtlpReceiver
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually
from llmflow_testkit.service_process import service_process

RECORDS = 40
SPANS_A_RECORD = 5
#: Far less than what the slow one takes for its share, and than the pauses before the one that is down is tried again.
PROMPT_SECONDS = 5.0


async def _publish(bus_url: str, wave: int) -> set[int]:
    """A wave of records; the ids of its spans."""
    first = wave * RECORDS * SPANS_A_RECORD + 1
    bus = open_bus(bus_url)
    producer = await bus.producer()
    for record in range(RECORDS):
        start = first + record * SPANS_A_RECORD
        value = otlp_request(list(range(start, start + SPANS_A_RECORD)), content="x" * 200).SerializeToString()
        await producer.publish(topics.SPANS, [Message(value)])
    await bus.close()
    return set(range(first, first + RECORDS * SPANS_A_RECORD))


def _ids(receiver: OtlpReceiver) -> list[int]:
    return [int.from_bytes(span_id) for span_id in receiver.span_ids]


async def _has(receiver: OtlpReceiver, ids: set[int], *, within: float) -> None:
    async def there() -> bool:
        return set(_ids(receiver)) >= ids

    await eventually(there, within=within)


def _moody(rng: random.Random) -> Answer:
    if rng.random() < 0.5:
        return Answer()
    return Answer(rng.choice([429, 503]), {"retry-after": "0"} if rng.random() < 0.5 else {})


async def test_each_destination_gets_everything_in_its_own_time(tmp_path: Path) -> None:
    rng = random.Random(11)
    receivers = {name: OtlpReceiver() for name in ("well", "down", "slow", "moody")}
    receivers["slow"].otherwise = lambda: Answer(delay=2.0)
    receivers["moody"].otherwise = lambda: _moody(rng)
    destinations = [
        {"name": "well", "endpoint": receivers["well"].url},
        {"name": "down", "endpoint": receivers["down"].url, "protocol": "otlp-http-json"},
        {"name": "slow", "endpoint": receivers["slow"].url, "dialect": "openinference"},
        {"name": "moody", "endpoint": receivers["moody"].url, "batch_bytes": 8000},
    ]
    file = tmp_path / "destinations.yaml"
    file.write_text(yaml.safe_dump({"destinations": destinations}))
    bus_url = f"embedded://{tmp_path}/log"
    variables = {
        "LLMFLOW_BUS_URL": bus_url,
        "LLMFLOW_EXPORT_FILE": file,
        "LLMFLOW_EXPORT_RETRY_MIN": 0.05,
        "LLMFLOW_EXPORT_RETRY_MAX": 0.5,
        "LLMFLOW_HEALTH_PORT": 0,
    }
    up = [receiver for name, receiver in receivers.items() if name != "down"]
    for receiver in up:
        receiver.start()
    try:
        ids = await _publish(bus_url, 0)
        with service_process("llmflow_exporter", **variables) as process:
            await _has(receivers["well"], ids, within=30)
            ids |= await _publish(bus_url, 1)
            began = time.monotonic()
            await _has(receivers["well"], ids, within=PROMPT_SECONDS)
            assert time.monotonic() - began < PROMPT_SECONDS
            await _has(receivers["moody"], {1}, within=30)
            process.kill()
            await asyncio.to_thread(process.wait, 20)
        # What was taken last is all that its destination may get again: it was not yet committed.
        last = {name: {s.span_id for s in r.taken[-1].spans} if r.taken else set() for name, r in receivers.items()}

        with service_process("llmflow_exporter", **variables):
            ids |= await _publish(bus_url, 2)
            await _has(receivers["well"], ids, within=30)
            assert _ids(receivers["down"]) == []
            receivers["down"].start()
            up.append(receivers["down"])
            for receiver in receivers.values():
                await _has(receiver, ids, within=40)
    finally:
        for receiver in up:
            receiver.stop()
    for name, receiver in receivers.items():
        found = receiver.span_ids
        assert {int.from_bytes(span_id) for span_id in found} == ids
        assert {span_id for span_id in set(found) if found.count(span_id) > 1} <= last[name], name
        assert max(map(found.count, set(found))) <= 2
        assert receiver.violations == []
