"""Topic names and record headers. Names and encoding equal the OpenTelemetry Collector's Kafka defaults.

A record's value is one serialized OTLP export request (`otlp_proto`): `ExportTraceServiceRequest` on `otlp_spans`, and
so on.
"""

from __future__ import annotations

SPANS = "otlp_spans"
METRICS = "otlp_metrics"
LOGS = "otlp_logs"
DEAD_LETTER = "llmflow_dead_letter"

ALL = (SPANS, METRICS, LOGS, DEAD_LETTER)

#: Record header that names the project; a record without it (written by a Collector) belongs to `default`.
PROJECT_HEADER = "llmflow-project"
