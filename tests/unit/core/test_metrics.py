"""OTLP metrics as series and points."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    AGGREGATION_TEMPORALITY_DELTA,
    Metric,
)

from llmflow_core.metrics import MetricSeries, metric_points_of
from llmflow_core.otlp import key_values
from llmflow_core.otlp_checks import check_metrics


def request_of(*metrics: Metric) -> ExportMetricsServiceRequest:
    """A request of the service `app`."""
    request = ExportMetricsServiceRequest()
    resource_metrics = request.resource_metrics.add()
    resource_metrics.resource.attributes.extend(key_values({"service.name": "app"}))
    scope_metrics = resource_metrics.scope_metrics.add(metrics=metrics)
    scope_metrics.scope.name = "meter"
    scope_metrics.scope.attributes.extend(key_values({"a": 1}))
    assert check_metrics(request) == []
    return request


def test_a_sum_is_integers_or_doubles() -> None:
    metric = Metric(name="tokens", unit="1", description="used")
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
    metric.sum.data_points.add(
        time_unix_nano=2, start_time_unix_nano=1, as_int=2**53 + 1, attributes=key_values({"type": "input"})
    )
    metric.sum.data_points.add(time_unix_nano=2, as_double=0.5)
    metric.sum.data_points.add(time_unix_nano=3, flags=1)
    integer, double, absent = metric_points_of(request_of(metric), "shop")
    assert integer.series == MetricSeries(
        project="shop",
        name="tokens",
        description="used",
        unit="1",
        type="sum",
        temporality="delta",
        monotonic=True,
        service="app",
        scope="meter",
        scope_attributes={"a": 1},
        attributes={"type": "input"},
        resource_attributes={"service.name": "app"},
    )
    assert (integer.time_ns, integer.start_time_ns, integer.int_value, integer.value) == (2, 1, 2**53 + 1, 2.0**53)
    assert (double.value, double.int_value, double.start_time_ns, double.details) == (0.5, None, None, {})
    assert (absent.value, absent.details) == (None, {"flags": 1})


def test_nothing_of_a_histogram_is_lost() -> None:
    metric = Metric(name="latency")
    metric.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    point = metric.histogram.data_points.add(
        time_unix_nano=2, count=3, sum=4.5, bucket_counts=[1, 2], explicit_bounds=[1.5], min=0.0, max=2.0
    )
    point.exemplars.add(
        time_unix_nano=1, as_double=2.0, trace_id=b"t" * 16, span_id=b"s" * 8, filtered_attributes=key_values({"u": 1})
    )
    metric.histogram.data_points.add(time_unix_nano=3, count=0)
    read, empty = metric_points_of(request_of(metric))
    assert (read.count, read.sum, read.value) == (3, 4.5, None)
    assert read.details == {
        "bucket_counts": [1, 2],
        "explicit_bounds": [1.5],
        "min": 0.0,
        "max": 2.0,
        "exemplars": [
            {
                "time_unix_nano": 1,
                "value": 2.0,
                "trace_id": "74" * 16,
                "span_id": "73" * 8,
                "filtered_attributes": {"u": 1},
            }
        ],
    }
    assert (read.series.temporality, read.series.monotonic) == ("cumulative", None)
    assert (empty.count, empty.sum) == (0, None)


def test_nothing_of_the_other_kinds_is_lost() -> None:
    exponential = Metric(name="size")
    exponential.exponential_histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
    point = exponential.exponential_histogram.data_points.add(
        time_unix_nano=2, count=4, sum=9.0, scale=-1, zero_count=1, zero_threshold=0.5
    )
    point.positive.offset, point.negative.offset = -2, 3
    point.positive.bucket_counts.extend([1, 0, 2])
    summary = Metric(name="old")
    summary.summary.data_points.add(time_unix_nano=2, count=2, sum=3.0).quantile_values.add(quantile=0.5, value=1.5)
    gauge = Metric(name="load")
    gauge.gauge.data_points.add(time_unix_nano=2, as_double=0.25)
    first, second, third = metric_points_of(request_of(exponential, summary, gauge))
    assert first.details == {
        "scale": -1,
        "zero_count": 1,
        "zero_threshold": 0.5,
        "positive": {"offset": -2, "bucket_counts": [1, 0, 2]},
        "negative": {"offset": 3, "bucket_counts": []},
    }
    assert (first.count, first.sum, first.series.type) == (4, 9.0, "exponential_histogram")
    assert second.details == {"quantile_values": [{"quantile": 0.5, "value": 1.5}]}
    assert (second.count, second.sum, second.series.temporality) == (2, 3.0, "cumulative")
    assert (third.value, third.series.type, third.series.temporality) == (0.25, "gauge", "unspecified")


def test_a_series_is_known_by_all_but_project_and_description() -> None:
    series = MetricSeries(name="tokens", attributes={"a": 1, "b": 2})
    same = replace(series, project="other", description="more", attributes={"b": 2, "a": 1})
    assert series.hash == same.hash
    assert len(series.hash) == 16
    others: list[dict[str, Any]] = [
        {"name": "t"},
        {"unit": "1"},
        {"type": "sum"},
        {"temporality": "delta"},
        {"monotonic": True},
        {"scope": "s"},
        {"attributes": {"a": "1", "b": 2}},
        {"resource_attributes": {"host": "h"}},
    ]
    assert len({replace(series, **other).hash for other in others} | {series.hash}) == len(others) + 1
