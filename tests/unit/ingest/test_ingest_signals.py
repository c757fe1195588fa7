"""Each signal at its URL, at another's, and what is said of its invalid items."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from llmflow_ingest.signals import LOGS, METRICS, TRACES, Signal
from llmflow_testkit.ingest_in_memory import IngestInMemory
from llmflow_testkit.otlp_requests import logs_request, metrics_request, otlp_request
from llmflow_testkit.otlp_strategies import otlp_json

PROTOBUF, JSON = {"content-type": "application/x-protobuf"}, {"content-type": "application/json"}
REQUESTS: dict[Signal, Message] = {
    TRACES: otlp_request([1]),
    METRICS: metrics_request([1]),
    LOGS: logs_request([1]),
}
NAMES = [signal.name for signal in REQUESTS]


@pytest.mark.parametrize("sent", REQUESTS, ids=NAMES)
@pytest.mark.parametrize("url_of", REQUESTS, ids=NAMES)
@pytest.mark.parametrize("headers", [PROTOBUF, JSON], ids=["protobuf", "json"])
async def test_each_signal_has_its_url(sent: Signal, url_of: Signal, headers: dict[str, str]) -> None:
    request = REQUESTS[sent]
    body = request.SerializeToString() if headers is PROTOBUF else otlp_json(request)
    response, published = await IngestInMemory().post(f"/v1/{url_of.name}", body, headers)
    if sent is url_of:
        assert (response.status_code, response.content) == (200, b"" if headers is PROTOBUF else b"{}")
        [(topic, value)] = published
        assert (topic, sent.parse(value)) == (sent.topic, request)
        return
    assert published == []
    if response.status_code == 200:
        partial = url_of.answer.FromString(response.content).partial_success
        assert getattr(partial, url_of.rejected) == 1
    else:
        assert response.status_code == 400


async def test_rejected_data_points_are_counted_and_named() -> None:
    metrics = metrics_request([1, 2, 3])
    metrics.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[1].time_unix_nano = 0
    response, _ = await IngestInMemory().post("/v1/metrics", otlp_json(metrics), JSON)
    partial = response.json()["partialSuccess"]
    assert partial["rejectedDataPoints"] == "1"
    assert "metrics[0].gauge.data_points[1].time_unix_nano" in partial["errorMessage"]


async def test_rejected_log_records_are_counted_and_named() -> None:
    logs = logs_request([1, 2, 3])
    logs.resource_logs[0].scope_logs[0].log_records[1].Clear()
    response, _ = await IngestInMemory().post("/v1/logs", otlp_json(logs), JSON)
    partial = response.json()["partialSuccess"]
    assert partial["rejectedLogRecords"] == "1"
    assert "log_records[1].body" in partial["errorMessage"]
