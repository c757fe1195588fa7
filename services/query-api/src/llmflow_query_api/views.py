"""Saved views of the page's lists."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Annotated, Any

from litestar import Request, delete, get, post, put
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import JSONBody, PathParameter

from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.preconditions import PreconditionDependency
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import READ_ERRORS, ProjectParameter, StoreDependency
from llmflow_query_api.view_schemas import NewView, View, ViewList
from llmflow_store.port import Store
from llmflow_store.versions import UNCONDITIONAL, Precondition
from llmflow_store.views import SavedView

_ViewPath = Annotated[str, PathParameter(description="The view's id.", pattern=r"^[^\x00]*$", max_length=100)]
_CHANGE_ERRORS = (*READ_ERRORS, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


@get(
    "/views",
    operation_id="listViews",
    summary="List the saved views",
    responses=documented(*READ_ERRORS),
    tags=["views"],
)
async def list_views(store: StoreDependency, project: ProjectParameter = DEFAULT_PROJECT) -> ViewList:
    """All of a project, by page and name."""
    return ViewList(views=[_shown(view) for view in await store.list_views(project)])


@post(
    "/views",
    operation_id="createView",
    summary="Save a view",
    response_description="Saved.",
    responses=documented(*_CHANGE_ERRORS),
    tags=["views"],
)
async def create_view(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    data: JSONBody[NewView],
    project: ProjectParameter = DEFAULT_PROJECT,
) -> View:
    """For everybody in the project. A list has one view of a name."""
    return await _save(request, store, data, project, uuid.uuid4().hex)


@put(
    "/views/{view_id:str}",
    operation_id="replaceView",
    summary="Change a saved view",
    responses=documented(*_CHANGE_ERRORS, HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    tags=["views"],
)
async def replace_view(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    only_if: PreconditionDependency,
    view_id: _ViewPath,
    data: JSONBody[NewView],
    project: ProjectParameter = DEFAULT_PROJECT,
) -> View:
    """All of it. What becomes the default of its list takes that from the one before."""
    if not any(view.id == view_id for view in await store.list_views(project)):
        raise NotFoundException(f"project {project} has no view {view_id}")
    return await _save(request, store, data, project, view_id, only_if)


@delete(
    "/views/{view_id:str}",
    operation_id="deleteView",
    summary="Delete a saved view",
    response_description="Deleted.",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    tags=["views"],
)
async def delete_view(
    store: StoreDependency,
    only_if: PreconditionDependency,
    view_id: _ViewPath,
    project: ProjectParameter = DEFAULT_PROJECT,
) -> None:
    """For everybody in the project."""
    if not await store.delete_view(project, view_id, only_if=only_if):
        raise NotFoundException(f"project {project} has no view {view_id}")


async def _save(
    request: Request[Any, Any, Any],
    store: Store,
    data: NewView,
    project: str,
    view_id: str,
    only_if: Precondition = UNCONDITIONAL,
) -> View:
    view = SavedView(
        project=project,
        id=view_id,
        page=data.page,
        name=data.name,
        search=data.search,
        is_default=data.is_default,
        author=request.user,
    )
    if not await store.save_view(view, only_if=only_if):
        raise HTTPException(f"{data.page} has a view {data.name} already", status_code=HTTPStatus.CONFLICT)
    return _shown(view)


def _shown(view: SavedView) -> View:
    return View(
        id=view.id,
        page=view.page,
        name=view.name,
        search=dict(view.search),
        is_default=view.is_default,
        author=view.author,
        version=view.version,
    )
