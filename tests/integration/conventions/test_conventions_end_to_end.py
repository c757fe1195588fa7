"""Recordings of real libraries travel through ingest, log, writer and database, and the query API tells their facts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from llmflow_core.spans import Span
from llmflow_testkit.polling import eventually
from llmflow_testkit.recorded_conventions import (
    expected_facts,
    facts_of_answer,
    recorded_bytes,
    recorded_libraries,
    recorded_spans,
)
from llmflow_testkit.stack import Stack

STORED_WITHIN_SECONDS = 20.0
SERVICES = ("ingest", "writer", "query-api")
#: The recordings get older with the repository.
KEEP = {"RETENTION_DAYS": "36500"}


async def facts_of_library(api: httpx.AsyncClient, library: str) -> list[dict[str, Any]]:
    """The facts of the library's spans, in order of start."""
    spans = recorded_spans(library)
    traces: dict[bytes, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    found: dict[bytes, dict[str, Any]] = {}
    for facts in await asyncio.gather(*(facts_of_trace(api, trace) for trace in traces.values())):
        found |= facts
    return [found[span.span_id] for span in spans]


async def facts_of_trace(api: httpx.AsyncClient, spans: list[Span]) -> dict[bytes, dict[str, Any]]:
    """The facts of the trace's spans by span id, once the query API has all of them."""
    trace_id = spans[0].trace_id.hex()

    async def whole() -> dict[str, str]:
        answer = await api.get(f"/api/v1/traces/{trace_id}")
        assert answer.status_code == httpx.codes.OK
        names = {span["span_id"]: span["name"] for span in answer.json()["spans"]}
        assert len(names) == len(spans)
        return names

    names = await eventually(whole, within=STORED_WITHIN_SECONDS)
    found = {}
    for span_id in names:
        detail = (await api.get(f"/api/v1/traces/{trace_id}/spans/{span_id}")).raise_for_status().json()
        found[bytes.fromhex(span_id)] = facts_of_answer(detail, names)
    return found


async def test_the_query_api_tells_what_the_libraries_recorded(tmp_path: Path, embedded_database_url: str) -> None:
    bus_url = f"embedded://{tmp_path}/log"
    with Stack(
        tmp_path, bus_url=bus_url, database_url=embedded_database_url, services=SERVICES, environment=KEEP
    ) as stack:
        async with httpx.AsyncClient(base_url=stack.url("ingest"), trust_env=False) as ingest:
            json = {"content-type": "application/json"}
            answers = [
                await ingest.post("/v1/traces", content=recorded_bytes(library), headers=json)
                for library in recorded_libraries()
            ]
            assert {(answer.status_code, answer.text) for answer in answers} == {(200, "{}")}
        async with stack.api() as api:
            told = {library: await facts_of_library(api, library) for library in recorded_libraries()}
    assert told == {library: expected_facts(library) for library in told}
