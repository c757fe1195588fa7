"""What the log's readers tell Prometheus of the log itself."""

from __future__ import annotations

from prometheus_client import Counter

DAMAGED = Counter(
    "llmflow_log_damaged_files_total", "Files of the embedded log that this process has put aside as they were damaged."
)
LOST = Counter(
    "llmflow_log_lost_records_total",
    "Records that were gone from the log before this consumer group read them, as far as is known.",
    ["group", "topic"],
)
