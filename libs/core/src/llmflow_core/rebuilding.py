"""Stored spans as the OTLP request that they came in: the way back from `llmflow_core.otlp.spans_of`. Pure.

The ids, parents, names, kinds, times, status, attributes, events, links, scope and resource are those that came. What
is not stored cannot be rebuilt: flags, dropped counts, schema URLs and the attributes of scopes. An attribute that came
twice comes once; a double that is no number is text, and one from 10^16 on an integer. A failure that was stated in the
attributes of a convention is the status as well.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from llmflow_core.otlp import any_value_fields
from llmflow_core.spans import JSON, Span, Status

_STATUS = {
    Status.UNSET: trace_pb2.Status.STATUS_CODE_UNSET,
    Status.OK: trace_pb2.Status.STATUS_CODE_OK,
    Status.ERROR: trace_pb2.Status.STATUS_CODE_ERROR,
}
_EVENT = "event:"


def request_of(spans: Iterable[Span]) -> ExportTraceServiceRequest:
    """`spans`, which have their content, as a request: in order, by resource and scope."""
    request = ExportTraceServiceRequest()
    resources: dict[bytes, trace_pb2.ResourceSpans] = {}
    scopes: dict[tuple[bytes, str, str], trace_pb2.ScopeSpans] = {}
    for span in spans:
        resource = orjson.dumps(span.resource_attributes, option=orjson.OPT_SORT_KEYS)
        if resource not in resources:
            resources[resource] = request.resource_spans.add(
                resource=Resource(attributes=_attributes(span.resource_attributes))
            )
        scope = (resource, span.scope, span.scope_version)
        if scope not in scopes:
            scopes[scope] = resources[resource].scope_spans.add(
                scope=InstrumentationScope(name=span.scope, version=span.scope_version)
            )
        scopes[scope].spans.append(_message(span))
    return request


def _message(span: Span) -> trace_pb2.Span:
    said = {name: value for name, value in span.content.items() if not _is_event(name, value)}
    return trace_pb2.Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id or b"",
        trace_state=span.trace_state,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.ValueType(span.kind),
        start_time_unix_nano=span.start_time_ns,
        end_time_unix_nano=span.end_time_ns,
        status=_status(span),
        attributes=_attributes({**span.attributes, **said}),
        events=[
            trace_pb2.Span.Event(
                name=event["name"],
                time_unix_nano=event["time_unix_nano"],
                attributes=_attributes(event.get("attributes", {})),
            )
            for event in _events(span)
        ],
        links=[
            trace_pb2.Span.Link(
                trace_id=bytes.fromhex(link["trace_id"]),
                span_id=bytes.fromhex(link["span_id"]),
                trace_state=link.get("trace_state", ""),
                attributes=_attributes(link.get("attributes", {})),
            )
            for link in span.links
        ],
    )


def _status(span: Span) -> trace_pb2.Status | None:
    if span.status == Status.UNSET and not span.status_message:
        return None
    return trace_pb2.Status(code=_STATUS[Status(span.status)], message=span.status_message)


def _events(span: Span) -> list[dict[str, JSON]]:
    """The span's events, those that were taken for content back at their numbers."""
    events = list(span.events)
    numbered = {int(name.removeprefix(_EVENT)): event for name, event in span.content.items() if _is_event(name, event)}
    for number in sorted(numbered):
        events.insert(number, numbered[number])
    return events


def _is_event(name: str, value: JSON) -> bool:
    return name.startswith(_EVENT) and isinstance(value, dict) and "time_unix_nano" in value


def _attributes(mapping: Mapping[str, JSON]) -> list[Any]:
    return [{"key": name, "value": _value(value)} for name, value in mapping.items()]


def _value(value: JSON) -> dict[str, Any]:
    """`value` as AnyValue's keyword arguments: bytes where `llmflow_core.otlp.plain` had to write them in JSON."""
    match value:
        case {"bytesValue": str(encoded)} if len(value) == 1:
            try:
                return {"bytes_value": base64.b64decode(encoded, validate=True)}
            except binascii.Error:
                return {"kvlist_value": {"values": _attributes(value)}}
        case dict():
            return {"kvlist_value": {"values": _attributes(value)}}
        case list():
            return {"array_value": {"values": [_value(item) for item in value]}}
        case _:
            return any_value_fields(value)
