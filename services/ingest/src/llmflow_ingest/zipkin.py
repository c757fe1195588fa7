"""Zipkin's v2 JSON as an OTLP request.

The reverse of OpenTelemetry's mapping to Zipkin (specification/trace/sdk_exporters/zipkin.md), so that spans of an
OpenTelemetry SDK that went through a Zipkin exporter come back as they were, as far as Zipkin's model carries them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from llmflow_core.errors import Rejected
from llmflow_core.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from llmflow_core.otlp import key_values
from llmflow_ingest.counting import check_json

_KINDS = {
    "CLIENT": Span.SPAN_KIND_CLIENT,
    "SERVER": Span.SPAN_KIND_SERVER,
    "PRODUCER": Span.SPAN_KIND_PRODUCER,
    "CONSUMER": Span.SPAN_KIND_CONSUMER,
    None: Span.SPAN_KIND_INTERNAL,
}
_NS_PER_US = 1000
#: The largest time that OTLP's nanoseconds hold, in microseconds.
_MAX_US = (2**64 - 1) // _NS_PER_US // 2

_Microseconds: TypeAlias = Annotated[int, Field(ge=0, le=_MAX_US)]
_SpanId: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{1,16}$")]
_TraceId: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{1,32}$")]
_Place: TypeAlias = tuple[str, str, str]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _Endpoint(_Model):
    service_name: str | None = None
    ipv4: str | None = None
    ipv6: str | None = None
    port: int | None = Field(None, ge=0, le=65535)


class _Annotation(_Model):
    timestamp: _Microseconds
    value: str


class _ZipkinSpan(_Model):
    trace_id: _TraceId
    id: _SpanId
    parent_id: _SpanId | None = None
    name: str | None = None
    kind: Literal["CLIENT", "SERVER", "PRODUCER", "CONSUMER"] | None = None
    timestamp: _Microseconds | None = None
    duration: _Microseconds | None = None
    local_endpoint: _Endpoint | None = None
    remote_endpoint: _Endpoint | None = None
    annotations: Sequence[_Annotation] | None = None
    # Zipkin's are texts; some clients send numbers, which are welcome.
    tags: dict[str, str | bool | int | float] | None = None
    debug: bool | None = None
    shared: bool | None = None

    @property
    def service(self) -> str:
        return (self.local_endpoint.service_name if self.local_endpoint else None) or ""


def request_of(body: bytes) -> tuple[ExportTraceServiceRequest, list[str]]:
    """The spans of a JSON list as a request, and one line for each that is left out, which names the wrong field.

    A server's span that shares its id with the client's becomes a child of that one, with an id of its own, and takes
    along those of its children that are in the same list. Raises Rejected when the body is no list, TooLarge when it
    holds too much for its size.
    """
    check_json(body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Rejected(f"not JSON: {error}", field="body") from None
    if not isinstance(document, list):
        raise Rejected("must be a JSON list of spans", field="body")
    spans, problems = [], []
    for number, entry in enumerate(document):
        try:
            spans.append(_ZipkinSpan.model_validate(entry))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = "".join(f".{part}" for part in first["loc"])
            problems.append(f"[{number}]{place}: {first['msg']}")
    return _request(spans), problems


def _request(spans: Iterable[_ZipkinSpan]) -> ExportTraceServiceRequest:
    spans = list(spans)
    shared = {(span.trace_id, span.id, span.service) for span in spans if span.shared}
    request = ExportTraceServiceRequest()
    scopes: dict[_Place, Any] = {}
    for span in spans:
        tags: dict[str, Any] = dict(span.tags or {})
        name = _take(tags, "otel.scope.name", "otel.library.name")
        version = _take(tags, "otel.scope.version", "otel.library.version")
        place = (span.service, name, version)
        if place not in scopes:
            resource = request.resource_spans.add()
            if span.service:
                resource.resource.attributes.extend(key_values({"service.name": span.service}))
            scopes[place] = resource.scope_spans.add()
            scopes[place].scope.name, scopes[place].scope.version = name, version
        scopes[place].spans.append(_span(span, tags, shared))
    return request


def _take(tags: dict[str, Any], *names: str) -> str:
    found = [str(tags.pop(name)) for name in names if name in tags]
    return found[0] if found else ""


def _span(span: _ZipkinSpan, tags: dict[str, Any], shared: set[_Place]) -> Span:
    span_id, parent_id = _bytes(span.id, SPAN_ID_BYTES), _bytes(span.parent_id or "", SPAN_ID_BYTES)
    if span.shared:
        span_id, parent_id = _own_id(span.trace_id, span.id), span_id
    elif (span.trace_id, span.parent_id, span.service) in shared:
        parent_id = _own_id(span.trace_id, span.parent_id or "")
    events = [_event(annotation) for annotation in span.annotations or ()]
    start = (span.timestamp or 0) * _NS_PER_US or min((event.time_unix_nano for event in events), default=0)
    return Span(
        trace_id=_bytes(span.trace_id, TRACE_ID_BYTES),
        span_id=span_id,
        parent_span_id=parent_id if any(parent_id) else b"",
        name=span.name or "",
        kind=_KINDS[span.kind],
        start_time_unix_nano=start,
        end_time_unix_nano=start + (span.duration or 0) * _NS_PER_US,
        status=_status(tags),
        dropped_attributes_count=_count(tags, "otel.dropped_attributes_count"),
        dropped_events_count=_count(tags, "otel.dropped_events_count"),
        dropped_links_count=_count(tags, "otel.dropped_links_count"),
        attributes=key_values(_endpoints(span) | tags),
        events=events,
    )


def _bytes(hexadecimal: str, length: int) -> bytes:
    return int(hexadecimal or "0", 16).to_bytes(length)


def _own_id(trace_id: str, span_id: str) -> bytes:
    """The id of the server's half of a shared span: the same for the same span, whichever request brings it."""
    return hashlib.sha256(f"{trace_id}:{span_id}:server".lower().encode()).digest()[:SPAN_ID_BYTES]


def _status(tags: dict[str, Any]) -> Status:
    code = tags.pop("otel.status_code", None)
    error = tags.pop("error", None)
    if code == "ERROR" or (code is None and error is not None and str(error).lower() != "false"):
        description = "" if error is None or str(error).lower() == "true" else str(error)
        return Status(code=Status.STATUS_CODE_ERROR, message=description)
    return Status(code=Status.STATUS_CODE_OK if code == "OK" else Status.STATUS_CODE_UNSET)


def _count(tags: dict[str, Any], name: str) -> int:
    try:
        return min(max(0, int(tags.pop(name, 0))), 2**32 - 1)
    except ValueError:
        return 0


def _endpoints(span: _ZipkinSpan) -> dict[str, Any]:
    local, remote = span.local_endpoint or _Endpoint(), span.remote_endpoint or _Endpoint()
    return {
        "network.local.address": local.ipv4 or local.ipv6,
        "network.local.port": local.port or None,
        "peer.service": remote.service_name or None,
        "network.peer.address": remote.ipv4 or remote.ipv6,
        "network.peer.port": remote.port or None,
    }


def _event(annotation: _Annotation) -> Span.Event:
    name, attributes = _name_and_attributes(annotation.value)
    return Span.Event(time_unix_nano=annotation.timestamp * _NS_PER_US, name=name, attributes=key_values(attributes))


def _name_and_attributes(value: str) -> tuple[str, dict[str, Any]]:
    """What an annotation `"name": {"key": "value"}` says, which is how OpenTelemetry's events are written."""
    if value.startswith('"') and value.endswith("}"):
        try:
            ((name, attributes),) = orjson.loads(f"{{{value}}}").items()
        except ValueError:
            return value, {}
        if isinstance(attributes, dict):
            return name, attributes
    return value, {}
