"""What exporters ask the query API: `llmflow_core.destinations.exchange` describes it."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Response
from msgspec import json as msgspec_json

from llmflow_core.destinations.exchange import (
    LEASE_SECONDS,
    NOTE_PATH,
    PAGE_PATH,
    POSITION_HEADER,
    PROJECT_HEADER,
    SPANS_HEADER,
    SYNC_PATH,
)
from llmflow_core.rebuilding import request_of
from llmflow_query_api.destination_schemas import JobNote, Report
from llmflow_query_api.traces import StoreDependency

#: What spans say may be long, and a page of them is held in memory here and in the exporter.
_PAGE_SPANS = 50


@post(SYNC_PATH, status_code=HTTPStatus.OK, include_in_schema=False)
async def sync(store: StoreDependency, data: JSONBody[Report]) -> dict[str, Any]:
    """Note what an exporter reports, and tell it what is to be done."""
    await store.report_destinations(data.exporter, data.destinations)
    jobs = await store.lease_jobs(data.exporter, data.able, holding=data.jobs, seconds=LEASE_SECONDS)
    return {
        "destinations": [
            {"definition": dict(kept.definition), "epoch": kept.epoch} for kept in await store.list_destinations()
        ],
        "jobs": [{"id": job.id, "destination": job.destination, "kind": job.kind} for job in jobs],
    }


@get(PAGE_PATH, include_in_schema=False)
async def replay_page(
    store: StoreDependency, job: FromPath[int], position: FromQuery[str | None] = None
) -> Response[bytes]:
    """The spans of a replay after a position, or after the one that is noted, as a serialized
    `ExportTraceServiceRequest`."""
    found = await store.get_job(job)
    if found is None or found.kind != "replay":
        raise NotFoundException(f"there is no replay {job}")
    if position is not None:
        found = replace(found, position=msgspec_json.decode(position))
    page = await store.replay_page(found, limit=_PAGE_SPANS)
    headers = {PROJECT_HEADER: quote(page.project), SPANS_HEADER: str(len(page.spans))}
    if page.next is not None:
        headers[POSITION_HEADER] = msgspec_json.encode(page.next).decode()
    body = request_of(page.spans).SerializeToString()
    return Response(body, media_type="application/x-protobuf", headers=headers)


@post(NOTE_PATH, status_code=HTTPStatus.OK, include_in_schema=False)
async def note_job(store: StoreDependency, job: FromPath[int], data: JSONBody[JobNote]) -> dict[str, bool]:
    """Note how a job goes; whether it is still this exporter's."""
    noted = await store.note_job(
        data.exporter, job, state=data.state, sent=data.sent, position=data.position, message=data.message
    )
    return {"noted": noted}
