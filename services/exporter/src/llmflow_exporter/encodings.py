"""Serialized `ExportTraceServiceRequest`s as the body of one request, in each of the forms that backends take."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from llmflow_core.destinations.presets import Protocol
from llmflow_core.otlp import attributes_of
from llmflow_core.spans import JSON

_IDS = ("traceId", "spanId", "parentSpanId")
_ZIPKIN_KINDS: Mapping[int, str] = {
    Span.SPAN_KIND_SERVER: "SERVER",
    Span.SPAN_KIND_CLIENT: "CLIENT",
    Span.SPAN_KIND_PRODUCER: "PRODUCER",
    Span.SPAN_KIND_CONSUMER: "CONSUMER",
}
_ZIPKIN_STATUS: Mapping[int, str] = {Status.STATUS_CODE_OK: "OK", Status.STATUS_CODE_ERROR: "ERROR"}
_NS_PER_US = 1000


def otlp_protobuf(values: Sequence[bytes]) -> bytes:
    """OTLP's protobuf. Concatenated messages merge, so nothing is parsed or encoded again."""
    return b"".join(values)


def otlp_json(values: Sequence[bytes]) -> bytes:
    """OTLP's JSON: ids in hexadecimal, enumerations as numbers."""
    request = MessageToDict(ExportTraceServiceRequest.FromString(b"".join(values)), use_integers_for_enums=True)
    for resource_spans in request.get("resourceSpans", ()):
        for scope_spans in resource_spans.get("scopeSpans", ()):
            for span in scope_spans.get("spans", ()):
                for holder in (span, *span.get("links", ())):
                    holder |= {name: base64.b64decode(holder[name]).hex() for name in _IDS if name in holder}
    return orjson.dumps(request)


def zipkin_json(values: Sequence[bytes]) -> bytes:
    """Zipkin's v2 JSON, by OpenTelemetry's mapping (specification/trace/sdk_exporters/zipkin.md); resource attributes
    become tags as well. Links have no place in it."""
    request = ExportTraceServiceRequest.FromString(b"".join(values))
    return orjson.dumps(
        [
            _zipkin_span(resource_spans.resource, scope_spans, span)
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]
    )


def _zipkin_span(resource: Resource, scope_spans: ScopeSpans, span: Span) -> dict[str, Any]:
    process = attributes_of(resource.attributes)
    attributes = attributes_of(span.attributes)
    service = process.pop("service.name", None)
    found: dict[str, Any] = {
        "traceId": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parentId": span.parent_span_id.hex() if any(span.parent_span_id) else None,
        "name": span.name,
        "kind": _ZIPKIN_KINDS.get(span.kind),
        "timestamp": span.start_time_unix_nano // _NS_PER_US,
        "duration": max(1, (span.end_time_unix_nano - span.start_time_unix_nano) // _NS_PER_US),
        "localEndpoint": {"serviceName": str(service)} if service else None,
        "remoteEndpoint": _remote(attributes) if span.kind in _CALLING else None,
        "annotations": [
            {
                "timestamp": event.time_unix_nano // _NS_PER_US,
                "value": f'"{event.name}": {orjson.dumps(attributes_of(event.attributes)).decode()}',
            }
            for event in span.events
        ],
        "tags": {name: _tag(value) for name, value in (process | attributes | _facts(scope_spans, span)).items()},
    }
    return {name: value for name, value in found.items() if value not in (None, [], {})}


_CALLING = (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER)


def _remote(attributes: Mapping[str, JSON]) -> dict[str, Any]:
    address = attributes.get("network.peer.address")
    return {
        name: value
        for name, value in {
            "serviceName": attributes.get("peer.service") or attributes.get("server.address"),
            ("ipv6" if ":" in str(address) else "ipv4"): address,
            "port": attributes.get("network.peer.port"),
        }.items()
        if value
    }


def _facts(scope_spans: ScopeSpans, span: Span) -> dict[str, JSON]:
    """What Zipkin has no field for, under the names that the mapping gives it."""
    facts: dict[str, JSON] = {
        "otel.status_code": _ZIPKIN_STATUS.get(span.status.code),
        "otel.scope.name": scope_spans.scope.name,
        "otel.scope.version": scope_spans.scope.version,
        "otel.dropped_attributes_count": span.dropped_attributes_count,
        "otel.dropped_events_count": span.dropped_events_count,
    }
    if span.status.code == Status.STATUS_CODE_ERROR:
        facts["error"] = span.status.message or "true"
    return {name: value for name, value in facts.items() if value}


def _tag(value: JSON) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


#: Content type and encoder of every protocol that is HTTP.
ENCODINGS: Mapping[Protocol, tuple[str, Callable[[Sequence[bytes]], bytes]]] = {
    "otlp-http": ("application/x-protobuf", otlp_protobuf),
    "otlp-http-json": ("application/json", otlp_json),
    "zipkin": ("application/json", zipkin_json),
}
