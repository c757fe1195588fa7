"""How long a project's data is kept."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, get, put
from litestar.exceptions import NotFoundException
from litestar.params import JSONBody

from llmflow_query_api.administration_schemas import RetentionChoice, RetentionDays, RetentionDetail
from llmflow_query_api.auth import actor
from llmflow_query_api.preconditions import PreconditionDependency
from llmflow_query_api.problems import documented
from llmflow_query_api.projects import ProjectPath
from llmflow_query_api.traces import READ_ERRORS, StoreDependency
from llmflow_store.retention import ProjectRetention, RetentionOverride


@get(
    "/projects/{project:str}/retention",
    operation_id="getRetention",
    summary="Show how long a project's data is kept",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["projects"],
)
async def get_retention(store: StoreDependency, project: ProjectPath) -> RetentionDetail:
    """What the project has chosen, and the days that hold for it."""
    return _detail(project, await store.get_retention(project))


@put(
    "/projects/{project:str}/retention",
    operation_id="setRetention",
    summary="Change how long a project's data is kept",
    responses=documented(
        *READ_ERRORS, HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    ),
    tags=["projects"],
)
async def set_retention(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    only_if: PreconditionDependency,
    project: ProjectPath,
    data: JSONBody[RetentionChoice],
) -> RetentionDetail:
    """The whole choice is replaced: a kind that is left out is kept as the server's settings say. It takes effect
    within ten minutes, and what is gone then does not come back."""
    override = RetentionOverride(**msgspec.structs.asdict(data))
    found = await store.set_retention(project, override, by=actor(request), only_if=only_if)
    return _detail(project, found)


def _detail(project: str, found: ProjectRetention | None) -> RetentionDetail:
    if found is None:
        raise NotFoundException(f"there is no project {project}")
    return RetentionDetail(
        chosen=RetentionChoice(**asdict(found.override)),
        days=None if found.days is None else RetentionDays(**asdict(found.days)),
        applied_at=found.applied_at,
        version=found.version,
    )
