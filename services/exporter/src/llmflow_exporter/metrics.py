"""The exporter's Prometheus metrics, all by destination."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

REQUESTS = Counter(
    "llmflow_exporter_requests_total",
    "Requests to the destination, by HTTP status (none: no answer came) or gRPC status.",
    ["destination", "answer"],
)
RECORDS = Counter(
    "llmflow_exporter_records_total",
    "Records of the log that are dealt with, by outcome (sent, filtered, dead_letter).",
    ["destination", "outcome"],
)
BYTES = Counter("llmflow_exporter_bytes_total", "Bytes sent and taken, before compression.", ["destination"])
REJECTED_SPANS = Counter(
    "llmflow_exporter_rejected_spans_total", "Spans that a partial success named as rejected.", ["destination"]
)
LAG = Gauge("llmflow_exporter_lag_records", "Records of the log yet to be forwarded.", ["destination"])
UP = Gauge("llmflow_exporter_up", "1 when the last attempt reached the destination, 0 when it failed.", ["destination"])
LAST_SENT = Gauge("llmflow_exporter_last_sent_timestamp_seconds", "When records were last taken.", ["destination"])
