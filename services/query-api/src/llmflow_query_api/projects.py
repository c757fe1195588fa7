"""Projects: which there are, and their administration."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from litestar import Request, delete, get, patch, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import JSONBody, PathParameter

from llmflow_core.projects import project_named
from llmflow_query_api.administration_schemas import (
    DeletedProject,
    NewProject,
    ProjectChange,
    ProjectDetail,
    ProjectList,
)
from llmflow_query_api.auth import actor
from llmflow_query_api.preconditions import PreconditionDependency
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import READ_ERRORS, StoreDependency
from llmflow_store.administration import Project

ProjectPath = Annotated[str, PathParameter(description="The project's name.", pattern=r"^[^\x00]*$", max_length=63)]


@get(
    "/projects",
    operation_id="listProjects",
    summary="List the projects",
    responses=documented(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE
    ),
    tags=["projects"],
)
async def list_projects(request: Request[Any, Any, Any], store: StoreDependency) -> ProjectList:
    """All projects that were created or hold spans, and `default`; with an API key, its own project alone."""
    key = request.auth
    found = [project for project in await store.list_projects() if key is None or project.name == key.project]
    return ProjectList(projects=[project.name for project in found], details=[_detail(project) for project in found])


@post(
    "/projects",
    operation_id="createProject",
    summary="Create a project",
    response_description="Created.",
    responses=documented(*READ_ERRORS, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    tags=["projects"],
)
async def create_project(
    request: Request[Any, Any, Any], store: StoreDependency, data: JSONBody[NewProject]
) -> ProjectDetail:
    """Spans that name a project create it as well; creating it first allows a title and keys."""
    project = await store.create_project(project_named(data.name, field="name"), title=data.title, by=actor(request))
    if project is None:
        raise HTTPException(f"there is a project {data.name} already", status_code=HTTPStatus.CONFLICT)
    return _detail(project)


@patch(
    "/projects/{project:str}",
    operation_id="renameProject",
    summary="Give a project another title",
    responses=documented(
        *READ_ERRORS, HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    ),
    tags=["projects"],
)
async def rename_project(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    only_if: PreconditionDependency,
    project: ProjectPath,
    data: JSONBody[ProjectChange],
) -> ProjectDetail:
    """The name stays: stored data and clients carry it."""
    renamed = await store.rename_project(project, data.title, by=actor(request), only_if=only_if)
    if renamed is None:
        raise NotFoundException(f"there is no project {project}")
    return _detail(renamed)


@delete(
    "/projects/{project:str}",
    status_code=HTTPStatus.OK,
    operation_id="deleteProject",
    summary="Delete a project with all that is in it",
    response_description="Deleted.",
    responses=documented(*READ_ERRORS, HTTPStatus.PRECONDITION_FAILED),
    tags=["projects"],
)
async def delete_project(
    request: Request[Any, Any, Any], store: StoreDependency, only_if: PreconditionDependency, project: ProjectPath
) -> DeletedProject:
    """Its spans and its API keys are gone for good; `default` is only emptied. Spans that arrive later, for example
    those on their way, bring the project back. Right for a project that is gone already, too."""
    spans = await store.delete_project(project, by=actor(request), only_if=only_if)
    return DeletedProject(span_count=spans)


def _detail(project: Project) -> ProjectDetail:
    return ProjectDetail(name=project.name, title=project.title, created_at=project.created_at, version=project.version)
