"""OTLP requests in protobuf, and the way between them and spans. Pure: no I/O."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import orjson
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from llmflow_core.conventions import apply_conventions, count_nested_once, is_pending
from llmflow_core.errors import Rejected
from llmflow_core.raw_traces import RawAttributes
from llmflow_core.spans import DEFAULT_PROJECT, JSON, Span, Status

_STATUS = {
    trace_pb2.Status.STATUS_CODE_UNSET: Status.UNSET,
    trace_pb2.Status.STATUS_CODE_OK: Status.OK,
    trace_pb2.Status.STATUS_CODE_ERROR: Status.ERROR,
}
#: Readers of protobuf give up beyond a hundred messages in one another, of which each object in a value takes three;
#: they would refuse the whole request, whatever else is in it.
_LEVELS = 24
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1

RequestT = TypeVar("RequestT", bound=Message)


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
