"""Large requests beside small ones."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmflow_bus import open_bus
from llmflow_core.otlp import parse_traces
from llmflow_ingest.bodies import Encoding
from llmflow_ingest.log import Log
from llmflow_ingest.receiver import Receiver
from llmflow_ingest.signals import TRACES
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually

LARGE = otlp_request([1], content="x" * 300_000).SerializeToString()
SMALL = otlp_request([2]).SerializeToString()


async def test_small_requests_go_on_while_large_ones_are_decoded_one_at_a_time(tmp_path: Path) -> None:
    go_on = threading.Event()
    decoding: list[int] = []

    def slowly(body: bytes) -> ExportTraceServiceRequest:
        decoding.append(len(body))
        assert go_on.wait(60)
        return parse_traces(body)

    slow = dataclasses.replace(TRACES, parse=slowly)
    bus = open_bus(f"embedded://{tmp_path}/log")
    try:
        receiver = Receiver(Log(bus))
        large = [asyncio.create_task(receiver.export(slow, LARGE, Encoding.PROTOBUF, "default")) for _ in range(3)]
        await eventually(lambda: asyncio.sleep(0, decoding), within=30)
        for _ in range(5):
            await receiver.export(TRACES, SMALL, Encoding.PROTOBUF, "default")
        assert not any(task.done() for task in large)
        assert len(decoding) == 1
        go_on.set()
        await asyncio.gather(*large)
        assert len(decoding) == 3
    finally:
        await bus.close()
