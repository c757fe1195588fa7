"""More than the receiver holds at a time, and bodies that do not arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import httpx
import pytest
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from llmflow_ingest.signals import TRACES
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually
from llmflow_testkit.running_ingest import RunningIngest, start_ingest

PROTOBUF = {"content-type": "application/x-protobuf"}
METHOD = f"/{TRACES.service}/Export"
MAX_BODY = 50_000
BODY = otlp_request([1], content="x" * 30_000).SerializeToString()


@asynccontextmanager
async def _half_sent(ingest: RunningIngest, size: int) -> AsyncIterator[asyncio.StreamReader]:
    """A request of which `size` bytes arrive and one does not; what is answered to it."""
    host, port = ingest.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
    writer.write(f"{head}content-length: {size + 1}\r\n\r\n".encode() + bytes(size))
    try:
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def _held(ingest: RunningIngest) -> int:
    async with httpx.AsyncClient() as client:
        lines = (await client.get(f"{ingest.url}/metrics")).text.splitlines()
    (value,) = (line.split()[1] for line in lines if line.startswith("llmflow_ingest_in_flight_bytes "))
    return int(float(value))


async def _post(ingest: RunningIngest) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{ingest.url}/v1/traces", content=BODY, headers=PROTOBUF)


async def _export(ingest: RunningIngest) -> bytes:
    async with grpc.aio.insecure_channel(ingest.grpc) as channel:
        answer: bytes = await channel.unary_unary(METHOD, bytes, bytes)(BODY, timeout=60)
        return answer


async def test_beyond_the_limit_of_all_requests_clients_are_told_to_come_again(embedded_url: str) -> None:
    async with (
        start_ingest(embedded_url, ingest_max_body=MAX_BODY, ingest_max_in_flight=2 * MAX_BODY) as ingest,
        _half_sent(ingest, 40_000),
        _half_sent(ingest, 40_000),
    ):

        async def both_held() -> bool:
            return await _held(ingest) == 80_000

        await eventually(both_held, within=30)

        refused = await _post(ingest)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert Status.FromString(refused.content).code == code_pb2.UNAVAILABLE

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _export(ingest)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        trailing: Any = caught.value.trailing_metadata()
        status = Status.FromString(dict(trailing)["grpc-status-details-bin"])
        info = RetryInfo()
        assert status.details[0].Unpack(info)
        assert info.retry_delay.ToNanoseconds() > 0
        assert await ingest.records() == []


async def test_what_a_request_held_is_given_back(embedded_url: str) -> None:
    async with start_ingest(embedded_url, ingest_max_body=MAX_BODY, ingest_max_in_flight=2 * MAX_BODY) as ingest:
        for _ in range(4):
            assert (await _post(ingest)).status_code == 200
            assert await _export(ingest) == b""
            async with _half_sent(ingest, 40_000):
                pass

        async def nothing_held() -> bool:
            return await _held(ingest) == 0

        await eventually(nothing_held, within=30)
        assert len(await ingest.records()) == 8


async def test_a_body_that_does_not_arrive_ends_its_request_and_connection(embedded_url: str) -> None:
    async with start_ingest(embedded_url, ingest_body_timeout=0.2) as ingest:
        async with _half_sent(ingest, 100) as reader:
            answer = await asyncio.wait_for(reader.read(), 60)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert await _held(ingest) == 0

        async def never() -> AsyncIterator[bytes]:
            await asyncio.Event().wait()
            yield b""

        async with grpc.aio.insecure_channel(ingest.grpc) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.stream_unary(METHOD, bytes, bytes)(never(), timeout=60)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "did not arrive within 0.2 s" in (caught.value.details() or "")
