"""What AI command-line tools sent, from tests/fixtures/coding_tools."""

from __future__ import annotations

from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from llmflow_core.otlp import parse_logs_json, parse_metrics_json

FOLDER = Path("tests/fixtures/coding_tools").absolute()


def recorded_logs(tool: str) -> ExportLogsServiceRequest:
    """The log events of a tool, as named in `llmflow_core.coding_tools`."""
    return parse_logs_json((FOLDER / f"{tool}.json").read_bytes())


def recorded_metrics(tool: str) -> ExportMetricsServiceRequest:
    """The metrics of a tool."""
    return parse_metrics_json((FOLDER / f"{tool}.json").read_bytes())
