"""The receiver's Prometheus metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

REQUESTS = Counter(
    "llmflow_ingest_requests_total",
    "Export requests, by transport (http, grpc) and answer (HTTP status or gRPC status name).",
    ["transport", "answer"],
)
BYTES = Counter("llmflow_ingest_bytes_total", "Bytes received, after decompression, by transport.", ["transport"])
ITEMS = Counter(
    "llmflow_ingest_items_total",
    "Spans, data points and log records, by signal (traces, metrics, logs) and outcome (accepted: in the log; "
    "rejected: invalid).",
    ["signal", "outcome"],
)
IN_FLIGHT = Gauge("llmflow_ingest_in_flight_bytes", "Bytes of the requests that are not answered yet.")
