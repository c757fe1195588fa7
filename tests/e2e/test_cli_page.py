"""docs/cli.md names every command, and each of its examples works on a running LLMFlow."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer.main

from llmflow.cli import app
from llmflow.instance import Where, log_url, read_where
from llmflow_bus import Record, open_bus, topics
from llmflow_bus.dead_letters import DeadLetters
from llmflow_testkit.commands import run_llmflow
from llmflow_testkit.otlp_receiver import OtlpReceiver
from llmflow_testkit.polling import eventually
from llmflow_testkit.ports import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
EXAMPLES = [line for block in re.findall(r"(?ms)^```sh\n(.*?)^```", PAGE) for line in block.splitlines()]
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def where(server_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Where]:
    """A running `llmflow up`, which commands of this process find; the folder is the current one."""
    monkeypatch.chdir(server_dir)
    for name in ("LLMFLOW_API_URL", "LLMFLOW_API_KEY", "AUTH_USERNAME", "AUTH_PASSWORD", "LLMFLOW_BUS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LLMFLOW_DATA_DIR", str(server_dir / "data"))
    monkeypatch.setenv("LLMFLOW_PROJECT", "demo")
    monkeypatch.setenv("LLMFLOW_INGEST_ZIPKIN_PORT", "0")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("PORT", "PROXY_PORT", "LLMFLOW_INGEST_HTTP_PORT", "LLMFLOW_INGEST_GRPC_PORT"):
        monkeypatch.setenv(name, str(free_port()))
    log = server_dir / "up.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "llmflow", "up"], stdout=file, stderr=file, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 100
        while (found := read_where(server_dir / "data")) is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def destination() -> Iterator[OtlpReceiver]:
    """What plays the destination of the examples."""
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.mark.timeout(600)
async def test_every_example_works(where: Where, destination: OtlpReceiver) -> None:
    refuse = asyncio.create_task(_refuse_a_record())
    for example in EXAMPLES:
        if example == "llmflow up":
            continue
        if example == "llmflow export destinations":
            await _add_destination(where, destination.url)
        if example.startswith("llmflow tail"):
            await _tail(example, where)
        elif "|" in example:
            await asyncio.to_thread(subprocess.run, ["bash", "-eo", "pipefail", "-c", example], check=True)
        else:
            await asyncio.to_thread(_run, example)
        if example == "llmflow demo":
            await refuse
            await _send(where, TRACE_ID)
            await eventually(lambda: asyncio.to_thread(_is_there, TRACE_ID), within=60)
    assert len(set(destination.span_ids)) > 200
    assert Path("traces.csv").read_text().count("\n") > 200
    assert any("messages" in line or "content" in line for line in Path("calls.jsonl").read_text().splitlines())
    # The writer has refused again what was replayed; that is not replayed for ever.
    await eventually(lambda: asyncio.to_thread(_is_refused_again), within=60)
    replayed = await asyncio.to_thread(run_llmflow, "dead-letters", "replay", "--all")
    assert replayed.stdout.startswith("replayed 0 dead letters")


def test_every_command_and_every_example_of_its_help_is_on_the_page() -> None:
    for path, command in _commands(typer.main.get_command(app), "llmflow"):
        assert any(line == path or line.startswith(f"{path} ") for line in EXAMPLES), path
        _, _, examples = (command.help or "").partition("Example")
        lines = [line.strip() for line in examples.splitlines()[1:]]
        assert lines, f"{path} --help has no example"
        assert set(lines) <= set(EXAMPLES), f"{path} --help has examples that the page lacks"


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from _commands(inner, f"{path} {name}")


def _run(example: str) -> None:
    words = shlex.split(example)[1:]
    if "lf-pk-..." in words:
        keys = json.loads(run_llmflow("keys", "list", "--project", "shop", "--json").stdout)
        words[words.index("lf-pk-...")] = keys[0]["id"]
    result = run_llmflow(*words)
    assert result.exit_code == 0, f"{example}\n{result.output}"
    assert result.output, example
    if "--json" in words:
        json.loads(result.stdout)


async def _tail(example: str, where: Where) -> None:
    """Run a live view, which never ends by itself, until it has shown something."""
    process = await asyncio.create_subprocess_exec(*shlex.split(example), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = asyncio.create_task(process.stdout.readline())

    async def shown() -> bool:
        await _send(where, os.urandom(16).hex())
        return line.done()

    await eventually(shown, within=20, every=0.2)
    assert b"gpt-4o-mini" in await line
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 130


def _is_refused_again() -> bool:
    return "refused again" in run_llmflow("dead-letters", "list").stdout


def _is_there(trace_id: str) -> bool:
    return run_llmflow("trace", trace_id).exit_code == 0


async def _send(where: Where, trace_id: str) -> None:
    """Send a trace that every example's filter lets through: a failed call of a model."""
    now = time.time_ns()
    call = {
        "traceId": trace_id,
        "spanId": "00f067aa0ba902b7",
        "name": "chat",
        "startTimeUnixNano": str(now - 10**9),
        "endTimeUnixNano": str(now),
        "status": {"code": 2, "message": "overloaded"},
        "attributes": [
            {"key": name, "value": {"stringValue": value}}
            for name, value in {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "user.id": "alice",
                "session.id": "chat-42",
            }.items()
        ],
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{where.ingest_url}/v1/traces",
            json={"resourceSpans": [{"scopeSpans": [{"spans": [call]}]}]},
            headers={"x-llmflow-project": "demo"},
        )
    assert answer.status_code == 200, answer.text


async def _add_destination(where: Where, endpoint: str) -> None:
    body = {"name": "phoenix", "preset": "phoenix", "endpoint": endpoint, "start": "latest"}
    async with httpx.AsyncClient(trust_env=False, auth=("llmflow", "password")) as client:
        answer = await client.post(f"{where.page_url}/api/v1/destinations", json=body)
    assert answer.status_code == 201, answer.text


async def _refuse_a_record() -> None:
    bus = open_bus(log_url(Path("data")))
    record = Record(topics.SPANS, 0, 0, 0, None, b"\xff", {})
    await DeadLetters(bus).keep(record, source="llmflow-writer", reason="not a protobuf")
    await bus.close()
