"""OTLP's three signals: what differs between them on the way from a request to the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from llmflow_bus import topics
from llmflow_core import otlp
from llmflow_ingest.bodies import Encoding
from llmflow_ingest.counting import Counter, check_json
from llmflow_ingest.splitting import Layout

# Enough to find the fault; a request of a million bad spans must not get a million lines back.
_PROBLEMS_NAMED = 10


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """One signal: its topic, its gRPC service, its fields and its functions in `llmflow_core.otlp`.

    `counter` counts the messages that take most; `rejected` is the field of its partial success that counts.
    """

    name: Literal["traces", "metrics", "logs"]
    topic: str
    service: str
    layout: Layout
    counter: Counter
    parsers: dict[Encoding, Callable[[bytes], Message]]
    check: Callable[[Any], list[str]]
    answer: type[Any]
    rejected: str

    def parse(self, body: bytes, encoding: Encoding) -> Message:
        """Decode a request. Raises Rejected, and TooLarge for one that would take much more memory than its size."""
        if encoding is Encoding.JSON:
            check_json(body)
        else:
            self.counter.check(body)
        return self.parsers[encoding](body)

    def count(self, request: Message) -> int:
        """How many spans, data points or log records `request` holds."""
        groups = self.layout.groups(request)
        if self is METRICS:
            return sum(len(otlp.data_points(metric)) for group in groups for metric in group)
        return sum(map(len, groups))

    def response(self, problems: list[str]) -> Any:
        """The answer to a request of which the items that `problems` name, one each, were left out."""
        response = self.answer()
        if problems:
            response.partial_success.error_message = summary(problems)
            setattr(response.partial_success, self.rejected, len(problems))
        return response


def summary(problems: list[str]) -> str:
    """The first of `problems` and how many more there are."""
    more = [f"and {len(problems) - _PROBLEMS_NAMED} more"] if len(problems) > _PROBLEMS_NAMED else []
    return "; ".join(problems[:_PROBLEMS_NAMED] + more)


TRACES = Signal(
    name="traces",
    topic=topics.SPANS,
    service="opentelemetry.proto.collector.trace.v1.TraceService",
    layout=Layout("resource_spans", "scope_spans", "spans"),
    # Its resources, their scopes, their spans, and the events and links of those.
    counter=Counter("traces", {1: {2: {2: {11: {}, 13: {}}}}}),
    parsers={Encoding.PROTOBUF: otlp.parse_traces, Encoding.JSON: otlp.parse_traces_json},
    check=otlp.check_traces,
    answer=trace_service_pb2.ExportTraceServiceResponse,
    rejected="rejected_spans",
)
METRICS = Signal(
    name="metrics",
    topic=topics.METRICS,
    service="opentelemetry.proto.collector.metrics.v1.MetricsService",
    layout=Layout("resource_metrics", "scope_metrics", "metrics"),
    # Its resources, their scopes, their metrics, the data of those, of whichever kind, and its points.
    counter=Counter("metrics", {1: {2: {2: {kind: {1: {}} for kind in (5, 7, 9, 10, 11)}}}}),
    parsers={Encoding.PROTOBUF: otlp.parse_metrics, Encoding.JSON: otlp.parse_metrics_json},
    check=otlp.check_metrics,
    answer=metrics_service_pb2.ExportMetricsServiceResponse,
    rejected="rejected_data_points",
)
LOGS = Signal(
    name="logs",
    topic=topics.LOGS,
    service="opentelemetry.proto.collector.logs.v1.LogsService",
    layout=Layout("resource_logs", "scope_logs", "log_records"),
    # Its resources, their scopes, and their log records.
    counter=Counter("logs", {1: {2: {2: {}}}}),
    parsers={Encoding.PROTOBUF: otlp.parse_logs, Encoding.JSON: otlp.parse_logs_json},
    check=otlp.check_logs,
    answer=logs_service_pb2.ExportLogsServiceResponse,
    rejected="rejected_log_records",
)
SIGNALS = (TRACES, METRICS, LOGS)
