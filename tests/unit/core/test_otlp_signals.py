"""Requests of metrics and logs: parsed from both encodings, and rid of what OTLP does not allow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint

from llmflow_core import otlp, otlp_checks
from llmflow_core.errors import Rejected
from llmflow_testkit.otlp_requests import logs_of_json, metrics_of_json, otlp_request

TRACE_ID = "5b8efff798038103d269b633813fc60c"
SPAN_ID = "eee19b7ec3c1b174"


def _metrics_of(*metrics: Metric) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.extend(metrics)
    return request


def _logs_of(*records: LogRecord) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.extend(records)
    return request


def _gauge(name: str, *times: int) -> Metric:
    return Metric(name=name, gauge=Gauge(data_points=[NumberDataPoint(time_unix_nano=time) for time in times]))


def test_metrics_in_json_have_hexadecimal_ids_in_exemplars() -> None:
    exemplar = {"timeUnixNano": "1", "traceId": TRACE_ID, "spanId": SPAN_ID, "asDouble": 2.5}
    metrics = [
        {"name": kind, kind: {"dataPoints": [{"timeUnixNano": "7", "exemplars": [exemplar]}]}}
        for kind in ("gauge", "sum", "histogram", "exponentialHistogram")
    ]
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [*metrics, {"name": "s", "summary": {}}]}]}]}
    request = metrics_of_json(json.dumps(body).encode())
    found = request.resource_metrics[0].scope_metrics[0].metrics
    for metric in found[:4]:
        (point,) = otlp_checks.data_points(metric)
        assert (point.exemplars[0].trace_id.hex(), point.exemplars[0].span_id.hex()) == (TRACE_ID, SPAN_ID)
    assert list(otlp_checks.data_points(found[4])) == []
    assert otlp.parse_metrics(request.SerializeToString()) == request


def test_logs_in_json_have_hexadecimal_ids() -> None:
    record = {"observedTimeUnixNano": "5", "traceId": TRACE_ID, "spanId": SPAN_ID, "body": {"stringValue": "hi"}}
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    request = logs_of_json(json.dumps(body).encode())
    (found,) = request.resource_logs[0].scope_logs[0].log_records
    assert (found.trace_id.hex(), found.span_id.hex(), found.body.string_value) == (TRACE_ID, SPAN_ID, "hi")
    assert otlp.parse_logs(request.SerializeToString()) == request


def test_bad_data_points_are_removed_and_their_neighbours_kept() -> None:
    histogram = Metric(name="h", histogram=Histogram(data_points=[HistogramDataPoint(count=1)]))
    request = _metrics_of(_gauge("a", 1, 0, 3), _gauge("", 1, 2), Metric(name="no data"), histogram, _gauge("b", 4))

    problems = otlp_checks.check_metrics(request)

    place = "resource_metrics[0].scope_metrics[0].metrics"
    assert problems == [
        f"{place}[0].gauge.data_points[1].time_unix_nano: must be set",
        f"{place}[1].name: must be set",
        f"{place}[1].name: must be set",
        f"{place}[2].data: must be set",
        f"{place}[3].histogram.data_points[0].time_unix_nano: must be set",
    ]
    kept = request.resource_metrics[0].scope_metrics[0].metrics
    assert {metric.name: [p.time_unix_nano for p in otlp_checks.data_points(metric)] for metric in kept} == {
        "a": [1, 3],
        "h": [],
        "b": [4],
    }


def test_log_records_may_lack_times_and_have_odd_ids_but_must_say_something() -> None:
    hello = AnyValue(string_value="hello")
    kept = [
        LogRecord(time_unix_nano=1),
        LogRecord(observed_time_unix_nano=1, trace_id=b"odd"),
        LogRecord(body=hello, trace_id=b"odd"),
        LogRecord(event_name="claude_code.api_request"),
    ]
    request = _logs_of(LogRecord(severity_text="INFO"), *kept)
    assert otlp_checks.check_logs(request) == [
        "resource_logs[0].scope_logs[0].log_records[0].body: "
        "a record needs a time, a body, attributes or an event name",
    ]
    assert list(request.resource_logs[0].scope_logs[0].log_records) == kept


SIGNALS: dict[str, tuple[Any, Any, bytes]] = {
    "traces": (otlp.parse_traces, otlp_checks.check_traces, otlp_request([1], name="hahaha").SerializeToString()),
    "metrics": (otlp.parse_metrics, otlp_checks.check_metrics, _metrics_of(_gauge("m", 2**20)).SerializeToString()),
    "logs": (
        otlp.parse_logs,
        otlp_checks.check_logs,
        _logs_of(LogRecord(time_unix_nano=5, body=AnyValue(string_value="a line"))).SerializeToString(),
    ),
}


@pytest.mark.parametrize("sent", SIGNALS)
@pytest.mark.parametrize("read_as", SIGNALS)
def test_one_signal_s_request_is_never_taken_for_another_s(sent: str, read_as: str) -> None:
    parse, check, _ = SIGNALS[read_as]
    try:
        request = parse(SIGNALS[sent][2])
    except Rejected:
        assert sent != read_as
    else:
        assert len(check(request)) == (0 if sent == read_as else 1)


@pytest.mark.parametrize("parse", [otlp.parse_metrics, otlp.parse_logs])
def test_noise_is_refused(parse: Any) -> None:
    with pytest.raises(Rejected, match="body"):
        parse(b"\xff")
