"""Raw requests mean what OTLP's own messages mean."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from llmflow_core import memo
from llmflow_core.errors import Rejected
from llmflow_core.otlp import key_values, spans_of
from llmflow_core.otlp_checks import check_traces
from llmflow_core.raw_traces import name_of, parse_raw_traces
from llmflow_testkit.otlp_requests import otlp_request


def varied_request() -> ExportTraceServiceRequest:
    request = otlp_request(range(1, 9))
    for number, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
        values = ("", "text", 1, True, 0.1, float("inf"), ["a", 1], {"nested": [None]}, b"bytes", "ü" * 300)
        span.attributes.extend(key_values({f"of.{kind}": value for kind, value in enumerate(values)}))
        span.attributes.extend(key_values({"number": number, "number.text": str(number)}))
        span.attributes.add(key="empty")
        span.events.add(name="retry", time_unix_nano=5).attributes.extend(key_values({"n": 1}))
        span.links.add(trace_id=b"t" * 16, span_id=b"s" * 8)
        span.status.code = (Status.STATUS_CODE_UNSET, Status.STATUS_CODE_OK, Status.STATUS_CODE_ERROR)[number % 3]
    return request


def test_spans_are_those_of_the_message() -> None:
    request = varied_request()
    expected = spans_of(request)
    for _ in range(2):
        assert spans_of(parse_raw_traces(request.SerializeToString())) == expected


def test_what_was_forgotten_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "_MOST", 3)
    request = varied_request()
    assert spans_of(parse_raw_traces(request.SerializeToString())) == spans_of(request)


def test_a_changed_span_leaves_others_alone() -> None:
    body = varied_request().SerializeToString()
    first, second, *_ = spans_of(parse_raw_traces(body))
    first.attributes["of.6"].append("more")
    first.attributes["of.7"]["nested"].append("more")
    assert second.attributes["of.6"] == ["a", 1]
    assert second.attributes["of.7"] == spans_of(parse_raw_traces(body))[0].attributes["of.7"]


def test_what_is_not_allowed_is_removed() -> None:
    request = varied_request()
    request.resource_spans[0].scope_spans[0].spans[3].trace_id = b"short"
    raw = parse_raw_traces(request.SerializeToString())
    assert check_traces(raw) == check_traces(request)
    assert spans_of(raw) == spans_of(request)


@pytest.mark.parametrize("attribute", [b"\xff", b"\x0a\x02\xff\xfe"], ids=["garbage", "not UTF-8"])
def test_an_attribute_that_is_none_is_rejected(attribute: bytes) -> None:
    raw = parse_raw_traces(varied_request().SerializeToString())
    raw.resource_spans[0].scope_spans[0].spans[0].attributes.append(attribute)
    with pytest.raises(Rejected):
        spans_of(parse_raw_traces(raw.SerializeToString()))


@pytest.mark.parametrize("name", ["", "user.id", "ü" * 60, "n" * 127, "n" * 128, "n" * 300])
def test_the_name_is_read_without_the_value(name: str) -> None:
    [attribute] = key_values({name: "value"})
    assert name_of(attribute.SerializeToString()) == name


@pytest.mark.parametrize("attribute", [b"\xff", b"\x0a", b"\x0a\x02\xff\xfe"], ids=["garbage", "cut", "not UTF-8"])
def test_a_name_that_is_none_is_rejected(attribute: bytes) -> None:
    with pytest.raises(Rejected):
        name_of(attribute)


def test_garbage_is_rejected() -> None:
    with pytest.raises(Rejected, match="not a protobuf ExportTraceServiceRequest"):
        parse_raw_traces(b"\xff garbage")
