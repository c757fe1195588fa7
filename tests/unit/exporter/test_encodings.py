"""OTLP/JSON and Zipkin's JSON, read back by LLMFlow's own receivers."""

from __future__ import annotations

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from llmflow_core.dialects.rewriting import messages_of
from llmflow_core.otlp import attributes_of, key_values
from llmflow_exporter.encodings import otlp_json, otlp_protobuf, zipkin_json
from llmflow_ingest.zipkin import request_of
from llmflow_testkit.otlp_requests import traces_of_json
from llmflow_testkit.recorded_conventions import recorded_bytes

REQUEST = ExportTraceServiceRequest(
    resource_spans=[
        ResourceSpans(
            resource=Resource(attributes=key_values({"service.name": "web", "host.name": "h"})),
            scope_spans=[
                ScopeSpans(
                    scope=InstrumentationScope(name="lib", version="1"),
                    spans=[
                        Span(
                            trace_id=b"t" * 16,
                            span_id=b"s" * 8,
                            parent_span_id=b"p" * 8,
                            name="GET /",
                            kind=Span.SPAN_KIND_CLIENT,
                            start_time_unix_nano=1_700_000_000_000_001_000,
                            end_time_unix_nano=1_700_000_000_250_001_000,
                            attributes=key_values(
                                {"a": "b", "n": 7, "ok": True, "list": ["x", 1], "peer.service": "db"}
                            ),
                            events=[
                                Span.Event(
                                    name="retry",
                                    time_unix_nano=1_700_000_000_100_000_000,
                                    attributes=key_values({"n": 1}),
                                )
                            ],
                            links=[Span.Link(trace_id=b"l" * 16, span_id=b"m" * 8)],
                            status=Status(code=Status.STATUS_CODE_ERROR, message="broken"),
                        )
                    ],
                )
            ],
        )
    ]
)


def test_otlp_json_says_the_same() -> None:
    value = REQUEST.SerializeToString()
    body = otlp_json([value, value])
    assert traces_of_json(body) == ExportTraceServiceRequest.FromString(value + value)
    span = orjson.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert (span["traceId"], span["kind"], span["links"][0]["spanId"]) == ("74" * 16, 3, "6d" * 8)
    assert span["startTimeUnixNano"] == "1700000000000001000"


@pytest.mark.parametrize("library", ["traceloop-sdk", "langfuse"])
def test_recordings_as_otlp_json(library: str) -> None:
    recorded = traces_of_json(recorded_bytes(library))
    assert traces_of_json(otlp_json([recorded.SerializeToString()])) == recorded


def test_protobuf_is_joined_and_not_read() -> None:
    assert otlp_protobuf([b"\xff", b"\xfe"]) == b"\xff\xfe"


def test_zipkin_says_what_it_has_names_for() -> None:
    body = zipkin_json([REQUEST.SerializeToString()])
    (entry,) = orjson.loads(body)
    assert entry["kind"] == "CLIENT"
    assert (entry["timestamp"], entry["duration"]) == (1_700_000_000_000_001, 250_000)
    assert entry["localEndpoint"] == {"serviceName": "web"}
    assert entry["remoteEndpoint"] == {"serviceName": "db"}
    assert entry["tags"]["list"] == '["x",1]'
    assert entry["tags"]["ok"] == "true"
    assert entry["tags"]["error"] == "broken"

    request, problems = request_of(body)
    assert problems == []
    (sent,), (read,) = messages_of(REQUEST), messages_of(request)
    for name in ("trace_id", "span_id", "parent_span_id", "name", "kind", "start_time_unix_nano", "end_time_unix_nano"):
        assert getattr(read, name) == getattr(sent, name)
    assert (read.status, list(read.events)) == (sent.status, list(sent.events))
    assert request.resource_spans[0].scope_spans[0].scope == REQUEST.resource_spans[0].scope_spans[0].scope
    assert attributes_of(read.attributes)["host.name"] == "h"


def test_zipkin_roots_are_plain() -> None:
    request = ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(scope_spans=[ScopeSpans(spans=[Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="r")])])
        ]
    )
    (entry,) = orjson.loads(zipkin_json([request.SerializeToString()]))
    assert entry == {"traceId": "74" * 16, "id": "73" * 8, "name": "r", "timestamp": 0, "duration": 1}
