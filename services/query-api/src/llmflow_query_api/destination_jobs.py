"""What exporters are asked to do for a destination: a test, or a replay of what is stored."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.exceptions import NotFoundException
from litestar.params import JSONBody, PathParameter, QueryParameter

from llmflow_query_api.analytics import range_of
from llmflow_query_api.auth import actor
from llmflow_query_api.destination_schemas import JobDetail, JobList, NewReplay
from llmflow_query_api.destinations import NamePath, detail_of
from llmflow_query_api.present_destinations import job_of
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import READ_ERRORS, StoreDependency
from llmflow_store.destinations import JobKind

_JobPath = Annotated[str, PathParameter(description="The job's id.", pattern="^[1-9][0-9]{0,17}$")]
_ERRORS = (*READ_ERRORS, HTTPStatus.NOT_FOUND)


@post(
    "/destinations/{name:str}/test",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="testDestination",
    summary="Have one span sent to a destination",
    response_description="An exporter will send it, and the job say what came back.",
    responses=documented(*_ERRORS),
    tags=["destinations"],
)
async def test_destination(request: Request[Any, Any, Any], store: StoreDependency, name: NamePath) -> JobDetail:
    """Whatever the destination selects, and even if it is paused."""
    await detail_of(store, name)
    return job_of(await store.add_job(name, "test", by=actor(request)))


@post(
    "/destinations/{name:str}/replays",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="replay",
    summary="Send what is stored to a destination once more",
    response_description="An exporter will do it, and the job say how far it is.",
    responses=documented(*_ERRORS, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    tags=["destinations"],
)
async def create_replay(
    request: Request[Any, Any, Any], store: StoreDependency, name: NamePath, data: JSONBody[NewReplay]
) -> JobDetail:
    """In the order of their starts, at least once each: the destination gets what it selects of them, in its dialect,
    as when they first came. It goes on where it was when it is interrupted, and waits while the destination is
    paused."""
    start, end = range_of(data.from_, data.to)
    await detail_of(store, name)
    job = await store.add_job(name, "replay", by=actor(request), project=data.project, from_time=start, to_time=end)
    return job_of(job)


@get(
    "/destinations/{name:str}/jobs",
    operation_id="listDestinationJobs",
    summary="List the tests and replays of a destination",
    responses=documented(*_ERRORS),
    tags=["destinations"],
)
async def list_jobs(
    store: StoreDependency,
    name: NamePath,
    kind: Annotated[JobKind | None, QueryParameter(description="Tests or replays only.")] = None,
) -> JobList:
    """Those under way, and the newest fifty."""
    await detail_of(store, name)
    return JobList(jobs=[job_of(job) for job in await store.list_jobs(name, kind=kind)])


@get(
    "/destinations/{name:str}/jobs/{job_id:str}",
    operation_id="getDestinationJob",
    summary="Get a test or a replay",
    responses=documented(*_ERRORS),
    tags=["destinations"],
)
async def show_job(store: StoreDependency, name: NamePath, job_id: _JobPath) -> JobDetail:
    """How far it is, or what came of it."""
    job = await store.get_job(int(job_id))
    if job is None or job.destination != name:
        raise _no_job(name, job_id)
    return job_of(job)


@delete(
    "/destinations/{name:str}/jobs/{job_id:str}",
    status_code=HTTPStatus.OK,
    operation_id="cancelDestinationJob",
    summary="End a test or a replay",
    response_description="Ended, unless it had ended before.",
    responses=documented(*_ERRORS),
    tags=["destinations"],
)
async def cancel_job(
    request: Request[Any, Any, Any], store: StoreDependency, name: NamePath, job_id: _JobPath
) -> JobDetail:
    """What is under way may still arrive."""
    job = await store.cancel_job(name, int(job_id), by=actor(request))
    if job is None:
        raise _no_job(name, job_id)
    return job_of(job)


def _no_job(name: str, job_id: str) -> NotFoundException:
    return NotFoundException(f"destination {name} has no job {job_id}")
