"""`python -m llmflow_exporter` as it is run, stopped and killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from llmflow_bus import Message, open_bus, topics
from llmflow_testkit.otlp_receiver import Answer, OtlpReceiver
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port
from llmflow_testkit.service_process import ServiceProcess, answers, environment_of, service_process


@pytest.fixture
def bus_url(tmp_path: Path) -> str:
    return f"embedded://{tmp_path}/log"


@contextmanager
def _process(**variables: object) -> Iterator[ServiceProcess]:
    variables = {"LLMFLOW_HOST": "127.0.0.1", "LLMFLOW_HEALTH_PORT": 0, **variables}
    with service_process("llmflow_exporter", **variables) as process:
        yield process


async def _publish(bus_url: str, numbers: range) -> None:
    bus = open_bus(bus_url)
    producer = await bus.producer()
    values = [otlp_request([number], content="x" * 300).SerializeToString() for number in numbers]
    await producer.publish(topics.SPANS, [Message(value) for value in values])
    await bus.close()


def _numbers(receiver: OtlpReceiver) -> list[int]:
    return [int.from_bytes(span_id) for span_id in receiver.span_ids]


async def test_the_seed_s_three_variables_are_enough(bus_url: str) -> None:
    await _publish(bus_url, range(1, 4))
    health = free_port()
    with (
        OtlpReceiver() as receiver,
        _process(
            LLMFLOW_BUS_URL=bus_url,
            LLMFLOW_HEALTH_PORT=health,
            OTLP_EXPORT_ENABLED="true",
            OTLP_EXPORT_ENDPOINT=f"{receiver.url}/v1/traces",
            OTLP_EXPORT_HEADERS="Authorization=Basic cGs6c2s=",
        ) as process,
    ):

        async def taken() -> bool:
            return _numbers(receiver) == [1, 2, 3]

        await eventually(taken, within=60)
        assert receiver.requests[0].headers["authorization"] == "Basic cGs6c2s="
        assert await answers(f"http://127.0.0.1:{health}/readyz")

        async def counted() -> bool:
            async with httpx.AsyncClient(trust_env=False) as client:
                metrics = (await client.get(f"http://127.0.0.1:{health}/metrics")).text
            return 'llmflow_exporter_records_total{destination="default",outcome="sent"} 3.0' in metrics

        await eventually(counted, within=60)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0
        assert receiver.violations == []


async def test_killed_between_send_and_commit_nothing_is_lost(bus_url: str) -> None:
    await _publish(bus_url, range(1, 51))
    with OtlpReceiver() as receiver:
        variables = {
            "LLMFLOW_BUS_URL": bus_url,
            "OTLP_EXPORT_ENABLED": "true",
            "OTLP_EXPORT_ENDPOINT": receiver.url,
            "LLMFLOW_EXPORT_BATCH_BYTES": 2500,
        }
        receiver.script(Answer(), Answer(held_until=threading.Event()))
        with _process(**variables) as process:

            async def second_is_taken_but_not_answered() -> bool:
                return len(receiver.taken) == 2

            await eventually(second_is_taken_but_not_answered, within=60)
            process.kill()
            await asyncio.to_thread(process.wait, 60)
        first, second = receiver.taken

        with _process(**variables):

            async def everything() -> bool:
                return set(_numbers(receiver)) == set(range(1, 51))

            await eventually(everything, within=60)
        numbers = _numbers(receiver)
        twice = {number for number in numbers if numbers.count(number) > 1}
        assert twice == {int.from_bytes(span.span_id) for span in second.spans}
        assert not twice & {int.from_bytes(span.span_id) for span in first.spans}
        assert receiver.violations == []


async def test_stopped_while_the_destination_answers_slowly(bus_url: str) -> None:
    await _publish(bus_url, range(1, 2))
    release = threading.Event()
    with OtlpReceiver() as receiver:
        variables = {"LLMFLOW_BUS_URL": bus_url, "OTLP_EXPORT_ENABLED": 1, "OTLP_EXPORT_ENDPOINT": receiver.url}
        receiver.script(Answer(held_until=release))
        with _process(**variables) as process:

            async def sent() -> bool:
                return len(receiver.taken) == 1

            await eventually(sent, within=60)
            process.send_signal(signal.SIGTERM)
            release.set()
            assert await asyncio.to_thread(process.wait, 60) == 0
        await _publish(bus_url, range(2, 3))
        with _process(**variables):

            async def next_is_sent() -> bool:
                return 2 in _numbers(receiver)

            await eventually(next_is_sent, within=60)
        assert _numbers(receiver) == [1, 2]


async def test_nothing_to_export_waits_in_good_health(tmp_path: Path) -> None:
    health = free_port()
    with _process(LLMFLOW_BUS_URL=f"embedded://{tmp_path}/log", LLMFLOW_HEALTH_PORT=health) as process:
        await eventually(lambda: answers(f"http://127.0.0.1:{health}/readyz"), within=60)
        assert not (tmp_path / "log").exists()
        process.send_signal(signal.SIGTERM)
        said = await asyncio.to_thread(process.said)
        assert process.returncode == 0
        assert b"nothing to export" in said


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OTLP_EXPORT_ENABLED": "true"}, b"OTLP_EXPORT_ENDPOINT"),
        ({"OTLP_EXPORT_HEADERS": "nonsense", "LLMFLOW_EXPORT_TIMEOUT": 0}, b"LLMFLOW_EXPORT_TIMEOUT"),
    ],
)
async def test_wrong_settings_stop_it_at_once(variables: dict[str, object], said: bytes) -> None:
    with _process(**variables) as process:
        output = await asyncio.to_thread(process.said)
        assert process.returncode == 1
    assert said in output


async def _test_command(name: str, file: Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "llmflow_exporter", "test", name),
        env=environment_of({"LLMFLOW_EXPORT_FILE": file}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_one_span_on_request(tmp_path: Path) -> None:
    file = tmp_path / "destinations.yaml"
    with OtlpReceiver() as receiver:
        file.write_text(f"destinations: [{{name: tempo, preset: tempo, endpoint: '{receiver.url}', paused: true}}]")
        code, said = await _test_command("tempo", file)
        assert (code, len(receiver.taken)) == (0, 1)
        assert said.startswith(
            f"tempo (otlp-http, as-received) at {receiver.url}/v1/traces took the span; look for trace "
        )
    code, said = await _test_command("tempo", file)
    assert code == 1
    assert "did not take the span: ClientConnectorError" in said
    code, said = await _test_command("jaeger", file)
    assert code == 1
    assert "there is no destination 'jaeger'; there are: tempo" in said
