from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from llmflow_core import otlp
from llmflow_core.errors import Rejected
from llmflow_core.otlp_checks import Unreadable, check_traces
from llmflow_core.otlp_json import parse_traces_json
from llmflow_testkit.otlp_requests import traces_of_json

TRACE_ID = bytes(range(1, 17))
SPAN_ID = bytes(range(1, 9))


def request_of(*spans: trace_pb2.Span, **resource: Any) -> ExportTraceServiceRequest:
    scope_spans = trace_pb2.ScopeSpans(scope=InstrumentationScope(name="tests", version="1"), spans=spans)
    resource_spans = trace_pb2.ResourceSpans(
        resource=Resource(attributes=otlp.key_values(resource)), scope_spans=[scope_spans]
    )
    return ExportTraceServiceRequest(resource_spans=[resource_spans])


def span_message(**changes: Any) -> trace_pb2.Span:
    fields = {
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "name": "call",
        "kind": trace_pb2.Span.SPAN_KIND_CLIENT,
        "start_time_unix_nano": 1_700_000_000_123_456_789,
        "end_time_unix_nano": 1_700_000_001_123_456_789,
    }
    return trace_pb2.Span(**{**fields, **changes})


def test_protobuf_and_json_of_one_request_give_the_same_spans() -> None:
    link = trace_pb2.Span.Link(trace_id=TRACE_ID, span_id=SPAN_ID, attributes=otlp.key_values({"why": "retry"}))
    request = request_of(
        span_message(parent_span_id=b"\2" * 8, attributes=otlp.key_values({"n": 2**53 + 1}), links=[link]),
        **{"service.name": "app"},
    )
    document = json_format.MessageToDict(request)
    for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for holder in (span, *span["links"]):
            for name in ("traceId", "spanId", "parentSpanId"):
                if name in holder:
                    holder[name] = base64.b64decode(holder[name]).hex()

    from_protobuf = otlp.spans_of(otlp.parse_traces(request.SerializeToString()), "p")
    from_json = otlp.spans_of(traces_of_json(orjson.dumps(document)), "p")

    assert from_protobuf == from_json
    (span,) = from_protobuf
    assert (span.project, span.service, span.scope, span.scope_version) == ("p", "app", "tests", "1")
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE_ID, SPAN_ID, b"\2" * 8)
    assert (span.start_time_ns, span.duration_ns) == (1_700_000_000_123_456_789, 1_000_000_000)
    assert span.attributes == {"n": 2**53 + 1}
    assert span.links == [
        {"trace_id": TRACE_ID.hex(), "span_id": SPAN_ID.hex(), "trace_state": "", "attributes": {"why": "retry"}}
    ]


def test_protobuf_that_is_no_request_is_rejected() -> None:
    with pytest.raises(Rejected, match="body"):
        otlp.parse_traces(b"\xff\xff\xff")


def test_invalid_spans_are_removed_and_their_neighbours_kept() -> None:
    request = request_of(
        span_message(trace_id=bytes(16)),
        span_message(name="good"),
        span_message(span_id=b"short"),
        span_message(parent_span_id=b"bad"),
        span_message(start_time_unix_nano=0),
        span_message(name="also good"),
    )

    problems = check_traces(request)

    assert [span.name for span in otlp.spans_of(request)] == ["good", "also good"]
    assert problems == [
        "resource_spans[0].scope_spans[0].spans[0].trace_id: must be 16 bytes, not all zero",
        "resource_spans[0].scope_spans[0].spans[2].span_id: must be 8 bytes, not all zero",
        "resource_spans[0].scope_spans[0].spans[3].parent_span_id: must be empty or 8 bytes",
        "resource_spans[0].scope_spans[0].spans[4].start_time_unix_nano: must be set",
    ]


def test_many_invalid_spans_are_removed_in_linear_time() -> None:
    pairs = 200_000
    request = request_of()
    scope_spans = request.resource_spans[0].scope_spans[0]
    both = trace_pb2.ScopeSpans(spans=[span_message(), trace_pb2.Span()]).SerializeToString()
    scope_spans.MergeFromString(both * pairs)
    started = time.process_time()
    assert len(check_traces(request)) == pairs
    assert time.process_time() - started < 20
    assert len(scope_spans.spans) == pairs
    assert scope_spans.spans[-1] == span_message()


def test_an_end_before_the_start_is_a_duration_of_zero() -> None:
    (span,) = otlp.spans_of(request_of(span_message(end_time_unix_nano=1)))
    assert span.duration_ns == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(json_values)
def test_values_survive_the_way_to_otlp_and_back(value: Any) -> None:
    def as_stored(value: Any) -> Any:
        if isinstance(value, float) and value in (float("inf"), float("-inf")):
            return str(value)
        if isinstance(value, list):
            return [as_stored(item) for item in value]
        if isinstance(value, dict):
            return {key: as_stored(item) for key, item in value.items() if item is not None}
        return value

    assert otlp.plain(otlp.any_value(value)) == as_stored(value)


@pytest.mark.parametrize("nest", [lambda value: [value], lambda value: {"in": value}], ids=["lists", "objects"])
@pytest.mark.parametrize("levels", [24, 25, 200, 900])
def test_no_value_is_nested_too_deeply_to_be_read_again(nest: Callable[[Any], Any], levels: int) -> None:
    value: Any = "core"
    for _ in range(levels):
        value = nest(value)
    request = request_of(span_message(attributes=otlp.key_values({"deep": value, "flat": "kept"})))
    [span] = otlp.spans_of(otlp.parse_traces(request.SerializeToString()))
    assert span.attributes["flat"] == "kept"
    assert (span.attributes["deep"] == value) is (levels <= 24)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_rejected(body: bytes) -> None:
    def parse_protobuf(body: bytes) -> tuple[ExportTraceServiceRequest, Unreadable]:
        return otlp.parse_traces(body), {}

    for parse in (parse_protobuf, parse_traces_json):
        try:
            request, unreadable = parse(body)
        except Rejected:
            continue
        check_traces(request, unreadable)
        otlp.spans_of(request)
