"""The writer's Prometheus metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SPANS = Counter(
    "llmflow_writer_spans_total", "Spans dealt with, by outcome (written, duplicate, refused).", ["outcome"]
)
LOGS = Counter(
    "llmflow_writer_logs_total", "Log records dealt with, by outcome (written, duplicate, refused).", ["outcome"]
)
METRIC_POINTS = Counter(
    "llmflow_writer_metric_points_total",
    "Metric points dealt with, by outcome (written, duplicate, refused).",
    ["outcome"],
)
BATCH_SECONDS = Histogram(
    "llmflow_writer_batch_seconds",
    "Time from reading a batch's records to its commit in the database.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
DEAD_LETTERS = Counter("llmflow_writer_dead_letters_total", "Records kept on the dead-letter topic.")
RETRIES = Counter("llmflow_writer_retries_total", "Times that the log or the database could not take or give a batch.")
LAG = Gauge("llmflow_writer_lag_records", "Records of this writer's partitions yet to be written.")
MISSING_TOPICS = Gauge(
    "llmflow_writer_missing_topics", "1 for a topic that is missing from the log and cannot be made, else 0.", ["topic"]
)
SEARCH_WAITING = Gauge("llmflow_writer_search_waiting", "Contents that full-text search does not find yet.")
SEARCH_LAG_SECONDS = Gauge(
    "llmflow_writer_search_lag_seconds", "How long the oldest content has waited that full-text search does not find."
)
RETENTION_ROWS = Counter(
    "llmflow_writer_retention_rows_total",
    "Rows that this writer removed because their time was past, by table, without those that went with a chunk.",
    ["table"],
)
RETENTION_CHUNKS = Counter(
    "llmflow_writer_retention_chunks_total",
    "Chunks that this writer removed because their time was past, by table.",
    ["table"],
)
RETENTION_LAST = Gauge(
    "llmflow_writer_retention_last_timestamp_seconds", "When this writer last applied retention, in Unix time."
)
DATABASE_BYTES = Gauge("llmflow_writer_database_bytes", "Size of the database when retention was last applied.")
