"""OTLP/gRPC over a real channel."""

from __future__ import annotations

import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from llmflow_bus import open_bus, topics
from llmflow_core.errors import ConfigError
from llmflow_ingest.access import Access
from llmflow_ingest.limits import InFlight, Limits
from llmflow_ingest.log import Log
from llmflow_ingest.receiver import Receiver
from llmflow_ingest.rpc import start_server
from llmflow_ingest.signals import LOGS, METRICS, Signal
from llmflow_testkit.otlp_requests import logs_request, metrics_request, otlp_request, spans_in
from llmflow_testkit.running_ingest import RunningIngest, records_of, start_ingest

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@asynccontextmanager
async def _channel(ingest: RunningIngest) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(ingest.grpc, options=[("grpc.max_receive_message_length", -1)]) as channel:
        yield channel


async def _export(
    channel: grpc.aio.Channel,
    body: bytes,
    metadata: tuple[tuple[str, str], ...] = (),
    compression: grpc.Compression | None = None,
) -> ExportTraceServiceResponse:
    call = channel.unary_unary(METHOD, bytes, ExportTraceServiceResponse.FromString)
    answer: ExportTraceServiceResponse = await call(body, metadata=metadata, compression=compression, timeout=60)
    return answer


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_accepted_bytes_are_in_the_log_unchanged(
    ingest: RunningIngest, compression: grpc.Compression | None
) -> None:
    body = otlp_request([1, 2]).SerializeToString() + b"\xba\x3e\x03new"
    async with _channel(ingest) as channel:
        answer = await _export(channel, body, (("x-llmflow-project", "team-a"),), compression)
    assert answer == ExportTraceServiceResponse()
    (record,) = await ingest.records()
    assert record.value == body
    assert record.headers == {topics.PROJECT_HEADER: "team-a"}


async def test_every_signal_has_its_service_and_topic(ingest: RunningIngest) -> None:
    requests: dict[Signal, Message] = {METRICS: metrics_request([1, 2]), LOGS: logs_request([1, 2])}
    async with _channel(ingest) as channel:
        for signal, request in requests.items():
            body = request.SerializeToString()
            call = channel.unary_unary(f"/{signal.service}/Export", bytes, bytes)
            assert await call(body, timeout=60) == b""
            (record,) = await records_of(ingest.bus_url, signal.topic)
            assert record.value == body


async def test_partial_success(ingest: RunningIngest) -> None:
    request = otlp_request([1, 2])
    request.resource_spans[0].scope_spans[0].spans[0].span_id = b""
    async with _channel(ingest) as channel:
        answer = await _export(channel, request.SerializeToString())
    assert answer.partial_success.rejected_spans == 1
    assert "spans[0].span_id" in answer.partial_success.error_message
    assert [int.from_bytes(span.span_id) for span in spans_in((await ingest.records())[0].value)] == [2]


@pytest.mark.parametrize(
    ("body", "metadata", "said"),
    [
        (b"\xff\xff", (), "ExportTraceServiceRequest"),
        (b"", (("x-llmflow-project", "No Such"),), "x-llmflow-project"),
    ],
)
async def test_invalid_argument(
    ingest: RunningIngest, body: bytes, metadata: tuple[tuple[str, str], ...], said: str
) -> None:
    async with _channel(ingest) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _export(channel, body, metadata)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert said in (caught.value.details() or "")


async def test_log_away_is_unavailable_and_says_when_to_retry(tmp_path: Path) -> None:
    in_the_way = tmp_path / "log"
    in_the_way.touch()
    body = otlp_request([1]).SerializeToString()
    async with start_ingest(f"embedded://{in_the_way}") as ingest, _channel(ingest) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _export(channel, body)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        trailing: Any = caught.value.trailing_metadata()
        status = Status.FromString(dict(trailing)["grpc-status-details-bin"])
        info = RetryInfo()
        assert status.details[0].Unpack(info)
        assert info.retry_delay.ToNanoseconds() > 0

        in_the_way.unlink()
        await _export(channel, body)
        assert [record.value for record in await ingest.records()] == [body]


async def test_limit_as_sent_and_decompressed(embedded_url: str) -> None:
    async with start_ingest(embedded_url, ingest_max_body=50_000) as ingest, _channel(ingest) as channel:
        beyond = otlp_request([1], content="x" * 60_000).SerializeToString()
        assert len(gzip.compress(beyond)) < 5_000
        for compression in (None, grpc.Compression.Gzip):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _export(channel, beyond, compression=compression)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await ingest.records() == []


async def test_taken_port_is_named(embedded_url: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        receiver = Receiver(Log(open_bus(embedded_url)))
        limits = Limits(max_body=1000, body_timeout=1, in_flight=InFlight(2000))
        with pytest.raises(ConfigError, match=f"LLMFLOW_INGEST_GRPC_PORT: cannot listen on 127.0.0.1:{port}"):
            await start_server(receiver, Access(), limits, host="127.0.0.1", port=port, shared=False)
