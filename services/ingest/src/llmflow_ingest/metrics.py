"""The receiver's Prometheus metrics."""

from __future__ import annotations

from prometheus_client import Counter

REQUESTS = Counter(
    "llmflow_ingest_requests_total",
    "Export requests, by transport (http, grpc) and answer (HTTP status or gRPC status name).",
    ["transport", "answer"],
)
BYTES = Counter("llmflow_ingest_bytes_total", "Bytes received, after decompression, by transport.", ["transport"])
SPANS = Counter(
    "llmflow_ingest_spans_total", "Spans, by outcome (accepted: in the log; rejected: invalid).", ["outcome"]
)
