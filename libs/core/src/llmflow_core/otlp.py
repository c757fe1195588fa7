"""OTLP requests of traces, metrics and logs: parsing, checking, and the way between them and spans. Pure: no I/O.

Follows the OpenTelemetry protocol specification 1.x (protobuf and its JSON mapping, whose ids are hexadecimal).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)
from opentelemetry.proto.trace.v1 import trace_pb2

from llmflow_core.conventions import apply_conventions, count_nested_once, is_pending
from llmflow_core.errors import Rejected
from llmflow_core.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from llmflow_core.raw_traces import RawAttributes
from llmflow_core.spans import DEFAULT_PROJECT, JSON, Span, Status

_STATUS = {
    trace_pb2.Status.STATUS_CODE_UNSET: Status.UNSET,
    trace_pb2.Status.STATUS_CODE_OK: Status.OK,
    trace_pb2.Status.STATUS_CODE_ERROR: Status.ERROR,
}
_ID_FIELDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
_ROOTS = frozenset({"resourceSpans", "resourceMetrics", "resourceLogs"})
_METRIC_KINDS = (
    ("gauge", "gauge"),
    ("sum", "sum"),
    ("histogram", "histogram"),
    ("exponentialHistogram", "exponential_histogram"),
)
_NO_TRACE_ID, _NO_SPAN_ID = bytes(TRACE_ID_BYTES), bytes(SPAN_ID_BYTES)
#: Readers of protobuf give up beyond a hundred messages in one another, of which each object in a value takes three;
#: they would refuse the whole request, whatever else is in it.
_LEVELS = 24
_FEW = 100
_LONGEST_PROBLEM = 500
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1

RequestT = TypeVar("RequestT", bound=Message)
DataPoint = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint


def parse_traces(body: bytes) -> ExportTraceServiceRequest:
    """Decode a protobuf request of spans. Raises Rejected when the bytes are not one."""
    return _parse(body, ExportTraceServiceRequest)


def parse_metrics(body: bytes) -> ExportMetricsServiceRequest:
    """Decode a protobuf request of metrics. Raises Rejected when the bytes are not one."""
    return _parse(body, ExportMetricsServiceRequest)


def parse_logs(body: bytes) -> ExportLogsServiceRequest:
    """Decode a protobuf request of log records. Raises Rejected when the bytes are not one."""
    return _parse(body, ExportLogsServiceRequest)


def _parse(body: bytes, kind: type[RequestT]) -> RequestT:
    try:
        return kind.FromString(body)
    except DecodeError:
        raise Rejected(f"not a protobuf {kind.DESCRIPTOR.name}", field="body") from None


def parse_traces_json(body: bytes) -> ExportTraceServiceRequest:
    """Decode an OTLP/JSON request of spans; unknown fields are ignored, as the specification asks.

    Raises Rejected that names the place which is wrong.
    """
    return _parse_json(body, ExportTraceServiceRequest, _trace_ids_to_base64)


def parse_metrics_json(body: bytes) -> ExportMetricsServiceRequest:
    """The same for metrics."""
    return _parse_json(body, ExportMetricsServiceRequest, _metric_ids_to_base64)


def parse_logs_json(body: bytes) -> ExportLogsServiceRequest:
    """The same for log records."""
    return _parse_json(body, ExportLogsServiceRequest, _log_ids_to_base64)


def _parse_json(body: bytes, kind: type[RequestT], ids_to_base64: Callable[[dict[str, Any]], None]) -> RequestT:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Rejected(f"not JSON: {error}", field="body") from None
    if not isinstance(document, dict):
        raise Rejected("must be a JSON object", field="body")
    own = kind.DESCRIPTOR.fields[0]
    for other in _ROOTS - {own.json_name}:
        if other in document and own.json_name not in document and own.name not in document:
            raise Rejected(f"is not of this URL's signal, which is {own.json_name}", field=other)
    # Protobuf's JSON mapping writes bytes in base64, OTLP's writes ids in hexadecimal.
    ids_to_base64(document)
    try:
        return json_format.ParseDict(document, kind(), ignore_unknown_fields=True)
    except (json_format.ParseError, RecursionError) as error:
        # It quotes what is wrong, however much that is.
        raise Rejected(str(error)[:_LONGEST_PROBLEM], field="body") from None


def _trace_ids_to_base64(document: dict[str, Any]) -> None:
    for r, resource_spans in _objects(document, "resourceSpans", "resource_spans"):
        for s, scope_spans in _objects(resource_spans, "scopeSpans", "scope_spans"):
            for n, span in _objects(scope_spans, "spans", "spans"):
                place = f"resourceSpans[{r}].scopeSpans[{s}].spans[{n}]"
                _translate_ids(span, place)
                for k, link in _objects(span, "links", "links"):
                    _translate_ids(link, f"{place}.links[{k}]")


def _metric_ids_to_base64(document: dict[str, Any]) -> None:
    for r, resource_metrics in _objects(document, "resourceMetrics", "resource_metrics"):
        for s, scope_metrics in _objects(resource_metrics, "scopeMetrics", "scope_metrics"):
            for n, metric in _objects(scope_metrics, "metrics", "metrics"):
                place = f"resourceMetrics[{r}].scopeMetrics[{s}].metrics[{n}]"
                for camel, snake in _METRIC_KINDS:
                    data = metric.get(camel, metric.get(snake))
                    for p, point in _objects(data, "dataPoints", "data_points") if isinstance(data, dict) else ():
                        for e, exemplar in _objects(point, "exemplars", "exemplars"):
                            _translate_ids(exemplar, f"{place}.{camel}.dataPoints[{p}].exemplars[{e}]")


def _log_ids_to_base64(document: dict[str, Any]) -> None:
    for r, resource_logs in _objects(document, "resourceLogs", "resource_logs"):
        for s, scope_logs in _objects(resource_logs, "scopeLogs", "scope_logs"):
            for n, record in _objects(scope_logs, "logRecords", "log_records"):
                _translate_ids(record, f"resourceLogs[{r}].scopeLogs[{s}].logRecords[{n}]")


def _objects(parent: dict[str, Any], camel: str, snake: str) -> Iterable[tuple[int, dict[str, Any]]]:
    children = parent.get(camel, parent.get(snake))
    return (
        (i, child) for i, child in enumerate(children if isinstance(children, list) else ()) if isinstance(child, dict)
    )


def _translate_ids(holder: dict[str, Any], place: str) -> None:
    for name in _ID_FIELDS:
        value = holder.get(name)
        if not isinstance(value, str):
            continue
        try:
            holder[name] = base64.b64encode(bytes.fromhex(value)).decode()
        except ValueError:
            raise Rejected("must be hexadecimal", field=f"{place}.{name}") from None


def check_traces(request: Any) -> list[str]:
    """Remove the spans that OTLP does not allow, in place; return one line per removed span that says what is wrong.

    The request is an ExportTraceServiceRequest or what `parse_raw_traces` gives.
    """
    problems: list[str] = []
    for r, resource_spans in enumerate(request.resource_spans):
        for s, scope_spans in enumerate(resource_spans.scope_spans):
            place = f"resource_spans[{r}].scope_spans[{s}].spans"
            problems += _remove_bad(scope_spans.spans, _span_problem, place)
    return problems


def check_metrics(request: ExportMetricsServiceRequest) -> list[str]:
    """The same for data points. A metric without a name, or without data of a known kind, counts as at least one."""
    problems: list[str] = []
    for r, resource_metrics in enumerate(request.resource_metrics):
        for s, scope_metrics in enumerate(resource_metrics.scope_metrics):
            place = f"resource_metrics[{r}].scope_metrics[{s}].metrics"
            bad: set[int] = set()
            for m, metric in enumerate(scope_metrics.metrics):
                kind = metric.WhichOneof("data")
                if metric.name and kind:
                    points = f"{place}[{m}].{kind}.data_points"
                    problems += _remove_bad(data_points(metric), _data_point_problem, points)
                else:
                    field = "data" if metric.name else "name"
                    problems += [f"{place}[{m}].{field}: must be set"] * max(1, len(data_points(metric)))
                    bad.add(m)
            _remove(scope_metrics.metrics, bad)
    return problems


def check_logs(request: ExportLogsServiceRequest) -> list[str]:
    """The same for log records.

    A record may lack its times, and its ids may be malformed: the data model then takes it as of an unknown time and of
    no trace. One that says nothing is refused, and so is one that is a span or a metric in truth.
    """
    problems: list[str] = []
    for r, resource_logs in enumerate(request.resource_logs):
        for s, scope_logs in enumerate(resource_logs.scope_logs):
            place = f"resource_logs[{r}].scope_logs[{s}].log_records"
            problems += _remove_bad(scope_logs.log_records, _log_record_problem, place)
    return problems


def _remove_bad(items: Any, problem_of: Callable[[Any], str | None], place: str) -> list[str]:
    found = {n: why for n, item in enumerate(items) if (why := problem_of(item))}
    _remove(items, found)
    return [f"{place}[{n}].{why}" for n, why in found.items()]


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


def data_points(metric: Metric) -> Any:
    """The repeated field of `metric` that holds its data points, whatever their kind; empty without any."""
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def spans_of(request: Any, project: str = DEFAULT_PROJECT) -> list[Span]:
    """Every span of a checked request as a Span of `project`, its LLM facts read by the semantic conventions.

    The request is an ExportTraceServiceRequest or what `parse_raw_traces` gives; of the latter an attribute that cannot
    be read raises Rejected. Records that only tell that another span has begun are left out: that span follows when it
    has ended.
    """
    spans = []
    read = attributes_of if isinstance(request, ExportTraceServiceRequest) else _read_raw
    for resource_spans in request.resource_spans:
        resource = attributes_of(resource_spans.resource.attributes)
        service = str(resource.get("service.name", ""))
        for scope_spans in resource_spans.scope_spans:
            scope, scope_version = scope_spans.scope.name, scope_spans.scope.version
            for message in scope_spans.spans:
                # Protobuf makes a field's value anew each time that it is read.
                parent, start, status = message.parent_span_id, message.start_time_unix_nano, message.status
                events, links = message.events, message.links
                span = Span(
                    project=project,
                    trace_id=message.trace_id,
                    span_id=message.span_id,
                    parent_span_id=parent if any(parent) else None,
                    trace_state=message.trace_state,
                    name=message.name,
                    kind=message.kind,
                    start_time_ns=start,
                    duration_ns=max(0, message.end_time_unix_nano - start),
                    status=_STATUS.get(status.code, Status.UNSET),
                    status_message=status.message,
                    service=service,
                    scope=scope,
                    scope_version=scope_version,
                    attributes=read(message.attributes),
                    resource_attributes=resource,
                    events=[_event(event) for event in events] if events else [],
                    links=[_link(link) for link in links] if links else [],
                )
                if not is_pending(span):
                    apply_conventions(span)
                    spans.append(span)
    count_nested_once(spans)
    return spans


def _event(event: trace_pb2.Span.Event) -> dict[str, JSON]:
    return {
        "name": event.name,
        "time_unix_nano": event.time_unix_nano,
        "attributes": attributes_of(event.attributes),
    }


def _link(link: trace_pb2.Span.Link) -> dict[str, JSON]:
    return {
        "trace_id": link.trace_id.hex(),
        "span_id": link.span_id.hex(),
        "trace_state": link.trace_state,
        "attributes": attributes_of(link.attributes),
    }


def attributes_of(attributes: Iterable[KeyValue]) -> dict[str, JSON]:
    """OTLP attributes as a dict of JSON values."""
    found: dict[str, JSON] = {}
    for attribute in attributes:
        value = attribute.value
        # Most are text, and to ask which kind a value is takes longer than to read it.
        found[attribute.key] = value.string_value or plain(value)
    return found


def plain(value: AnyValue) -> JSON:
    """An OTLP value as JSON can hold it. Bytes become {"bytesValue": base64}, non-finite doubles their names."""
    read = _READ.get(value.WhichOneof("value"))
    return read(value) if read else None


_read_raw = RawAttributes(plain)


def _plain_double(value: AnyValue) -> JSON:
    number = value.double_value
    return number if math.isfinite(number) else str(number)


_READ: dict[str | None, Callable[[AnyValue], JSON]] = {
    "string_value": lambda value: value.string_value,
    "int_value": lambda value: value.int_value,
    "double_value": _plain_double,
    "bool_value": lambda value: value.bool_value,
    "array_value": lambda value: [plain(item) for item in value.array_value.values],
    "kvlist_value": lambda value: attributes_of(value.kvlist_value.values),
    "bytes_value": lambda value: {"bytesValue": base64.b64encode(value.bytes_value).decode()},
}


def key_values(mapping: Mapping[str, JSON]) -> list[KeyValue]:
    """A dict as OTLP attributes; entries whose value is None are left out."""
    return [KeyValue(**fields) for fields in key_value_fields(mapping)]


def key_value_fields(mapping: Mapping[str, JSON], levels: int = _LEVELS) -> list[dict[str, Any]]:
    """`key_values` as the keyword arguments of KeyValue, which a message that holds attributes takes as they are.

    It costs less than half of what the messages cost.
    """
    return [
        # Most are text, for which a call more would take as long as the rest.
        {"key": key, "value": {"string_value": value} if type(value) is str else any_value_fields(value, levels)}
        for key, value in mapping.items()
        if value is not None
    ]


def any_value(value: JSON) -> AnyValue:
    """A JSON value as OTLP holds it. An integer beyond 64 bits becomes its decimal text; what is nested in more lists
    and objects than readers of protobuf follow becomes JSON text."""
    return AnyValue(**any_value_fields(value))


def any_value_fields(value: JSON, levels: int = _LEVELS) -> dict[str, Any]:
    """`any_value` as the keyword arguments of AnyValue. `levels` of nesting may follow."""
    if isinstance(value, str):
        return {"string_value": value}
    if isinstance(value, bool):
        return {"bool_value": value}
    if isinstance(value, int):
        return {"int_value": value} if _INT64_MIN <= value <= _INT64_MAX else {"string_value": str(value)}
    if isinstance(value, float):
        return {"double_value": value}
    if isinstance(value, bytes):
        return {"bytes_value": value}
    if not levels and isinstance(value, (list, tuple, Mapping)):
        return {"string_value": _json_text(value)}
    if isinstance(value, (list, tuple)):
        return {"array_value": {"values": [any_value_fields(item, levels - 1) for item in value]}}
    if isinstance(value, Mapping):
        return {"kvlist_value": {"values": key_value_fields(value, levels - 1)}}
    return {}


def _json_text(value: JSON) -> str:
    try:
        return orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:
        return "[nested too deep]"
