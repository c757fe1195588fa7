"""Destinations whose names nobody resolves, which takes the system's resolver very long to find out."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmflow_bus import Message, open_bus, topics
from llmflow_exporter.app import run
from llmflow_exporter.settings import ExporterSettings
from llmflow_testkit.otlp_receiver import OtlpReceiver
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually

#: As many as asyncio itself has threads, which resolve names and prepare what is sent.
GONE = min(32, (os.cpu_count() or 1) + 4)


async def test_names_that_nobody_resolves_hold_up_no_other_destination(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()
    resolver_answers = threading.Event()
    resolve = socket.getaddrinfo

    def hang(host: Any, *arguments: Any, **options: Any) -> Any:
        if not str(host).endswith(".test"):
            return resolve(host, *arguments, **options)
        asked.add(host)
        resolver_answers.wait(60)
        raise socket.gaierror("nobody knows it")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    bus = open_bus(f"embedded://{tmp_path}/log")
    stop = asyncio.Event()
    with OtlpReceiver() as receiver:
        # What is compressed is prepared in a thread.
        gone = [{"name": f"gone-{number}", "endpoint": f"http://gone-{number}.test"} for number in range(GONE)]
        file = tmp_path / "destinations.yaml"
        file.write_text(yaml.safe_dump({"destinations": [*gone, {"name": "well", "endpoint": receiver.url}]}))
        producer = await bus.producer()
        await producer.publish(topics.SPANS, [Message(otlp_request([1]).SerializeToString())])
        settings = ExporterSettings(bus_url=f"embedded://{tmp_path}/log", export_file=file, health_port=0)
        task = asyncio.create_task(run(settings, stop))

        async def all_are_asked_for() -> bool:
            return len(asked) == GONE

        async def arrives() -> bool:
            return len(receiver.span_ids) >= 2

        try:
            await eventually(all_are_asked_for, within=30)
            await producer.publish(topics.SPANS, [Message(otlp_request([2]).SerializeToString())])
            await eventually(arrives, within=20)
        finally:
            resolver_answers.set()
            stop.set()
            await asyncio.wait_for(task, 60)
            await bus.close()
