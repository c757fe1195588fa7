"""Whatever bytes come: a clean answer, no crash, no neighbour lost."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from llmflow_bus import Bus, Message
from llmflow_ingest.app import create_app
from llmflow_ingest.settings import IngestSettings
from llmflow_testkit.otlp_requests import otlp_request, spans_in

VALID = otlp_request(range(1, 6)).SerializeToString()
RECORD_BYTES = 700  # some of the requests below have to be split


class _MemoryLog:
    """A log that keeps values in a list: the part of the bus that the receiver uses."""

    max_message_bytes = RECORD_BYTES

    def __init__(self) -> None:
        self.values: list[bytes] = []

    async def producer(self) -> _MemoryLog:
        return self

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        assert all(len(message.value) <= RECORD_BYTES for message in messages)
        self.values += [message.value for message in messages]

    async def healthy(self) -> bool:
        return True

    async def close(self) -> None:
        pass


class _Ingest:
    def __init__(self, client: TestClient[Any], log: _MemoryLog) -> None:
        self._client = client
        self._log = log

    def post(self, body: bytes, media_type: str) -> tuple[httpx.Response, list[bytes]]:
        self._log.values.clear()
        response = self._client.post("/v1/traces", content=body, headers={"content-type": media_type})
        return response, list(self._log.values)


@pytest.fixture(scope="module")
def ingest() -> Iterator[_Ingest]:
    log = _MemoryLog()
    app = create_app(IngestSettings(ingest_grpc_port=0), bus=cast(Bus, log))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield _Ingest(client, log)


fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    body = bytearray(VALID)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 8)))
        body[start:end] = draw(st.binary(max_size=8))
    return bytes(body)


def _check_protobuf(ingest: _Ingest, body: bytes) -> None:
    response, values = ingest.post(body, "application/x-protobuf")
    if response.status_code == 400:
        assert Status.FromString(response.content).message
        assert values == []
        return
    assert response.status_code == 200
    rejected = ExportTraceServiceResponse.FromString(response.content).partial_success.rejected_spans
    kept = spans_in(*values)
    assert rejected + len(kept) == len(spans_in(body))
    assert all(len(span.trace_id) == 16 and len(span.span_id) == 8 for span in kept)
    if kept and not rejected and len(body) <= RECORD_BYTES:
        assert values == [body]


@given(body=_mutated())
@fuzz
def test_mutated_protobuf(ingest: _Ingest, body: bytes) -> None:
    _check_protobuf(ingest, body)


@given(body=st.binary(max_size=300))
@fuzz
def test_noise_as_protobuf(ingest: _Ingest, body: bytes) -> None:
    _check_protobuf(ingest, body)


def _valid_json() -> dict[str, Any]:
    document: dict[str, Any] = MessageToDict(otlp_request(range(1, 4)))
    for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in ("traceId", "spanId"):
            span[name] = base64.b64decode(span[name]).hex()
    return document


_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def _mutated_json(draw: st.DrawFn) -> bytes:
    document = _valid_json()
    places: list[tuple[Any, Any]] = []
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            places.append((node, key))
            if isinstance(child, dict | list):
                waiting.append(child)
    node, key = draw(st.sampled_from(places))
    node[key] = draw(_json_values)
    return json.dumps(document).encode()


@given(body=_mutated_json() | st.binary(max_size=50) | st.text(max_size=50).map(str.encode))
@fuzz
def test_mutated_json(ingest: _Ingest, body: bytes) -> None:
    response, values = ingest.post(body, "application/json")
    assert response.status_code in (200, 400)
    if response.status_code == 400:
        assert response.json()["message"]
        assert values == []
    else:
        rejected = int(response.json().get("partialSuccess", {}).get("rejectedSpans", 0))
        assert rejected + len(spans_in(*values)) <= 3


def test_valid_json_is_taken_whole(ingest: _Ingest) -> None:
    response, values = ingest.post(json.dumps(_valid_json()).encode(), "application/json")
    assert (response.status_code, response.content) == (200, b"{}")
    assert spans_in(*values) == spans_in(otlp_request(range(1, 4)).SerializeToString())


@given(valid=st.lists(st.booleans(), max_size=12), how=st.sampled_from(["trace_id", "span_id", "start_time_unix_nano"]))
@fuzz
def test_neighbours_of_invalid_spans_are_kept(ingest: _Ingest, valid: list[bool], how: str) -> None:
    request = otlp_request(range(1, len(valid) + 1))
    good = spans_in(request.SerializeToString())
    for span, is_valid in zip(request.resource_spans[0].scope_spans[0].spans, valid, strict=True):
        if not is_valid:
            span.ClearField(how)  # type: ignore[arg-type]
    response, values = ingest.post(request.SerializeToString(), "application/x-protobuf")
    partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    assert partial.rejected_spans == valid.count(False)
    assert spans_in(*values) == [span for span, is_valid in zip(good, valid, strict=True) if is_valid]
