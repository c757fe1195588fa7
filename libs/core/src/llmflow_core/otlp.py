"""OTLP trace requests: parsing, checking, and the way between them and spans. Pure: no I/O, no clock.

Follows the OpenTelemetry protocol specification 1.x (protobuf and its JSON mapping, whose ids are hexadecimal).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from llmflow_core.conventions import apply_conventions
from llmflow_core.errors import Rejected
from llmflow_core.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from llmflow_core.spans import DEFAULT_PROJECT, JSON, Span, Status

_STATUS = {
    trace_pb2.Status.STATUS_CODE_UNSET: Status.UNSET,
    trace_pb2.Status.STATUS_CODE_OK: Status.OK,
    trace_pb2.Status.STATUS_CODE_ERROR: Status.ERROR,
}
_ID_FIELDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def parse_traces(body: bytes) -> ExportTraceServiceRequest:
    """Decode a protobuf request. Raises Rejected when the bytes are not one."""
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise Rejected("not a protobuf ExportTraceServiceRequest", field="body") from None


def parse_traces_json(body: bytes) -> ExportTraceServiceRequest:
    """Decode an OTLP/JSON request; unknown fields are ignored, as the specification asks.

    Raises Rejected that names the place which is wrong.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Rejected(f"not JSON: {error}", field="body") from None
    if not isinstance(document, dict):
        raise Rejected("must be a JSON object", field="body")
    _ids_to_base64(document)
    try:
        return json_format.ParseDict(document, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (json_format.ParseError, RecursionError) as error:
        raise Rejected(str(error), field="body") from None


def _ids_to_base64(document: dict[str, Any]) -> None:
    """Protobuf's JSON mapping writes bytes in base64, OTLP's writes ids in hexadecimal: translate in place."""
    for r, resource_spans in _objects(document, "resourceSpans", "resource_spans"):
        for s, scope_spans in _objects(resource_spans, "scopeSpans", "scope_spans"):
            for n, span in _objects(scope_spans, "spans", "spans"):
                place = f"resourceSpans[{r}].scopeSpans[{s}].spans[{n}]"
                _translate_ids(span, place)
                for k, link in _objects(span, "links", "links"):
                    _translate_ids(link, f"{place}.links[{k}]")


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


def check_request(request: ExportTraceServiceRequest) -> list[str]:
    """Remove the spans that OTLP does not allow, in place; return one line per removed span that says what is wrong."""
    problems: list[str] = []
    for r, resource_spans in enumerate(request.resource_spans):
        for s, scope_spans in enumerate(resource_spans.scope_spans):
            found = {n: why for n, span in enumerate(scope_spans.spans) if (why := _problem(span))}
            if found:
                problems += [f"resource_spans[{r}].scope_spans[{s}].spans[{n}].{why}" for n, why in found.items()]
                for n in reversed(found):
                    del scope_spans.spans[n]
    return problems


def _problem(span: trace_pb2.Span) -> str | None:
    if len(span.trace_id) != TRACE_ID_BYTES or not any(span.trace_id):
        return "trace_id: must be 16 bytes, not all zero"
    if len(span.span_id) != SPAN_ID_BYTES or not any(span.span_id):
        return "span_id: must be 8 bytes, not all zero"
    if len(span.parent_span_id) not in (0, SPAN_ID_BYTES):
        return "parent_span_id: must be empty or 8 bytes"
    if not span.start_time_unix_nano:
        return "start_time_unix_nano: must be set"
    return None


def spans_of(request: ExportTraceServiceRequest, project: str = DEFAULT_PROJECT) -> list[Span]:
    """Every span of a checked request as a Span of `project`, its LLM facts read by the semantic conventions."""
    spans = []
    for resource_spans in request.resource_spans:
        resource = attributes_of(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            scope = scope_spans.scope
            for message in scope_spans.spans:
                parent = message.parent_span_id
                span = Span(
                    project=project,
                    trace_id=message.trace_id,
                    span_id=message.span_id,
                    parent_span_id=parent if any(parent) else None,
                    trace_state=message.trace_state,
                    name=message.name,
                    kind=message.kind,
                    start_time_ns=message.start_time_unix_nano,
                    duration_ns=max(0, message.end_time_unix_nano - message.start_time_unix_nano),
                    status=_STATUS.get(message.status.code, Status.UNSET),
                    status_message=message.status.message,
                    service=str(resource.get("service.name", "")),
                    scope=scope.name,
                    scope_version=scope.version,
                    attributes=attributes_of(message.attributes),
                    resource_attributes=resource,
                    events=[_event(event) for event in message.events],
                    links=[_link(link) for link in message.links],
                )
                apply_conventions(span)
                spans.append(span)
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
    return {attribute.key: plain(attribute.value) for attribute in attributes}


def plain(value: AnyValue) -> JSON:
    """An OTLP value as JSON can hold it. Bytes become {"bytesValue": base64}, non-finite doubles their names."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "double_value":
            number = value.double_value
            return number if math.isfinite(number) else str(number)
        case "bool_value":
            return value.bool_value
        case "array_value":
            return [plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return attributes_of(value.kvlist_value.values)
        case "bytes_value":
            return {"bytesValue": base64.b64encode(value.bytes_value).decode()}
        case _:
            return None


def key_values(mapping: Mapping[str, JSON]) -> list[KeyValue]:
    """A dict as OTLP attributes; entries whose value is None are left out."""
    return [KeyValue(**fields) for fields in key_value_fields(mapping)]


def key_value_fields(mapping: Mapping[str, JSON]) -> list[dict[str, Any]]:
    """`key_values` as the keyword arguments of KeyValue, which a message that holds attributes takes as they are.

    It costs less than half of what the messages cost.
    """
    return [{"key": key, "value": _any_value_fields(value)} for key, value in mapping.items() if value is not None]


def any_value(value: JSON) -> AnyValue:
    """A JSON value as OTLP holds it. An integer beyond 64 bits becomes its decimal text."""
    return AnyValue(**_any_value_fields(value))


def _any_value_fields(value: JSON) -> dict[str, Any]:
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
    if isinstance(value, (list, tuple)):
        return {"array_value": {"values": [_any_value_fields(item) for item in value]}}
    if isinstance(value, Mapping):
        return {"kvlist_value": {"values": key_value_fields(value)}}
    return {}
