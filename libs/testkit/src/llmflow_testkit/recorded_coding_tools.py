"""What AI command-line tools sent, from tests/fixtures/coding_tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from llmflow_testkit.otlp_requests import logs_of_json, metrics_of_json

FOLDER = Path("tests/fixtures/coding_tools").absolute()


def recorded_logs(tool: str) -> ExportLogsServiceRequest:
    """The log events of a tool, as named in `llmflow_core.coding_tools`."""
    return logs_of_json((FOLDER / f"{tool}.json").read_bytes())


def recorded_metrics(tool: str) -> ExportMetricsServiceRequest:
    """The metrics of a tool."""
    return metrics_of_json((FOLDER / f"{tool}.json").read_bytes())


def recorded_until(tool: str, end_ns: int) -> tuple[bytes, bytes]:
    """The same log events and metrics as OTLP/protobuf, moved in time so that the last one is of `end_ns`."""
    logs, metrics = recorded_logs(tool), recorded_metrics(tool)
    holders = list(_timed(logs)) + list(_timed(metrics))
    moved = end_ns - max(getattr(holder, name) for holder, name in holders)
    for holder, name in holders:
        setattr(holder, name, getattr(holder, name) + moved)
    return logs.SerializeToString(), metrics.SerializeToString()


def _timed(message: Message) -> Iterator[tuple[Message, str]]:
    """Every time that is given in a message, with the part of it that holds it."""
    for field, value in message.ListFields():
        if field.name.endswith("time_unix_nano"):
            yield message, field.name
        elif field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                yield from _timed(part)
