"""`python -m llmflow_ingest` as it is run: by itself, and under gunicorn with several workers."""

from __future__ import annotations

import asyncio
import signal
import socket

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from llmflow_testkit.otlp_requests import otlp_request, spans_in
from llmflow_testkit.ports import free_port
from llmflow_testkit.running_ingest import records_of
from llmflow_testkit.service_process import service_process, wait_ready


def _export_over_grpc(target: str, number: int) -> None:
    with grpc.insecure_channel(target) as channel:  # a connection each, so that several workers get some
        call = channel.unary_unary(
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export", bytes, ExportTraceServiceResponse.FromString
        )
        call(otlp_request([number]).SerializeToString(), timeout=60)


@pytest.mark.parametrize("workers", [0, 2])
async def test_serves_both_transports_and_stops_cleanly(embedded_url: str, workers: int) -> None:
    http_port, grpc_port, zipkin_port = free_port(), free_port(), free_port()
    with service_process(
        "llmflow_ingest",
        LLMFLOW_BUS_URL=embedded_url,
        LLMFLOW_HOST="127.0.0.1",
        LLMFLOW_INGEST_HTTP_PORT=http_port,
        LLMFLOW_INGEST_GRPC_PORT=grpc_port,
        LLMFLOW_INGEST_ZIPKIN_PORT=zipkin_port,
        LLMFLOW_WORKERS=workers,
    ) as process:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{http_port}") as client:
            await wait_ready(process, str(client.base_url))
            for number in range(1, 11):
                response = await client.post(
                    "/v1/traces",
                    content=otlp_request([number]).SerializeToString(),
                    headers={"content-type": "application/x-protobuf"},
                )
                assert response.status_code == 200
            span = {"traceId": "1", "id": "21", "timestamp": 1_700_000_000_000_000}
            response = await client.post(f"http://127.0.0.1:{zipkin_port}/api/v2/spans", json=[span])
            assert (response.status_code, response.content) == (202, b"")
        for number in range(11, 21):
            await asyncio.to_thread(_export_over_grpc, f"127.0.0.1:{grpc_port}", number)
        process.send_signal(signal.SIGTERM)
        # uvicorn shuts down in order and then lets the signal end the process; gunicorn exits with 0.
        assert await asyncio.to_thread(process.wait, 60) == (0 if workers else -signal.SIGTERM)
    stored = spans_in(*(record.value for record in await records_of(embedded_url, "otlp_spans")))
    assert sorted(int.from_bytes(span.span_id) for span in stored) == [*range(1, 21), 0x21]


async def test_a_taken_port_is_named(embedded_url: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with service_process(
            "llmflow_ingest",
            LLMFLOW_BUS_URL=embedded_url,
            LLMFLOW_HOST="127.0.0.1",
            LLMFLOW_INGEST_HTTP_PORT=free_port(),
            LLMFLOW_INGEST_ZIPKIN_PORT=port,
            LLMFLOW_WORKERS=0,
        ) as process:
            said = await asyncio.to_thread(process.said)
            assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}".encode() in said


async def test_wrong_settings_stop_it_at_once() -> None:
    with service_process("llmflow_ingest", LLMFLOW_INGEST_HTTP_PORT="http", LLMFLOW_INGEST_MAX_BODY=0) as process:
        said = await asyncio.to_thread(process.said)
        assert process.returncode == 1
    for name in (b"LLMFLOW_INGEST_HTTP_PORT: ", b"LLMFLOW_INGEST_MAX_BODY: "):
        assert name in said
