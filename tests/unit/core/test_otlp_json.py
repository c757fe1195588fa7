"""OTLP/JSON: what cannot be read is refused by its place, and what is beside it is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmflow_core import otlp
from llmflow_core.errors import Rejected
from llmflow_core.otlp_checks import check_logs, check_metrics, check_traces, data_points
from llmflow_core.otlp_json import parse_logs_json, parse_metrics_json, parse_traces_json

TRACE_ID = "5b8efff798038103d269b633813fc60c"
SPAN_ID = "eee19b7ec3c1b174"
SPANS = "resource_spans[0].scope_spans[0].spans"
METRICS = "resource_metrics[0].scope_metrics[0].metrics"


def _span(**changes: object) -> dict[str, object]:
    return {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "call", "startTimeUnixNano": "7", **changes}


def _traces(*resources: object) -> tuple[list[str], list[str]]:
    """The names of the spans that are kept, and what is said of the others."""
    request, unreadable = parse_traces_json(json.dumps({"resourceSpans": resources}).encode())
    problems = check_traces(request, unreadable)
    # What the log gets must be readable again.
    return [span.name for span in otlp.spans_of(otlp.parse_traces(request.SerializeToString()))], problems


def _spans(*spans: object) -> tuple[list[str], list[str]]:
    return _traces({"scopeSpans": [{"spans": spans}]})


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (_span(traceId="xyz"), ".trace_id: must be hexadecimal"),
        (_span(spanId=17), ".span_id: must be hexadecimal"),
        (_span(parentSpanId="none"), ".parent_span_id: must be hexadecimal"),
        (_span(links=[{"traceId": TRACE_ID}, {"span_id": "x"}]), ".links[1].span_id: must be hexadecimal"),
        (_span(traceId="0102"), ".trace_id: must be 16 bytes, not all zero"),
        (_span(startTimeUnixNano="noon"), "startTimeUnixNano"),
        (_span(kind=[3]), "kind"),
        (_span(attributes={"a": 1}), "attributes"),
        (_span(attributes=[{"key": "a", "value": {"intValue": "one"}}]), "intValue"),
        (None, ": must be an object"),
        ([], ": must be an object"),
    ],
)
def test_a_bad_span_is_refused_alone_and_the_field_is_named(bad: object, problem: str) -> None:
    names, problems = _spans(_span(name="before"), bad, _span(name="after"), _span(name="late", startTimeUnixNano=0))
    assert names == ["before", "after"]
    first, second = problems
    assert first.startswith(f"{SPANS}[1]")
    assert problem in first
    assert second == f"{SPANS}[3].start_time_unix_nano: must be set"


def test_a_resource_or_scope_that_cannot_be_read_takes_its_own_spans_only() -> None:
    good = {"scopeSpans": [{"scope": {"name": "s"}, "spans": [_span(name="good")]}]}
    wrong_resource = {"resource": {"attributes": 1}, "scopeSpans": [{"spans": [_span(), _span()]}]}
    wrong_scope = {"scope_spans": [{"scope": 1, "spans": [_span()]}, {"spans": [_span(name="beside")]}]}
    names, problems = _traces(wrong_resource, good, wrong_scope, "nothing", {"scopeSpans": {}}, {"scopeSpans": [1]})
    assert names == ["good", "beside"]
    assert [line.partition(":")[0] for line in problems] == [
        "resource_spans[0]",
        "resource_spans[0]",
        "resource_spans[2].scope_spans[0]",
        "resource_spans[3]",
        "resource_spans[4].scope_spans",
        "resource_spans[5].scope_spans[0]",
    ]


def test_what_the_json_of_otlp_allows_is_read() -> None:
    span = {
        "trace_id": TRACE_ID.upper(),
        "spanId": SPAN_ID,
        "parentSpanId": None,
        "name": "call",
        "kind": 3,
        "startTimeUnixNano": 1_700_000_000_000_000_001,
        "endTimeUnixNano": "1700000000000000002",
        "attributes": [{"key": "raw", "value": {"bytesValue": "AQI="}}],
        "aFieldOfTomorrow": {"a": 1},
    }
    scopes = [{"scope": None, "spans": [span]}, {"spans": None}]
    body = {"resource_spans": [{"resource": None, "scopeSpans": scopes}]}
    request, unreadable = parse_traces_json(json.dumps(body).encode())
    assert not unreadable
    [found] = otlp.spans_of(request)
    assert (found.trace_id.hex(), found.start_time_ns, found.duration_ns) == (TRACE_ID, 1_700_000_000_000_000_001, 1)
    assert found.attributes == {"raw": {"bytesValue": "AQI="}}


@pytest.mark.parametrize("levels", [31, 32, 33])
def test_a_span_too_deep_to_be_read_again_is_refused_alone(levels: int) -> None:
    value: dict[str, object] = {"stringValue": "core"}
    for _ in range(levels):
        value = {"kvlistValue": {"values": [{"key": "in", "value": value}]}}
    names, problems = _spans(_span(name="deep", attributes=[{"key": "a", "value": value}]), _span(name="flat"))
    assert names == (["flat"] if problems else ["deep", "flat"])
    assert bool(problems) is (levels > 31)


def test_a_bad_data_point_or_metric_is_refused_alone_and_counts_as_its_data_points() -> None:
    def gauge(name: object, *points: object) -> dict[str, object]:
        return {"name": name, "gauge": {"dataPoints": points}}

    good = {"timeUnixNano": "7", "asInt": "1", "exemplars": [{"traceId": TRACE_ID, "spanId": SPAN_ID}]}
    metrics: list[Any] = [
        gauge("a", good, {"timeUnixNano": "x"}, good, {**good, "exemplars": [{"spanId": "x"}]}, {}),
        gauge(["b"], good, good, good),
        {"name": "c", "sum": {"dataPoints": 1}},
        {"name": "d", "gauge": {}, "sum": {}},
        {"name": "e", "summary": {"data_points": [{"timeUnixNano": 1, "count": 2}]}},
    ]
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}).encode()
    request, unreadable = parse_metrics_json(body)
    problems = check_metrics(request, unreadable)
    assert [line.partition(": ")[0] for line in problems] == [
        f"{METRICS}[0].gauge.data_points[1]",
        f"{METRICS}[0].gauge.data_points[3].exemplars[0].span_id",
        f"{METRICS}[0].gauge.data_points[4].time_unix_nano",
        f"{METRICS}[1]",
        f"{METRICS}[1]",
        f"{METRICS}[1]",
        f"{METRICS}[2].sum.data_points",
        f"{METRICS}[3]",
    ]
    kept = otlp.parse_metrics(request.SerializeToString()).resource_metrics[0].scope_metrics[0].metrics
    assert [(metric.name, len(data_points(metric))) for metric in kept] == [("a", 2), ("e", 1)]


def test_a_log_record_with_odd_ids_is_of_no_trace_and_a_bad_one_is_refused_alone() -> None:
    records = [
        {"timeUnixNano": "7", "traceId": "odd", "spanId": 5},
        {"timeUnixNano": "x"},
        {"timeUnixNano": "8", "traceId": TRACE_ID, "spanId": SPAN_ID},
    ]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    request, unreadable = parse_logs_json(body)
    [problem] = check_logs(request, unreadable)
    assert problem.startswith("resource_logs[0].scope_logs[0].log_records[1]: Failed to parse timeUnixNano")
    kept = request.resource_logs[0].scope_logs[0].log_records
    assert [(r.time_unix_nano, r.trace_id.hex(), r.span_id.hex()) for r in kept] == [
        (7, "", ""),
        (8, TRACE_ID, SPAN_ID),
    ]


@pytest.mark.parametrize(
    ("parse", "sent"),
    [
        (parse_traces_json, "resourceLogs"),
        (parse_metrics_json, "resourceSpans"),
        (parse_logs_json, "resourceMetrics"),
    ],
)
def test_json_of_another_signal_is_refused(parse: Any, sent: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse(json.dumps({sent: []}).encode())
    assert caught.value.field == sent


@pytest.mark.parametrize("parse", [parse_traces_json, parse_metrics_json, parse_logs_json])
@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b'{"resourceSpans": 3}'])
def test_json_that_is_no_request_is_rejected(parse: Any, body: bytes) -> None:
    with pytest.raises(Rejected):
        parse(body)


def test_what_is_wrong_is_not_repeated_in_full() -> None:
    _, [problem] = _spans(_span(attributes="x" * 10_000))
    assert len(problem) < 1_000
