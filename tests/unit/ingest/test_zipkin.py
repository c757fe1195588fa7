"""Zipkin's v2 spans as OTLP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from llmflow_core.errors import Rejected
from llmflow_core.otlp import attributes_of, spans_of
from llmflow_core.otlp_checks import check_traces
from llmflow_ingest.zipkin import request_of

ERROR = Status.STATUS_CODE_ERROR
#: The example of Zipkin's API description.
EXAMPLE: dict[str, Any] = {
    "id": "352bff9a74ca9ad2",
    "traceId": "5af7183fb1d4cf5f",
    "parentId": "6b221d5bc9e6496c",
    "name": "get /api",
    "timestamp": 1556604172355737,
    "duration": 1431,
    "kind": "SERVER",
    "localEndpoint": {"serviceName": "backend", "ipv4": "192.168.99.1", "port": 3306},
    "remoteEndpoint": {"serviceName": "frontend", "ipv4": "172.19.0.2", "port": 58648},
    "tags": {"http.method": "GET", "http.path": "/api"},
}


def _translated(*spans: dict[str, Any]) -> list[Span]:
    request, problems = request_of(json.dumps(spans).encode())
    assert problems == []
    assert check_traces(request) == []
    return [span for r in request.resource_spans for s in r.scope_spans for span in s.spans]


def _span(**changes: Any) -> dict[str, Any]:
    return {"traceId": "1", "id": "2", "timestamp": 10, **changes}


def test_every_field_has_its_place() -> None:
    request, problems = request_of(json.dumps([EXAMPLE]).encode())
    assert problems == []
    (resource,) = request.resource_spans
    assert attributes_of(resource.resource.attributes) == {"service.name": "backend"}
    (span,) = resource.scope_spans[0].spans
    assert span.trace_id.hex() == "00000000000000005af7183fb1d4cf5f"
    assert (span.span_id.hex(), span.parent_span_id.hex()) == ("352bff9a74ca9ad2", "6b221d5bc9e6496c")
    assert (span.name, span.kind) == ("get /api", Span.SPAN_KIND_SERVER)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1556604172355737000, 1556604172357168000)
    assert attributes_of(span.attributes) == {
        "http.method": "GET",
        "http.path": "/api",
        "network.local.address": "192.168.99.1",
        "network.local.port": 3306,
        "peer.service": "frontend",
        "network.peer.address": "172.19.0.2",
        "network.peer.port": 58648,
    }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("CLIENT", Span.SPAN_KIND_CLIENT),
        ("SERVER", Span.SPAN_KIND_SERVER),
        ("PRODUCER", Span.SPAN_KIND_PRODUCER),
        ("CONSUMER", Span.SPAN_KIND_CONSUMER),
        (None, Span.SPAN_KIND_INTERNAL),
    ],
)
def test_kinds(kind: str | None, expected: int) -> None:
    assert _translated(_span(kind=kind))[0].kind == expected


@pytest.mark.parametrize(
    ("tags", "status", "left"),
    [
        ({}, Status(), {}),
        ({"otel.status_code": "OK"}, Status(code=Status.STATUS_CODE_OK), {}),
        ({"otel.status_code": "ERROR", "error": "timeout"}, Status(code=ERROR, message="timeout"), {}),
        ({"error": ""}, Status(code=ERROR), {}),
        ({"error": "true", "a": "b"}, Status(code=ERROR), {"a": "b"}),
        ({"error": "false"}, Status(), {}),
    ],
)
def test_status(tags: dict[str, str], status: Status, left: dict[str, str]) -> None:
    (span,) = _translated(_span(tags=tags))
    assert span.status == status
    assert attributes_of(span.attributes) == left


def test_tags_of_opentelemetry_s_exporters_go_back_to_their_fields() -> None:
    scope_tags = {"otel.scope.name": "openai", "otel.scope.version": "2"}
    tags = {**scope_tags, "otel.dropped_attributes_count": "3", "peer.service": "x"}
    request, _ = request_of(json.dumps([_span(tags=tags, remoteEndpoint={"serviceName": "y"})]).encode())
    (scope,) = request.resource_spans[0].scope_spans
    assert (scope.scope.name, scope.scope.version) == ("openai", "2")
    assert scope.spans[0].dropped_attributes_count == 3
    assert attributes_of(scope.spans[0].attributes) == {"peer.service": "x"}


def test_annotations_are_events_and_opentelemetry_s_have_attributes() -> None:
    values = ["cache miss", '"choice": {"index": 1, "text": "hi"}', '"half": {']
    (span,) = _translated(_span(annotations=[{"timestamp": n, "value": value} for n, value in enumerate(values, 1)]))
    assert [(event.time_unix_nano, event.name, attributes_of(event.attributes)) for event in span.events] == [
        (1000, "cache miss", {}),
        (2000, "choice", {"index": 1, "text": "hi"}),
        (3000, '"half": {', {}),
    ]


def test_a_span_without_a_timestamp_begins_with_its_first_annotation() -> None:
    (span,) = _translated(
        {"traceId": "1", "id": "2", "annotations": [{"timestamp": 7, "value": "a"}, {"timestamp": 5, "value": "b"}]}
    )
    assert span.start_time_unix_nano == 5000


def test_the_server_s_half_of_a_shared_span_is_the_client_s_child() -> None:
    client = _span(kind="CLIENT", localEndpoint={"serviceName": "app"})
    server = _span(kind="SERVER", shared=True, timestamp=11, localEndpoint={"serviceName": "api"})
    below = _span(id="3", parentId="2", localEndpoint={"serviceName": "api"})
    beside = _span(id="4", parentId="2", localEndpoint={"serviceName": "app"})
    client_span, server_span = _translated(client, server)
    own_id = server_span.span_id
    assert server_span.parent_span_id == client_span.span_id == bytes(7) + b"\2" != own_id
    by_id = {span.span_id: span for span in _translated(server, below, beside)}
    assert own_id in by_id  # the same from another request
    assert by_id[bytes(7) + b"\3"].parent_span_id == own_id
    assert by_id[bytes(7) + b"\4"].parent_span_id == bytes(7) + b"\2"


def test_llm_tags_are_understood() -> None:
    tags = {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": "12", "gen_ai.usage.output_tokens": "3"}
    request, _ = request_of(json.dumps([_span(kind="CLIENT", tags=tags)]).encode())
    (span,) = spans_of(request)
    assert (span.model, span.input_tokens, span.output_tokens) == ("gpt-4o", 12, 3)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"traceId": "xyz"}, "traceId"),
        ({"traceId": None}, "traceId"),
        ({"id": "1" * 17}, "id"),
        ({"kind": "WORKER"}, "kind"),
        ({"timestamp": -1}, "timestamp"),
        ({"duration": "long"}, "duration"),
        ({"localEndpoint": {"port": 70000}}, "localEndpoint.port"),
        ({"annotations": [{"timestamp": 1}]}, "annotations.0.value"),
        ({"tags": {"a": {}}}, "tags.a"),
    ],
)
def test_a_wrong_field_is_named_and_the_other_spans_are_kept(change: dict[str, Any], field: str) -> None:
    request, [problem] = request_of(json.dumps([_span(id="7"), _span(**change), _span(id="8")]).encode())
    assert problem.startswith(f"[1].{field}")
    spans = [span for r in request.resource_spans for s in r.scope_spans for span in s.spans]
    assert [span.span_id[-1] for span in spans] == [7, 8]


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"7"])
def test_no_list(body: bytes) -> None:
    with pytest.raises(Rejected, match="body"):
        request_of(body)
