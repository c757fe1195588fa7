"""Destinations of the file while the exporter runs: begun, changed, paused, ended; their status; their requests."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from llmflow_bus import Message, open_bus, topics
from llmflow_core.errors import ConfigError
from llmflow_exporter.app import run
from llmflow_exporter.settings import ExporterSettings
from llmflow_testkit.otlp_receiver import Answer, OtlpReceiver, Wanted
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port
from llmflow_testkit.running_ingest import records_of


class Exporter:
    """One that runs in this process, its destination file, and its log."""

    def __init__(self, folder: Path, port: int) -> None:
        self.file = folder / "destinations.yaml"
        self.bus_url = f"embedded://{folder}/log"
        self.url = f"http://127.0.0.1:{port}"

    def configure(self, *destinations: dict[str, Any]) -> None:
        """Write the file."""
        self.file.write_text(yaml.safe_dump({"destinations": destinations}))

    async def publish(self, *numbers: int, together: bool = False) -> None:
        """Publish spans of these numbers, a record each or all in one."""
        groups = [list(numbers)] if together else [[number] for number in numbers]
        bus = open_bus(self.bus_url)
        producer = await bus.producer()
        messages = [Message(otlp_request(group, content="x" * 200).SerializeToString()) for group in groups]
        await producer.publish(topics.SPANS, messages)
        await bus.close()

    async def status(self, name: str) -> dict[str, Any]:
        """What GET /status says of a destination; nothing if it knows none of that name."""
        document = await self.document()
        return next((found for found in document["destinations"] if found["name"] == name), {})

    async def document(self) -> dict[str, Any]:
        """GET /status."""
        async with httpx.AsyncClient(trust_env=False) as client:
            document: dict[str, Any] = (await client.get(f"{self.url}/status")).json()
            return document

    async def until(self, name: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for the destination's status to be so, and return it."""

        async def reached() -> dict[str, Any] | None:
            status = await self.status(name)
            return status if status and condition(status) else None

        found = await eventually(reached, within=60)
        assert found is not None
        return found


@asynccontextmanager
async def _exporting(folder: Path, *destinations: dict[str, Any], **settings: Any) -> AsyncIterator[Exporter]:
    exporter = Exporter(folder, port := free_port())
    exporter.configure(*destinations)
    values: dict[str, Any] = {
        "export_retry_min": 0.02,
        "export_retry_max": 0.1,
        "export_batch_seconds": 0,
        "export_reload_seconds": 0.1,
        "host": "127.0.0.1",
        **settings,
    }
    configured = ExporterSettings(bus_url=exporter.bus_url, export_file=exporter.file, health_port=port, **values)
    stop = asyncio.Event()
    task = asyncio.create_task(run(configured, stop))
    try:
        yield exporter
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


@contextmanager
def _receivers(count: int, wanted: Wanted | None = None) -> Iterator[list[OtlpReceiver]]:
    receivers = [OtlpReceiver(wanted) for _ in range(count)]
    for receiver in receivers:
        receiver.start()
    try:
        yield receivers
    finally:
        for receiver in receivers:
            receiver.stop()
            assert receiver.violations == []


async def _has(receiver: OtlpReceiver, *numbers: int) -> None:
    async def there() -> bool:
        return _numbers(receiver) >= set(numbers)

    await eventually(there, within=60)


def _numbers(receiver: OtlpReceiver) -> set[int]:
    return {int.from_bytes(span_id) for span_id in receiver.span_ids}


async def test_destinations_come_and_go(tmp_path: Path) -> None:
    with _receivers(2) as (a, b):
        first, second = {"name": "a", "endpoint": a.url}, {"name": "b", "endpoint": b.url, "start": "latest"}
        async with _exporting(tmp_path, first) as exporter:
            await exporter.publish(1, 2)
            await _has(a, 1, 2)

            exporter.configure(first, second)
            await exporter.until("b", lambda status: status["lag"] == 0)
            await exporter.publish(3)
            await _has(a, 3)
            await _has(b, 3)

            exporter.configure({**first, "paused": True}, second)
            await exporter.until("a", lambda status: status["state"] == "paused")
            await exporter.publish(4)
            await _has(b, 4)

            exporter.configure(first)
            await _has(a, 4)
            assert await exporter.status("b") == {}
        assert sorted(int.from_bytes(span_id) for span_id in a.span_ids) == [1, 2, 3, 4]
        assert _numbers(b) == {3, 4}


async def test_a_broken_file_changes_nothing_and_is_told(tmp_path: Path) -> None:
    with _receivers(1) as (a,):
        async with _exporting(tmp_path, {"name": "a", "endpoint": a.url}) as exporter:
            await exporter.publish(1)
            await _has(a, 1)
            exporter.configure({"name": "a", "endpoint": "s3cret"})

            async def told() -> bool:
                return "destination a: endpoint: " in (await exporter.document()).get("configuration_error", "")

            await eventually(told, within=60)
            assert "s3cret" not in str(await exporter.document())
            await exporter.publish(2)
            await _has(a, 2)


async def test_a_broken_file_at_the_start_ends_it(tmp_path: Path) -> None:
    file = tmp_path / "destinations.yaml"
    file.write_text("destinations: [{name: a}]")
    with pytest.raises(ConfigError, match="destination a: endpoint"):
        await run(ExporterSettings(export_file=file, health_port=0), asyncio.Event())


async def test_a_destination_that_cannot_be_begun_with_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    signed = {"name": "signed", "preset": "xray", "options": {"region": "eu-west-1"}}
    with _receivers(1) as [receiver]:
        async with _exporting(tmp_path, signed, {"name": "other", "endpoint": receiver.url}) as exporter:
            await exporter.publish(1)
            await _has(receiver, 1)
            status = await exporter.until("signed", lambda status: status["state"] == "failed")
    assert "no-such-profile" in status["last_error"]


async def test_hangup_reads_the_file_at_once(tmp_path: Path) -> None:
    with _receivers(1) as (a,):
        async with _exporting(tmp_path, export_reload_seconds=3600) as exporter:
            await exporter.publish(1)

            async def answers() -> bool:
                return await exporter.document() == {"destinations": []}

            await eventually(answers, within=60)
            exporter.configure({"name": "a", "endpoint": a.url})
            os.kill(os.getpid(), signal.SIGHUP)
            await _has(a, 1)


async def test_status_tells_how_it_goes_and_no_secret(tmp_path: Path) -> None:
    with _receivers(2) as (a, b):
        a.otherwise = lambda: Answer(503, body=b"key s3cret-0123 is busy")
        b.script(Answer(held_until=threading.Event()))
        destinations = (
            {"name": "a", "endpoint": f"{a.url}?token=s3cret-0123", "auth": {"bearer": "s3cret-0123"}},
            {"name": "b", "endpoint": b.url, "filter": {"services": ["nobody"]}},
        )
        async with _exporting(tmp_path, *destinations) as exporter:
            await exporter.publish(*range(1, 8))
            failing = await exporter.until("a", lambda status: status["state"] == "open" and status["lag"] == 7)
            assert failing["last_error"] == "HTTP 503: key [secret] is busy"
            assert failing["failures_in_a_row"] >= 5
            assert failing["last_success"] is None
            a.otherwise = Answer
            well = await exporter.until("a", lambda status: status["sent"] == 7)
            assert well["last_success"] > well["last_error_at"]
            assert (await exporter.until("b", lambda status: status["filtered"] == 7))["sent"] == 0
            assert "s3cret" not in str(await exporter.document())
        assert b.requests == []
    # The first attempt after the circuit breaker has opened is with one record.
    assert [len(received.spans) for received in a.taken] == [1, 6]


async def test_too_large_requests_are_split_down_to_spans(tmp_path: Path) -> None:
    with _receivers(1, Wanted(max_bytes=1500)) as (a,):
        async with _exporting(tmp_path, {"name": "a", "endpoint": a.url}) as exporter:
            await exporter.publish(*range(1, 21))
            await exporter.publish(*range(21, 41), together=True)
            await _has(a, *range(1, 41))
            await exporter.until("a", lambda status: status["sent"] > 0)
        assert a.too_large > 0
        assert len(a.span_ids) == 40
        assert await records_of(exporter.bus_url, topics.DEAD_LETTER) == []


async def test_only_the_refused_span_of_a_record_becomes_a_dead_letter(tmp_path: Path) -> None:
    with _receivers(1) as (a,):
        a.refuses = "poison"
        request = otlp_request([1, 2, 3, 4])
        request.resource_spans[0].scope_spans[0].spans[2].name = "poison"
        async with _exporting(tmp_path, {"name": "a", "endpoint": a.url}) as exporter:
            bus = open_bus(exporter.bus_url)
            await (await bus.producer()).publish(topics.SPANS, [Message(request.SerializeToString())])
            await bus.close()
            await exporter.until("a", lambda status: status["dead_letters"] == 1)
            await _has(a, 1, 2, 4)
        (letter,) = await records_of(exporter.bus_url, topics.DEAD_LETTER)
        assert letter.value == otlp_request([3], name="poison").SerializeToString()


async def test_requests_overlap_only_where_allowed(tmp_path: Path) -> None:
    with _receivers(1) as (a,):
        release = threading.Event()
        a.script(*[Answer(held_until=release)] * 4)
        destination = {"name": "a", "endpoint": a.url, "concurrency": 3, "batch_bytes": 1}
        async with _exporting(tmp_path, destination) as exporter:
            await exporter.publish(*range(1, 7))

            async def three_under_way() -> bool:
                return len(a.requests) == 3

            await eventually(three_under_way, within=60)
            release.set()
            await _has(a, *range(1, 7))
        assert len(a.span_ids) == 6


async def test_small_records_wait_for_each_other(tmp_path: Path) -> None:
    with _receivers(1) as (a,):
        destination = {"name": "a", "endpoint": a.url, "batch_seconds": 30, "batch_bytes": 3000}
        async with _exporting(tmp_path, destination) as exporter:
            for number in range(1, 31):
                await exporter.publish(number)
            await _has(a, 1, 2, 3, 4)
        assert len(a.taken[0].spans) > 4


async def test_a_record_that_cannot_be_read_holds_up_nothing_and_is_kept_once(tmp_path: Path) -> None:
    with _receivers(1) as (a,):
        a.script(*[Answer(503)] * 3)
        async with _exporting(tmp_path, {"name": "a", "endpoint": a.url, "dialect": "genai"}) as exporter:
            bus = open_bus(exporter.bus_url)
            values = [b"\xff", otlp_request([1]).SerializeToString()]
            await (await bus.producer()).publish(topics.SPANS, [Message(value) for value in values])
            await bus.close()
            await _has(a, 1)
            await exporter.until("a", lambda status: status["dead_letters"] == 1)
        (letter,) = await records_of(exporter.bus_url, topics.DEAD_LETTER)
        assert letter.value == b"\xff"
