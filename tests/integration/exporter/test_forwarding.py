"""The exporter in this process, between a real embedded log and a real HTTP receiver."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from prometheus_client import REGISTRY

from llmflow_bus import Message, Record, open_bus, topics
from llmflow_bus.dead_letters import (
    OFFSET_HEADER,
    PARTITION_HEADER,
    REASON_HEADER,
    SOURCE_HEADER,
    TOPIC_HEADER,
    DeadLetters,
)
from llmflow_core.destinations.destination import Destination
from llmflow_exporter.app import run
from llmflow_exporter.forwarder import DOUBTFUL_ATTEMPTS, Forwarder
from llmflow_exporter.http_transport import HttpTransport
from llmflow_exporter.settings import ExporterSettings
from llmflow_testkit.otlp_receiver import Answer, OtlpReceiver
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually
from llmflow_testkit.running_ingest import records_of


@pytest.fixture
def bus_url(tmp_path: Path) -> str:
    return f"embedded://{tmp_path}/log"


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as running:
        yield running
        assert running.violations == []


def _settings(bus_url: str, receiver: OtlpReceiver, **overrides: Any) -> ExporterSettings:
    values = {
        "otlp_export_enabled": True,
        "otlp_export_endpoint": receiver.url,
        "export_retry_min": 0.02,
        "export_retry_max": 0.1,
        "export_batch_seconds": 0.02,
        "health_port": 0,
        **overrides,
    }
    return ExporterSettings(bus_url=bus_url, **values)


@asynccontextmanager
async def _exporting(settings: ExporterSettings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


async def _publish(bus_url: str, *values: bytes) -> None:
    bus = open_bus(bus_url)
    producer = await bus.producer()
    await producer.publish(topics.SPANS, [Message(value, headers={topics.PROJECT_HEADER: "p"}) for value in values])
    await bus.close()


async def _lag(bus_url: str, group: str = "llmflow-exporter-default") -> int:
    bus = open_bus(bus_url)
    consumer = await bus.consumer(group, [topics.SPANS])
    await consumer.poll(max_records=1, timeout=0)
    lag = await consumer.lag()
    await bus.close()
    return lag


def _value(number: int, *, name: str = "chat", content: str = "hello") -> bytes:
    return otlp_request([number], name=name, content=content).SerializeToString()


async def _taken(receiver: OtlpReceiver, numbers: range) -> list[int]:
    """The span ids in the order in which they came, as soon as all of `numbers` are there."""

    async def all_there() -> bool:
        return {int.from_bytes(span_id) for span_id in receiver.span_ids} >= set(numbers)

    await eventually(all_there, within=60)
    return [int.from_bytes(span_id) for span_id in receiver.span_ids]


async def _dead_letters(bus_url: str, count: int) -> list[Record]:
    async def there() -> list[Record]:
        found = await records_of(bus_url, topics.DEAD_LETTER)
        assert len(found) >= count
        return found

    return await eventually(there, within=60)


async def test_records_travel_together_and_unchanged(bus_url: str, receiver: OtlpReceiver) -> None:
    values = [_value(number) + b"\xba\x3e\x03new" for number in range(1, 6)]
    await _publish(bus_url, *values)
    async with _exporting(_settings(bus_url, receiver, otlp_export_headers="Authorization=Basic%20cGs6c2s=,x-a=b")):
        assert await _taken(receiver, range(1, 6)) == [1, 2, 3, 4, 5]
    (received,) = receiver.requests
    assert received.body == b"".join(values)
    assert received.path == "/v1/traces"
    assert received.headers["content-encoding"] == "gzip"
    assert (received.headers["authorization"], received.headers["x-a"]) == ("Basic cGs6c2s=", "b")
    assert await _lag(bus_url) == 0


async def test_requests_stay_below_the_size_asked_for(bus_url: str, receiver: OtlpReceiver) -> None:
    await _publish(bus_url, *(_value(number, content="x" * (5000 if number == 4 else 300)) for number in range(1, 9)))
    async with _exporting(_settings(bus_url, receiver, export_batch_bytes=1500)):
        assert await _taken(receiver, range(1, 9)) == list(range(1, 9))
    oversize = [received for received in receiver.requests if len(received.body) > 1500]
    assert [len(received.spans) for received in oversize] == [1]
    assert 1 < len(receiver.requests) < 8


async def test_what_is_committed_is_not_sent_again(bus_url: str, receiver: OtlpReceiver) -> None:
    for number in (1, 2, 3):
        await _publish(bus_url, _value(number))
        async with _exporting(_settings(bus_url, receiver)):
            assert await _taken(receiver, range(1, number + 1)) == list(range(1, number + 1))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_overload_is_waited_out(bus_url: str, receiver: OtlpReceiver, status: int) -> None:
    receiver.script(*[Answer(status)] * 3)
    await _publish(bus_url, _value(1), _value(2))
    async with _exporting(_settings(bus_url, receiver)):
        assert await _taken(receiver, range(1, 3)) == [1, 2]
    assert len(receiver.requests) == 4
    assert await records_of(bus_url, topics.DEAD_LETTER) == []


async def test_retry_after_is_honoured(bus_url: str, receiver: OtlpReceiver) -> None:
    receiver.script(Answer(429, {"retry-after": "1"}))
    await _publish(bus_url, _value(1))
    loop = asyncio.get_running_loop()
    async with _exporting(_settings(bus_url, receiver)):
        began = loop.time()
        await _taken(receiver, range(1, 2))
        assert loop.time() - began >= 1.0


async def test_destination_that_is_away_gets_everything_later(bus_url: str, receiver: OtlpReceiver) -> None:
    receiver.stop()
    await _publish(bus_url, *(_value(number) for number in range(1, 4)))
    async with _exporting(_settings(bus_url, receiver)):
        await eventually(lambda: _failed("none"), within=60)
        await _publish(bus_url, *(_value(number) for number in range(4, 7)))
        receiver.start()
        assert await _taken(receiver, range(1, 7)) == list(range(1, 7))


async def _failed(answer: str) -> bool:
    labels = {"destination": "default", "answer": answer}
    return bool(REGISTRY.get_sample_value("llmflow_exporter_requests_total", labels))


async def test_answer_that_does_not_come_is_a_retry(bus_url: str, receiver: OtlpReceiver) -> None:
    receiver.script(Answer(held_until=threading.Event()))
    await _publish(bus_url, _value(1))
    async with _exporting(_settings(bus_url, receiver, export_timeout=1)):

        async def sent_twice() -> bool:
            return len(receiver.taken) >= 2

        await eventually(sent_twice, within=60)
    assert await _lag(bus_url) == 0


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_expired_key_or_wrong_address_loses_nothing(bus_url: str, receiver: OtlpReceiver, status: int) -> None:
    receiver.script(*[Answer(status, body=b"no such key")] * (DOUBTFUL_ATTEMPTS + 2))
    await _publish(bus_url, _value(1))
    async with _exporting(_settings(bus_url, receiver, export_retry_max=0.02)):
        assert await _taken(receiver, range(1, 2)) == [1]
    assert await records_of(bus_url, topics.DEAD_LETTER) == []


async def test_refused_record_becomes_a_dead_letter_and_its_neighbours_arrive(
    bus_url: str, receiver: OtlpReceiver
) -> None:
    receiver.refuses = "poison"
    await _publish(bus_url, *(_value(number, name="poison" if number == 3 else "chat") for number in range(1, 8)))
    async with _exporting(_settings(bus_url, receiver)):

        async def all_others() -> bool:
            return len(receiver.span_ids) >= 6

        await eventually(all_others, within=60)
        (letter,) = await _dead_letters(bus_url, 1)
    assert [int.from_bytes(span_id) for span_id in receiver.span_ids] == [1, 2, 4, 5, 6, 7]
    assert letter.value == _value(3, name="poison")
    assert letter.headers == {
        topics.PROJECT_HEADER: "p",
        SOURCE_HEADER: "llmflow-exporter-default",
        REASON_HEADER: "HTTP 400: a span that is refused",
        TOPIC_HEADER: topics.SPANS,
        PARTITION_HEADER: "0",
        OFFSET_HEADER: "2",
    }
    assert await _lag(bus_url) == 0


@pytest.mark.parametrize("protocol", ["otlp-http", "otlp-http-json"])
async def test_what_is_no_request_holds_up_nothing(bus_url: str, tmp_path: Path, protocol: str) -> None:
    file = tmp_path / "destinations.yaml"
    await _publish(bus_url, _value(1), b"no request", _value(2))
    with OtlpReceiver() as receiver:
        entry = {"name": "default", "endpoint": receiver.url, "protocol": protocol}
        file.write_text(yaml.safe_dump({"destinations": [entry]}))
        async with _exporting(_settings(bus_url, receiver, otlp_export_enabled=False, export_file=file)):
            (letter,) = await _dead_letters(bus_url, 1)
            assert await _taken(receiver, range(1, 3)) == [1, 2]
    assert letter.value == b"no request"


async def test_dead_letter_beyond_the_log_s_limit_holds_up_nothing(tmp_path: Path, receiver: OtlpReceiver) -> None:
    receiver.refuses = "poison"
    await _publish(f"embedded://{tmp_path}/log", _value(1, name="poison", content="x" * 5000), _value(2))
    bus_url = f"embedded://{tmp_path}/log?max_message_bytes=2000"  # another producer may write larger ones
    async with _exporting(_settings(bus_url, receiver)):
        assert await _taken(receiver, range(2, 3)) == [2]
    assert await _lag(bus_url) == 0


async def test_endless_server_error_ends_as_a_dead_letter(bus_url: str, receiver: OtlpReceiver) -> None:
    receiver.script(*[Answer(500, body=b"boom")] * (DOUBTFUL_ATTEMPTS + 1))
    await _publish(bus_url, _value(1))
    async with _exporting(_settings(bus_url, receiver)):
        (letter,) = await _dead_letters(bus_url, 1)
        await _publish(bus_url, _value(2))
        assert await _taken(receiver, range(2, 3)) == [2]
    assert letter.headers[REASON_HEADER] == "HTTP 500: boom"


async def test_partial_success_is_counted(
    bus_url: str, receiver: OtlpReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    answer = ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
    )
    receiver.script(Answer(body=answer.SerializeToString()), Answer(body=b'{"partialSuccess":{}}'))
    labels = {"destination": "default"}
    before = REGISTRY.get_sample_value("llmflow_exporter_rejected_spans_total", labels) or 0
    async with _exporting(_settings(bus_url, receiver)):
        for number in (1, 2):
            await _publish(bus_url, _value(number))
            await _taken(receiver, range(number, number + 1))
    assert (REGISTRY.get_sample_value("llmflow_exporter_rejected_spans_total", labels) or 0) - before == 2
    assert "default rejected 2 spans: too old" in caplog.text


async def test_log_that_is_away_at_first(tmp_path: Path, receiver: OtlpReceiver) -> None:
    in_the_way = tmp_path / "log"
    in_the_way.touch()
    bus_url = f"embedded://{in_the_way}"
    async with _exporting(_settings(bus_url, receiver)):
        in_the_way.unlink()
        await _publish(bus_url, _value(1))
        assert await _taken(receiver, range(1, 2)) == [1]


async def test_a_destination_that_is_down_holds_up_no_other(bus_url: str, receiver: OtlpReceiver) -> None:
    await _publish(bus_url, *(_value(number) for number in range(1, 4)))
    settings = _settings(bus_url, receiver)
    down, up = OtlpReceiver(), receiver
    bus, stop = open_bus(bus_url), asyncio.Event()
    transports = [
        HttpTransport(Destination(name=n, url=f"{r.url}/v1/traces"), timeout=30) for n, r in (("a", down), ("b", up))
    ]
    tasks = [
        asyncio.create_task(
            Forwarder(Destination(name=name, url="-"), transport, bus, DeadLetters(bus), settings).run(stop)
        )
        for name, transport in zip(("a", "b"), transports, strict=True)
    ]
    assert await _taken(up, range(1, 4)) == [1, 2, 3]
    with down:
        assert await _taken(down, range(1, 4)) == [1, 2, 3]
    stop.set()
    await asyncio.gather(*tasks)
    for transport in transports:
        await transport.close()
    await bus.close()
    assert up.span_ids == down.span_ids


async def test_no_header_value_reaches_the_log(
    bus_url: str, receiver: OtlpReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    receiver.script(Answer(401))
    await _publish(bus_url, _value(1))
    async with _exporting(_settings(bus_url, receiver, otlp_export_headers="authorization=Bearer%20s3cret")):
        await _taken(receiver, range(1, 2))
    assert "HTTP 401" in caplog.text
    assert "s3cret" not in caplog.text
