"""What OTLP does not allow in requests of traces, metrics and logs: found and removed item by item. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)
from opentelemetry.proto.trace.v1 import trace_pb2

from llmflow_core.ids import SPAN_ID_BYTES, TRACE_ID_BYTES

DataPoint: TypeAlias = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint
#: The items that could not even be read, by their places, each with the line that is said of it. The request holds an
#: empty message in the place of each, which is refused in any case.
Unreadable: TypeAlias = Mapping[str, str]

_NO_TRACE_ID, _NO_SPAN_ID = bytes(TRACE_ID_BYTES), bytes(SPAN_ID_BYTES)
_FEW = 100
_NONE: Unreadable = {}


def check_traces(request: Any, unreadable: Unreadable = _NONE) -> list[str]:
    """Remove the spans that OTLP does not allow, in place; return one line per removed span that says what is wrong.

    The request is an ExportTraceServiceRequest or what `parse_raw_traces` gives.
    """
    problems: list[str] = []
    for r, resource_spans in enumerate(request.resource_spans):
        for s, scope_spans in enumerate(resource_spans.scope_spans):
            place = f"resource_spans[{r}].scope_spans[{s}].spans"
            problems += _remove_bad(scope_spans.spans, _span_problem, place, unreadable)
    return problems


def check_metrics(request: ExportMetricsServiceRequest, unreadable: Unreadable = _NONE) -> list[str]:
    """The same for data points. A metric without a name, or without data of a known kind, counts as at least one."""
    problems: list[str] = []
    for r, resource_metrics in enumerate(request.resource_metrics):
        for s, scope_metrics in enumerate(resource_metrics.scope_metrics):
            metrics = f"resource_metrics[{r}].scope_metrics[{s}].metrics"
            bad: set[int] = set()
            for m, metric in enumerate(scope_metrics.metrics):
                place = f"{metrics}[{m}]"
                kind = metric.WhichOneof("data")
                if metric.name and kind:
                    points = f"{place}.{kind}.data_points"
                    problems += _remove_bad(data_points(metric), _data_point_problem, points, unreadable)
                else:
                    missing = f"{place}.{'data' if metric.name else 'name'}: must be set"
                    problems += [unreadable.get(place, missing)] * max(1, len(data_points(metric)))
                    bad.add(m)
            _remove(scope_metrics.metrics, bad)
    return problems


def check_logs(request: ExportLogsServiceRequest, unreadable: Unreadable = _NONE) -> list[str]:
    """The same for log records.

    A record may lack its times, and its ids may be malformed: the data model then takes it as of an unknown time and of
    no trace. One that says nothing is refused, and so is one that is a span or a metric in truth.
    """
    problems: list[str] = []
    for r, resource_logs in enumerate(request.resource_logs):
        for s, scope_logs in enumerate(resource_logs.scope_logs):
            place = f"resource_logs[{r}].scope_logs[{s}].log_records"
            problems += _remove_bad(scope_logs.log_records, _log_record_problem, place, unreadable)
    return problems


def data_points(metric: Metric) -> Any:
    """The repeated field of `metric` that holds its data points, whatever their kind; empty without any."""
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def _remove_bad(items: Any, problem_of: Callable[[Any], str | None], place: str, unreadable: Unreadable) -> list[str]:
    found = {n: why for n, item in enumerate(items) if (why := problem_of(item))}
    _remove(items, found)
    return [unreadable.get(f"{place}[{n}]", f"{place}[{n}].{why}") for n, why in found.items()]


def _remove(items: Any, places: Collection[int]) -> None:
    """Remove the items of a repeated field at these places."""
    if len(places) > _FEW:
        # One by one they would move what is behind them as often.
        kept = [item for n, item in enumerate(items) if n not in places]
        del items[:]
        items.extend(kept)
    else:
        for n in sorted(places, reverse=True):
            del items[n]


def _span_problem(span: trace_pb2.Span) -> str | None:
    # Ingest does this for each of its spans, and protobuf makes a field's bytes anew each time it is read.
    trace_id, span_id, parent_span_id = span.trace_id, span.span_id, span.parent_span_id
    if len(trace_id) != TRACE_ID_BYTES or trace_id == _NO_TRACE_ID:
        return "trace_id: must be 16 bytes, not all zero"
    if len(span_id) != SPAN_ID_BYTES or span_id == _NO_SPAN_ID:
        return "span_id: must be 8 bytes, not all zero"
    if parent_span_id and len(parent_span_id) != SPAN_ID_BYTES:
        return "parent_span_id: must be empty or 8 bytes"
    if not span.start_time_unix_nano:
        return "start_time_unix_nano: must be set"
    return None


def _data_point_problem(point: DataPoint) -> str | None:
    return None if point.time_unix_nano else "time_unix_nano: must be set"


def _log_record_problem(record: LogRecord) -> str | None:
    if record.time_unix_nano or record.observed_time_unix_nano:
        return None
    known = LogRecord.DESCRIPTOR.fields_by_number
    unknown: Any = UnknownFieldSet(record)  # iterable, which its type stub does not say
    if any(field.field_number in known for field in unknown):
        return "body: its fields have other types than a log record's"
    if not (record.body.WhichOneof("value") or record.attributes or record.event_name):
        return "body: a record needs a time, a body, attributes or an event name"
    return None
