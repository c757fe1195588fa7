"""Requests that do not fit into one record of the log."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    Sum,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmflow_core.otlp import any_value, attributes_of, key_values
from llmflow_core.otlp_checks import data_points
from llmflow_ingest.signals import LOGS, METRICS, TRACES
from llmflow_ingest.splitting import split
from llmflow_ingest.trimming import TRUNCATED

LIMIT = 4000
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


def _span(number: int, **attributes: object) -> Span:
    return Span(
        trace_id=bytes(15) + b"\1",
        span_id=number.to_bytes(8),
        name=f"span {number}",
        start_time_unix_nano=number + 1,
        end_time_unix_nano=number + 2,
        attributes=key_values(attributes),
    )


def _one(span: Span) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(key_values({"service.name": "app"}))
    resource.scope_spans.add().spans.append(span)
    return request


def _trimmed(span: Span) -> tuple[bytes, Span]:
    (value,) = split(_one(span), TRACES.layout, LIMIT)
    return value, ExportTraceServiceRequest.FromString(value).resource_spans[0].scope_spans[0].spans[0]


@given(
    shape=st.lists(st.lists(st.lists(st.integers(0, 900), max_size=8), max_size=3), max_size=3),
    limit=st.integers(1500, 6000),
)
def test_every_span_keeps_its_resource_and_scope(shape: list[list[list[int]]], limit: int) -> None:
    request = ExportTraceServiceRequest()
    number = 0
    for r, scopes in enumerate(shape):
        resource = request.resource_spans.add(schema_url=f"schema/{r}")
        resource.resource.attributes.extend(key_values({"service.name": f"service-{r}"}))
        for s, sizes in enumerate(scopes):
            scope = resource.scope_spans.add(schema_url=f"schema/{r}/{s}")
            scope.scope.name = f"scope-{s}"
            for size in sizes:
                number += 1
                scope.spans.append(_span(number, content="x" * size))

    values = split(request, TRACES.layout, limit)

    assert all(len(value) <= limit for value in values)
    together = ExportTraceServiceRequest.FromString(b"".join(values))
    assert _rows(together) == _rows(request)
    assert TRACES.count(together) == number


def _rows(request: ExportTraceServiceRequest) -> list[tuple[str, str, str, str, bytes]]:
    return [
        (str(resource.resource), resource.schema_url, str(scope.scope), scope.schema_url, span.SerializeToString())
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_longest_texts_are_cut_the_others_stay() -> None:
    value, span = _trimmed(
        _span(1, model="gpt-4o", prompt="ä" * 50_000, completion="b" * 3000, nested={"list": ["c" * 50_000, 7]})
    )
    attributes = attributes_of(span.attributes)
    assert LIMIT - 100 < len(value) <= LIMIT
    assert attributes[TRUNCATED] is True
    assert attributes["model"] == "gpt-4o"
    assert attributes["nested"]["list"][1] == 7
    sizes = {
        len(text.encode()) for text in (attributes["prompt"], attributes["completion"], attributes["nested"]["list"][0])
    }
    assert max(sizes) - min(sizes) <= 1  # all three are cut to the same number of bytes, between characters
    assert set(attributes["prompt"]) == {"ä"}


def test_a_short_text_is_never_cut_for_a_long_one() -> None:
    _, span = _trimmed(_span(1, prompt="a" * 50_000, completion="b" * 500))
    attributes = attributes_of(span.attributes)
    assert attributes["completion"] == "b" * 500
    assert 3000 < len(attributes["prompt"]) < LIMIT


def test_events_links_and_bytes_are_cut_too() -> None:
    span = _span(1)
    span.events.add(name="gen_ai.content").attributes.extend(key_values({"body": "e" * 50_000}))
    link = span.links.add(trace_id=bytes(16), span_id=bytes(8))
    link.attributes.add(key="blob").value.CopyFrom(any_value(b"\xff" * 50_000))
    value, kept = _trimmed(span)
    assert LIMIT - 100 < len(value) <= LIMIT
    assert kept.events[0].name == "gen_ai.content"
    assert kept.links[0].attributes[0].value.bytes_value.startswith(b"\xff")


def test_a_span_of_countless_small_things_keeps_its_identity() -> None:
    span = _span(7, **{f"key-{n}": n for n in range(5000)})
    span.parent_span_id = b"parent78"
    span.status.code = span.status.STATUS_CODE_ERROR
    value, kept = _trimmed(span)
    assert len(value) <= LIMIT
    assert (kept.span_id, kept.parent_span_id, kept.name) == (span.span_id, span.parent_span_id, span.name)
    assert (kept.start_time_unix_nano, kept.end_time_unix_nano) == (8, 9)
    assert kept.status.code == span.status.STATUS_CODE_ERROR
    assert attributes_of(kept.attributes) == {TRUNCATED: True}


def test_a_span_of_empty_values_takes_no_memory_for_each() -> None:
    span = _span(7)
    span.attributes.add().value.array_value.values.extend([AnyValue()] * 150_000)
    span.attributes.extend([KeyValue()] * 150_000)
    tracemalloc.start()
    try:
        _, kept = _trimmed(span)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert attributes_of(kept.attributes) == {TRUNCATED: True}
    assert peak < 20_000_000


def test_only_the_large_span_is_trimmed() -> None:
    request = _one(_span(1, note="small"))
    spans = request.resource_spans[0].scope_spans[0].spans
    spans.extend([_span(2, prompt="p" * 50_000), _span(3, note="small")])
    merged = ExportTraceServiceRequest.FromString(b"".join(split(request, TRACES.layout, LIMIT)))
    kept = [s for resource in merged.resource_spans for scope in resource.scope_spans for s in scope.spans]
    assert [TRUNCATED in attributes_of(span.attributes) for span in kept] == [False, True, False]


def _metric_of(*metrics: Metric) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(key_values({"service.name": "app"}))
    resource.scope_metrics.add().metrics.extend(metrics)
    return request


def _log_of(record: LogRecord) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.append(record)
    return request


def _metrics_in(values: list[bytes]) -> list[Metric]:
    merged = ExportMetricsServiceRequest.FromString(b"".join(values))
    return [metric for r in merged.resource_metrics for s in r.scope_metrics for metric in s.metrics]


def test_a_metric_s_data_points_are_spread_and_each_part_keeps_what_they_mean() -> None:
    total = Sum(is_monotonic=True, aggregation_temporality=DELTA)
    for number in range(300):
        total.data_points.add(time_unix_nano=number + 1, as_int=number, attributes=key_values({"user": "ada"}))
    values = split(_metric_of(Metric(name="tokens", unit="1", sum=total)), METRICS.layout, LIMIT)
    assert len(values) > 1
    assert all(len(value) <= LIMIT for value in values)
    parts = _metrics_in(values)
    assert {(part.name, part.unit, part.sum.is_monotonic, part.sum.aggregation_temporality) for part in parts} == {
        ("tokens", "1", True, total.aggregation_temporality)
    }
    assert [point.as_int for part in parts for point in data_points(part)] == list(range(300))


def test_a_large_data_point_has_its_texts_cut_and_keeps_its_numbers() -> None:
    point = HistogramDataPoint(time_unix_nano=7, count=3, bucket_counts=[1, 2], explicit_bounds=[0.5])
    point.attributes.extend(key_values({"prompt": "p" * 50_000, "model": "gpt-4o"}))
    (value,) = split(_metric_of(Metric(name="h", histogram=Histogram(data_points=[point]))), METRICS.layout, LIMIT)
    (metric,) = _metrics_in([value])
    (kept,) = metric.histogram.data_points
    assert LIMIT - 100 < len(value) <= LIMIT
    assert (kept.count, list(kept.bucket_counts), list(kept.explicit_bounds)) == (3, [1, 2], [0.5])
    attributes = attributes_of(kept.attributes)
    assert (attributes["model"], attributes[TRUNCATED]) == ("gpt-4o", True)


def test_a_data_point_of_countless_buckets_keeps_its_sums() -> None:
    point = HistogramDataPoint(time_unix_nano=7, count=3, sum=1.5, bucket_counts=[1] * 10_000)
    metric = Metric(name="h" * 9999, histogram=Histogram(data_points=[point], aggregation_temporality=DELTA))
    (value,) = split(_metric_of(metric), METRICS.layout, LIMIT)
    (found,) = _metrics_in([value])
    (kept,) = found.histogram.data_points
    assert len(value) <= LIMIT
    assert found.name == "h" * 256
    assert found.histogram.aggregation_temporality == DELTA
    assert (kept.time_unix_nano, kept.count, kept.sum, list(kept.bucket_counts)) == (7, 3, 1.5, [])
    assert attributes_of(kept.attributes) == {TRUNCATED: True}


def test_a_large_log_record_has_its_body_cut() -> None:
    record = LogRecord(time_unix_nano=7, trace_id=bytes(range(16)), body=AnyValue(string_value="b" * 50_000))
    record.attributes.extend(key_values({"user": "ada", "prompt": "p" * 500}))
    (value,) = split(_log_of(record), LOGS.layout, LIMIT)
    (kept,) = ExportLogsServiceRequest.FromString(value).resource_logs[0].scope_logs[0].log_records
    assert LIMIT - 100 < len(value) <= LIMIT
    assert set(kept.body.string_value) == {"b"}
    assert attributes_of(kept.attributes) == {"user": "ada", "prompt": "p" * 500, TRUNCATED: True}
    assert (kept.time_unix_nano, kept.trace_id) == (7, record.trace_id)


def test_a_log_record_of_countless_small_things_keeps_its_identity() -> None:
    record = LogRecord(time_unix_nano=7, observed_time_unix_nano=8, severity_text="INFO", event_name="tool_decision")
    record.trace_id, record.span_id = bytes(range(16)), bytes(range(8))
    record.attributes.extend(key_values({f"key-{n}": n for n in range(5000)}))
    (value,) = split(_log_of(record), LOGS.layout, LIMIT)
    (kept,) = ExportLogsServiceRequest.FromString(value).resource_logs[0].scope_logs[0].log_records
    assert attributes_of(kept.attributes) == {TRUNCATED: True}
    del record.attributes[:], kept.attributes[:]
    assert kept == record
