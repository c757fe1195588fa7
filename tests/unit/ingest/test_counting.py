"""Requests of next to nothing but messages are refused before they are decoded; what clients send is not."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status

from llmflow_ingest.signals import LOGS, METRICS, TRACES, Signal
from llmflow_testkit.ingest_in_memory import IngestInMemory
from llmflow_testkit.otlp_requests import logs_request, metrics_request, otlp_request
from llmflow_testkit.otlp_strategies import otlp_json

PROTOBUF, JSON = {"content-type": "application/x-protobuf"}, {"content-type": "application/json"}
MANY = 150_000
#: The fields in which messages nest, from a request down.
SPANS = ["resource_spans", "scope_spans", "spans"]
POINTS = ["resource_metrics", "scope_metrics", "metrics"]
RECORDS = ["resource_logs", "scope_logs", "log_records"]
KINDS = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]
NESTS: list[tuple[Signal, list[str]]] = [
    *((TRACES, SPANS[:depth]) for depth in (1, 2, 3)),
    *((TRACES, [*SPANS, field]) for field in ("events", "links")),
    *((METRICS, POINTS[:depth]) for depth in (1, 2, 3)),
    *((METRICS, [*POINTS, kind, "data_points"]) for kind in KINDS),
    *((LOGS, RECORDS[:depth]) for depth in (1, 2, 3)),
]
#: More than 256 KB each.
USUAL: dict[Signal, Message] = {
    TRACES: otlp_request(range(1, 3000)),
    METRICS: metrics_request(range(9000)),
    LOGS: logs_request(range(1, 4000)),
}


@pytest.mark.parametrize(("signal", "path"), NESTS, ids=[".".join(path[-2:]) for _, path in NESTS])
async def test_many_empty_messages_are_refused(signal: Signal, path: list[str]) -> None:
    message: Any = USUAL[signal].DESCRIPTOR
    tags = []
    for name in path:
        field = message.fields_by_name[name]
        message = field.message_type
        tags.append(field.number << 3 | 2)
    body = bytes([tags.pop(), 0]) * MANY
    while tags:
        body = bytes([tags.pop()]) + _varint(len(body)) + body
    response, published = await IngestInMemory().post(f"/v1/{signal.name}", body, PROTOBUF)
    status = Status.FromString(response.content)
    assert (response.status_code, status.code, published) == (413, code_pb2.RESOURCE_EXHAUSTED, [])
    assert "each must take 12 on average" in status.message


def _varint(number: int) -> bytes:
    return bytes([number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14])


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics", "/v1/logs", "/api/v2/spans"])
@pytest.mark.parametrize("nothing", [b"{}", b"[]"], ids=["objects", "lists"])
async def test_many_empty_objects_are_refused(path: str, nothing: bytes) -> None:
    response, published = await IngestInMemory().post(path, b"[" + (nothing + b",") * MANY + nothing + b"]", JSON)
    assert (response.status_code, published) == (413, [])


@pytest.mark.parametrize("signal", USUAL, ids=[signal.name for signal in USUAL])
async def test_many_small_items_are_taken(signal: Signal) -> None:
    body = USUAL[signal].SerializeToString()
    assert len(body) > 256 << 10
    response, published = await IngestInMemory().post(f"/v1/{signal.name}", body, PROTOBUF)
    assert (response.status_code, response.content) == (200, b"")
    assert published == [(signal.topic, body)]


@pytest.mark.parametrize(
    "request_",
    [otlp_request(range(1, 400)), otlp_request([1], content='[{"\\\\": {"a": {}}}' * 10_000)],
    ids=["spans", "text"],
)
async def test_many_small_objects_are_taken(request_: Message) -> None:
    body = otlp_json(request_)
    assert len(body) > 64 << 10
    response, published = await IngestInMemory().post("/v1/traces", body, JSON)
    assert (response.status_code, response.content, len(published)) == (200, b"{}", 1)
