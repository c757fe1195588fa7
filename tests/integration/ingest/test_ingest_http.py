"""OTLP/HTTP over a real connection: what is answered, and what the log holds afterwards."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import zstandard
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from llmflow_bus import topics
from llmflow_core.otlp import attributes_of
from llmflow_ingest.signals import LOGS, METRICS, TRACES, Signal
from llmflow_ingest.trimming import TRUNCATED
from llmflow_testkit.otlp_requests import TRACE_ID, logs_request, metrics_request, otlp_request, spans_in
from llmflow_testkit.running_ingest import RunningIngest, records_of, start_ingest

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
REQUESTS: dict[Signal, Message] = {
    TRACES: otlp_request([1]),
    METRICS: metrics_request([1]),
    LOGS: logs_request([1]),
}


async def _post(
    ingest: RunningIngest, body: bytes, headers: dict[str, str] = PROTOBUF, path: str = "/v1/traces"
) -> httpx.Response:
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(ingest.url + path, content=body, headers=headers)


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [(None, bytes), ("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)],
)
async def test_accepted_bytes_are_in_the_log_unchanged(
    ingest: RunningIngest, encoding: str | None, compress: Callable[[bytes], bytes]
) -> None:
    # A field that this version does not know must survive, which it does only when nothing is encoded again.
    body = otlp_request([1, 2]).SerializeToString() + b"\xba\x3e\x03new"
    headers = PROTOBUF | ({"content-encoding": encoding} if encoding else {})
    response = await _post(ingest, compress(body), headers)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-protobuf"
    assert response.content == b""
    (record,) = await ingest.records()
    assert record.value == body
    assert record.headers == {topics.PROJECT_HEADER: "default"}


@pytest.mark.parametrize("prefix", ["/otel", "/api/public/otel", "/api/v1/private/otel"])
async def test_aliases(ingest: RunningIngest, prefix: str) -> None:
    for signal, request in REQUESTS.items():
        response = await _post(ingest, request.SerializeToString(), path=f"{prefix}/v1/{signal.name}")
        assert response.status_code == 200
        assert len(await records_of(ingest.bus_url, signal.topic)) == 1


async def test_json(ingest: RunningIngest) -> None:
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "I'm a server span",
        "startTimeUnixNano": "1544712660000000000",
        "kind": 2,
        "attributes": [{"key": "my.span.attr", "value": {"intValue": "7"}}],
        "unknownField": [1],
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    response = await _post(ingest, body, JSON | {"x-llmflow-project": "team-a"})
    assert (response.status_code, response.content) == (200, b"{}")
    assert response.headers["content-type"] == "application/json"
    (record,) = await ingest.records()
    (stored,) = spans_in(record.value)
    assert stored.span_id.hex() == "eee19b7ec3c1b174"
    assert attributes_of(stored.attributes) == {"my.span.attr": 7}
    assert record.headers == {topics.PROJECT_HEADER: "team-a"}


async def test_partial_success_names_the_rejected_and_keeps_their_neighbours(ingest: RunningIngest) -> None:
    request = otlp_request([1, 2, 3])
    request.resource_spans[0].scope_spans[0].spans[1].trace_id = b"short"
    for headers in (PROTOBUF, JSON):
        if headers is JSON:
            bad = {"traceId": "xyz", "spanId": f"{5:016x}", "startTimeUnixNano": "1"}
            good = bad | {"traceId": TRACE_ID.hex(), "spanId": f"{4:016x}"}
            body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [bad, good]}]}]}).encode()
        else:
            body = request.SerializeToString()
        response = await _post(ingest, body, headers)
        assert response.status_code == 200
        if headers is JSON:
            partial = response.json()["partialSuccess"]
            assert partial["rejectedSpans"] == "1"
            assert "spans[0].trace_id: must be hexadecimal" in partial["errorMessage"]
        else:
            answer = ExportTraceServiceResponse.FromString(response.content)
            assert answer.partial_success.rejected_spans == 1
            assert "spans[1].trace_id" in answer.partial_success.error_message
    stored = spans_in(*(record.value for record in await ingest.records()))
    assert [int.from_bytes(span.span_id) for span in stored] == [1, 3, 4]


async def test_many_rejected_spans_get_a_short_answer(ingest: RunningIngest) -> None:
    request = otlp_request(range(1, 1001))
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.span_id = b""
    answer = ExportTraceServiceResponse.FromString((await _post(ingest, request.SerializeToString())).content)
    assert answer.partial_success.rejected_spans == 1000
    assert answer.partial_success.error_message.endswith("and 990 more")
    assert await ingest.records() == []


async def test_zipkin(ingest: RunningIngest) -> None:
    good = {"traceId": "5af7183fb1d4cf5f", "id": "2", "timestamp": 1_700_000_000_000_000, "name": "get"}
    headers = JSON | {"content-encoding": "gzip", "x-llmflow-project": "team-a"}
    response = await _post(ingest, gzip.compress(json.dumps([good]).encode()), headers, "/api/v2/spans")
    assert (response.status_code, response.content) == (202, b"")
    (record,) = await ingest.records()
    assert record.headers == {topics.PROJECT_HEADER: "team-a"}

    wrong = [good, good | {"duration": "long"}, {"traceId": "1", "id": "3"}]
    response = await _post(ingest, json.dumps(wrong).encode(), JSON, "/api/v2/spans")
    assert response.status_code == 400
    assert "[1].duration" in response.json()["message"]
    assert "start_time_unix_nano" in response.json()["message"]
    assert len(await ingest.records()) == 2  # the good one was kept all the same
    assert (await _post(ingest, b"[]", PROTOBUF, "/api/v2/spans")).status_code == 415


async def test_empty_request_is_fine(ingest: RunningIngest) -> None:
    assert (await _post(ingest, b"")).status_code == 200
    assert (await _post(ingest, b'{"resourceSpans":[]}', JSON)).status_code == 200
    assert await ingest.records() == []


async def test_bad_request_has_a_status_in_the_request_s_encoding(ingest: RunningIngest) -> None:
    response = await _post(ingest, b"\xff\xff\xff")
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/x-protobuf"
    status = Status.FromString(response.content)
    assert (status.code, status.message) == (
        code_pb2.INVALID_ARGUMENT,
        "body: not a protobuf ExportTraceServiceRequest",
    )

    response = await _post(ingest, b'{"resourceSpans":1}', JSON)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "code": code_pb2.INVALID_ARGUMENT,
        "message": "resource_spans: must be a list",
    }


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"content-type": "text/plain"}, 415, "content-type"),
        ({}, 415, "content-type"),
        (PROTOBUF | {"content-encoding": "br"}, 415, "content-encoding"),
        (PROTOBUF | {"content-encoding": "gzip"}, 400, "not valid gzip"),
        (PROTOBUF | {"x-llmflow-project": "No Such/Project"}, 400, "x-llmflow-project"),
    ],
)
async def test_wrong_headers(ingest: RunningIngest, headers: dict[str, str], status: int, said: str) -> None:
    response = await _post(ingest, otlp_request([1]).SerializeToString(), headers)
    assert response.status_code == status
    assert said in response.text
    assert await ingest.records() == []


async def test_wrong_method_and_path(ingest: RunningIngest) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{ingest.url}/v1/traces")).status_code == 405
    response = await _post(ingest, b"", path="/v1/spans")
    assert response.status_code == 404
    assert Status.FromString(response.content).code == code_pb2.NOT_FOUND


async def test_body_limit_as_sent_and_decompressed(embedded_url: str) -> None:
    async with start_ingest(embedded_url, ingest_max_body=50_000) as ingest:
        fits = otlp_request([1], content="x" * 49_000).SerializeToString()
        beyond = otlp_request([2], content="x" * 51_000).SerializeToString()
        assert (await _post(ingest, fits)).status_code == 200

        async def chunks() -> object:
            yield beyond

        async with httpx.AsyncClient() as client:
            chunked = await client.post(f"{ingest.url}/v1/traces", content=chunks(), headers=PROTOBUF)  # type: ignore[arg-type]
        zipped = await _post(ingest, gzip.compress(beyond), PROTOBUF | {"content-encoding": "gzip"})
        for response in (await _post(ingest, beyond), chunked, zipped):
            assert response.status_code == 413
            assert Status.FromString(response.content).code == code_pb2.RESOURCE_EXHAUSTED
        assert [record.value for record in await ingest.records()] == [fits]


async def test_request_beyond_a_record_is_split_and_a_span_beyond_it_trimmed(tmp_path: Path) -> None:
    async with start_ingest(f"embedded://{tmp_path}/log?max_message_bytes=20000") as ingest:
        request = otlp_request(range(1, 101), content="x" * 1000)
        request.resource_spans[0].scope_spans[0].spans.extend(
            otlp_request([101], content="y" * 90_000).resource_spans[0].scope_spans[0].spans
        )
        response = await _post(ingest, request.SerializeToString())
        assert (response.status_code, response.content) == (200, b"")
        records = await ingest.records()
    assert len(records) > 1
    assert all(len(record.value) <= 20_000 for record in records)
    stored = spans_in(*(record.value for record in records))
    assert sorted(int.from_bytes(span.span_id) for span in stored) == list(range(1, 102))
    trimmed = [span for span in stored if TRUNCATED in attributes_of(span.attributes)]
    assert [int.from_bytes(span.span_id) for span in trimmed] == [101]
    assert len(str(attributes_of(trimmed[0].attributes)["input.value"])) > 19_000


async def test_log_away_is_503_until_it_is_back(tmp_path: Path) -> None:
    in_the_way = tmp_path / "log"
    in_the_way.touch()  # a file where the log's folder should be
    body = otlp_request([1]).SerializeToString()
    async with start_ingest(f"embedded://{in_the_way}") as ingest, httpx.AsyncClient() as client:
        response = await _post(ingest, body)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert Status.FromString(response.content).code == code_pb2.UNAVAILABLE
        assert (await client.get(f"{ingest.url}/healthz")).status_code == 200
        assert (await client.get(f"{ingest.url}/readyz")).status_code == 503

        in_the_way.unlink()
        assert (await _post(ingest, body)).status_code == 200
        assert (await client.get(f"{ingest.url}/readyz")).status_code == 200
        assert [record.value for record in await ingest.records()] == [body]


async def test_log_lost_under_way_is_503_and_nothing_is_claimed(ingest: RunningIngest, tmp_path: Path) -> None:
    assert (await _post(ingest, otlp_request([1]).SerializeToString())).status_code == 200
    (tmp_path / "log").rename(tmp_path / "moved")
    assert (await _post(ingest, otlp_request([2]).SerializeToString())).status_code == 503
    (tmp_path / "moved").rename(tmp_path / "log")
    assert (await _post(ingest, otlp_request([2]).SerializeToString())).status_code == 200
    stored = spans_in(*(record.value for record in await ingest.records()))
    assert [int.from_bytes(span.span_id) for span in stored] == [1, 2]


async def test_browser_sdks_of_allowed_origins(embedded_url: str) -> None:
    preflight = {
        "origin": "https://app.example.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-llmflow-project",
    }
    async with start_ingest(embedded_url, ingest_cors_origins="https://app.example.com") as ingest:
        async with httpx.AsyncClient() as client:
            allowed = await client.options(f"{ingest.url}/v1/traces", headers=preflight)
            other = await client.options(
                f"{ingest.url}/v1/traces", headers=preflight | {"origin": "https://evil.example.com"}
            )
        assert allowed.status_code < 300
        assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
        assert {"content-type", "x-llmflow-project"} <= {
            name.strip().lower() for name in allowed.headers["access-control-allow-headers"].split(",")
        }
        assert "access-control-allow-origin" not in other.headers
        sent = await _post(
            ingest, otlp_request([1]).SerializeToString(), PROTOBUF | {"origin": "https://app.example.com"}
        )
        assert sent.headers["access-control-allow-origin"] == "https://app.example.com"
        refused = await _post(ingest, b"\xff", PROTOBUF | {"origin": "https://app.example.com"})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, "https://app.example.com")


async def test_concurrent_requests_all_land(ingest: RunningIngest) -> None:
    bodies = [otlp_request([number]).SerializeToString() for number in range(1, 101)]
    async with httpx.AsyncClient() as client:
        responses = await asyncio.gather(
            *(client.post(f"{ingest.url}/v1/traces", content=body, headers=PROTOBUF) for body in bodies)
        )
    assert {response.status_code for response in responses} == {200}
    assert sorted(record.value for record in await ingest.records()) == sorted(bodies)


async def test_metrics_count(ingest: RunningIngest) -> None:
    await _post(ingest, otlp_request([1]).SerializeToString())
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{ingest.url}/metrics")).text
    assert 'llmflow_ingest_items_total{outcome="accepted",signal="traces"}' in text
    assert 'llmflow_ingest_requests_total{answer="200",transport="http"}' in text
