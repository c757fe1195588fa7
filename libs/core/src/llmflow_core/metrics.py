"""OTLP metrics as LLMFlow stores and shows them: series, and points in them. Pure: no I/O, no clock.

Names follow the OpenTelemetry metrics data model. Nothing that a point says is lost: what has no field of its own is in
`details`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import orjson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1 import metrics_pb2

from llmflow_core.otlp import attributes_of
from llmflow_core.otlp_checks import DataPoint, data_points
from llmflow_core.spans import DEFAULT_PROJECT, JSON

SERIES_HASH_BYTES = 16


class MetricType(StrEnum):
    """OTLP's kinds of metrics."""

    GAUGE = "gauge"
    SUM = "sum"
    HISTOGRAM = "histogram"
    EXPONENTIAL_HISTOGRAM = "exponential_histogram"
    SUMMARY = "summary"


class Temporality(StrEnum):
    """Whether a point counts since the point before (delta), or since the series began (cumulative)."""

    UNSPECIFIED = "unspecified"
    DELTA = "delta"
    CUMULATIVE = "cumulative"


_TEMPORALITIES = {
    metrics_pb2.AGGREGATION_TEMPORALITY_DELTA: Temporality.DELTA,
    metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE: Temporality.CUMULATIVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSeries:
    """What the points of one stream have in common. `monotonic` is None for what is no sum.

    A summary counts since its series began. `hash` has 16 bytes and is made of everything but project and description.
    """

    project: str = DEFAULT_PROJECT
    name: str
    description: str = ""
    unit: str = ""
    type: str = MetricType.GAUGE
    temporality: str = Temporality.UNSPECIFIED
    monotonic: bool | None = None
    service: str = ""
    scope: str = ""
    scope_version: str = ""
    scope_attributes: dict[str, JSON] = field(default_factory=dict)
    attributes: dict[str, JSON] = field(default_factory=dict)
    resource_attributes: dict[str, JSON] = field(default_factory=dict)

    @property
    def hash(self) -> bytes:
        """The series' identity within its project."""
        parts = [
            self.name,
            self.unit,
            self.type,
            self.temporality,
            self.monotonic,
            self.scope,
            self.scope_version,
            self.scope_attributes,
            self.attributes,
            self.resource_attributes,
        ]
        encoded = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str)
        return hashlib.blake2b(encoded, digest_size=SERIES_HASH_BYTES).digest()


class MetricPointKey(NamedTuple):
    """What makes a point unique; a second one with the same key is a replay of the first and changes nothing."""

    project: str
    series: bytes
    time_ns: int


@dataclass(slots=True, kw_only=True)
class MetricPoint:
    """One point. Times in Unix nanoseconds; `start_time_ns` is where what it counts begins, None when unstated.

    A gauge or sum has `value`, and `int_value` too when it came as an integer. The others have `count` and `sum`.
    `details` holds the rest: buckets, bounds, scale, quantiles, extremes, exemplars and flags, named as in OTLP.
    """

    series: MetricSeries
    time_ns: int
    start_time_ns: int | None = None
    value: float | None = None
    int_value: int | None = None
    count: int | None = None
    sum: float | None = None
    details: dict[str, JSON] = field(default_factory=dict)

    @property
    def key(self) -> MetricPointKey:
        """The identity that writes deduplicate on."""
        return MetricPointKey(self.series.project, self.series.hash, self.time_ns)


def metric_points_of(request: ExportMetricsServiceRequest, project: str = DEFAULT_PROJECT) -> list[MetricPoint]:
    """Every point of a checked request, in order."""
    return [
        _point(point, _series(metric, point, scope, resource, project))
        for metric, scope, resource in _metrics(request)
        for point in data_points(metric)
    ]


def _metrics(
    request: ExportMetricsServiceRequest,
) -> Iterator[tuple[metrics_pb2.Metric, InstrumentationScope, dict[str, JSON]]]:
    for resource_metrics in request.resource_metrics:
        resource = attributes_of(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                yield metric, scope_metrics.scope, resource


def _series(
    metric: metrics_pb2.Metric,
    point: DataPoint,
    scope: InstrumentationScope,
    resource: dict[str, JSON],
    project: str,
) -> MetricSeries:
    kind = MetricType(str(metric.WhichOneof("data")))
    temporality = Temporality.UNSPECIFIED
    match kind:
        case MetricType.SUM | MetricType.HISTOGRAM | MetricType.EXPONENTIAL_HISTOGRAM:
            number = getattr(metric, kind).aggregation_temporality
            temporality = _TEMPORALITIES.get(number, Temporality.UNSPECIFIED)
        case MetricType.SUMMARY:
            temporality = Temporality.CUMULATIVE
    return MetricSeries(
        project=project,
        name=metric.name,
        description=metric.description,
        unit=metric.unit,
        type=kind,
        temporality=temporality,
        monotonic=metric.sum.is_monotonic if kind is MetricType.SUM else None,
        service=str(resource.get("service.name", "")),
        scope=scope.name,
        scope_version=scope.version,
        scope_attributes=attributes_of(scope.attributes),
        attributes=attributes_of(point.attributes),
        resource_attributes=resource,
    )


def _point(point: DataPoint, series: MetricSeries) -> MetricPoint:
    read = MetricPoint(
        series=series,
        time_ns=point.time_unix_nano,
        start_time_ns=point.start_time_unix_nano or None,
        details=_details(point),
    )
    if isinstance(point, metrics_pb2.NumberDataPoint):
        if point.WhichOneof("value") == "as_int":
            read.int_value, read.value = point.as_int, float(point.as_int)
        elif point.WhichOneof("value") == "as_double":
            read.value = point.as_double
    else:
        read.count = point.count
        if isinstance(point, metrics_pb2.SummaryDataPoint) or point.HasField("sum"):
            read.sum = point.sum
    return read


def _details(point: DataPoint) -> dict[str, JSON]:
    details: dict[str, JSON] = {"flags": point.flags} if point.flags else {}
    match point:
        case metrics_pb2.HistogramDataPoint():
            details["bucket_counts"] = list(point.bucket_counts)
            details["explicit_bounds"] = list(point.explicit_bounds)
        case metrics_pb2.ExponentialHistogramDataPoint():
            details |= {
                "scale": point.scale,
                "zero_count": point.zero_count,
                "zero_threshold": point.zero_threshold,
                "positive": _buckets(point.positive),
                "negative": _buckets(point.negative),
            }
        case metrics_pb2.SummaryDataPoint():
            details["quantile_values"] = [
                {"quantile": entry.quantile, "value": entry.value} for entry in point.quantile_values
            ]
    if isinstance(point, (metrics_pb2.HistogramDataPoint, metrics_pb2.ExponentialHistogramDataPoint)):
        details |= {name: getattr(point, name) for name in ("min", "max") if point.HasField(name)}
    if not isinstance(point, metrics_pb2.SummaryDataPoint) and point.exemplars:
        details["exemplars"] = [_exemplar(exemplar) for exemplar in point.exemplars]
    return details


def _buckets(buckets: metrics_pb2.ExponentialHistogramDataPoint.Buckets) -> dict[str, JSON]:
    return {"offset": buckets.offset, "bucket_counts": list(buckets.bucket_counts)}


def _exemplar(exemplar: metrics_pb2.Exemplar) -> dict[str, JSON]:
    return {
        "time_unix_nano": exemplar.time_unix_nano,
        "value": exemplar.as_int if exemplar.WhichOneof("value") == "as_int" else exemplar.as_double,
        "trace_id": exemplar.trace_id.hex(),
        "span_id": exemplar.span_id.hex(),
        "filtered_attributes": attributes_of(exemplar.filtered_attributes),
    }
