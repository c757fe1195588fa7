"""A writer killed in the middle of its work: no span lost, none twice, rollups equal to a recount."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from contextlib import suppress

import asyncpg
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmflow.demo import requests
from llmflow_testkit.polling import eventually
from llmflow_testkit.recount import assert_rollups_match
from llmflow_testkit.stack import Stack

PORTION_TRACES = 100
LEAST_PORTIONS = 30
KILLS = 5


async def send(ingest_url: str, traffic: Sequence[ExportTraceServiceRequest]) -> None:
    """Deliver every request, a few at a time; each must be acknowledged."""
    limit = asyncio.Semaphore(4)
    headers = {"content-type": "application/x-protobuf"}
    async with httpx.AsyncClient(base_url=ingest_url, headers=headers, timeout=30, trust_env=False) as client:

        async def deliver(request: ExportTraceServiceRequest) -> None:
            async with limit:
                answer = await client.post("/v1/traces", content=request.SerializeToString())
                assert answer.status_code == 200, answer.text

        await asyncio.gather(*(deliver(request) for request in traffic))


async def send_until(over: asyncio.Event, ingest_url: str) -> list[ExportTraceServiceRequest]:
    """Deliver much at once, and then a little every second until it is over, so that a writer that is to be killed has
    something to write. What was sent."""
    sent: list[ExportTraceServiceRequest] = []
    for number in itertools.count():
        if number >= LEAST_PORTIONS:
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), 1)
            if over.is_set():
                break
        portion = list(requests(traces=PORTION_TRACES, hours=1, seed=number, now_ns=time.time_ns()))
        await send(ingest_url, portion)
        sent += portion
    return sent


async def kill_mid_write(stack: Stack, database: asyncpg.Connection) -> None:
    """Kill the writer while the database executes one of its statements, then start it again."""

    async def is_writing() -> bool:
        return bool(
            await database.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND state = 'active' AND (query ILIKE 'COPY%' OR query ILIKE '%INSERT INTO%')"
            )
        )

    await eventually(is_writing, within=60, every=0)
    stack.kill("writer")
    stack.start("writer", wait=False)


@pytest.mark.timeout(360)
async def test_nothing_is_lost_or_doubled(stack: Stack) -> None:
    database = await asyncpg.connect(stack.database_url)
    try:
        over = asyncio.Event()
        sending = asyncio.create_task(send_until(over, stack.url("ingest")))
        for _ in range(KILLS):
            await kill_mid_write(stack, database)
        over.set()
        keys = {
            (span.trace_id, span.span_id)
            for request in await sending
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        }
        stack.wait_ready("writer")

        async def stored() -> bool:
            return bool(await database.fetchval("SELECT count(*) FROM spans") >= len(keys))

        await eventually(stored, within=120, every=0.2)
        rows = await database.fetch("SELECT trace_id, span_id FROM spans")
        assert len(rows) == len(keys)
        assert {(row["trace_id"], row["span_id"]) for row in rows} == keys
    finally:
        await database.close()
    await assert_rollups_match(stack.database_url)
