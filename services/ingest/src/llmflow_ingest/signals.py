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
from llmflow_core import otlp, otlp_checks, otlp_json
from llmflow_core.otlp_checks import Unreadable
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
    parse: Callable[[bytes], Message]
    parse_json: Callable[[bytes], tuple[Message, Unreadable]]
    check: Callable[[Any, Unreadable], list[str]]
    answer: type[Any]
    rejected: str

    def decode(self, body: bytes, encoding: Encoding) -> tuple[Message, list[str]]:
        """The valid items of a request, and one line for each that was left out.

        Raises Rejected, and TooLarge for one that would take much more memory than its size.
        """
        unreadable: Unreadable = {}
        if encoding is Encoding.JSON:
            check_json(body)
            request, unreadable = self.parse_json(body)
        else:
            self.counter.check(body)
            request = self.parse(body)
        return request, self.check(request, unreadable)

    def count(self, request: Message) -> int:
        """How many spans, data points or log records `request` holds."""
        groups = self.layout.groups(request)
        if self is METRICS:
            return sum(len(otlp_checks.data_points(metric)) for group in groups for metric in group)
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
    parse=otlp.parse_traces,
    parse_json=otlp_json.parse_traces_json,
    check=otlp_checks.check_traces,
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
    parse=otlp.parse_metrics,
    parse_json=otlp_json.parse_metrics_json,
    check=otlp_checks.check_metrics,
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
    parse=otlp.parse_logs,
    parse_json=otlp_json.parse_logs_json,
    check=otlp_checks.check_logs,
    answer=logs_service_pb2.ExportLogsServiceResponse,
    rejected="rejected_log_records",
)
SIGNALS = (TRACES, METRICS, LOGS)
