"""Sessions: conversations of several traces."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter, SkipValidation

from llmflow_core.filters import parse_filter
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.cursor import decode_cursor
from llmflow_query_api.directory_schemas import SessionDetail, SessionPage
from llmflow_query_api.limits import HEAVY
from llmflow_query_api.present_directory import session_of, session_page_of
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import (
    READ_ERRORS,
    FilterParameter,
    ProjectParameter,
    StoreDependency,
    rest_of_path,
    time_parameter,
    utc,
)
from llmflow_store.sessions import SessionQuery
from llmflow_store.signals import CodingSessionQuery

_CursorParameter = Annotated[str | None, QueryParameter(description="next_cursor of the page before.")]


async def session_query(
    project: ProjectParameter = DEFAULT_PROJECT,
    limit: Annotated[int, QueryParameter(description="The most sessions on a page.", ge=1, le=200)] = 50,
    cursor: _CursorParameter = None,
    from_: Annotated[datetime | None, time_parameter("from", "Traces that started at or after this time.")] = None,
    to: Annotated[datetime | None, time_parameter("to", "Traces that started before this time.")] = None,
    filter_: FilterParameter = None,
) -> SessionQuery:
    """The list that the query parameters ask for."""
    return SessionQuery(
        project=project,
        limit=limit,
        after=decode_cursor(cursor) if cursor is not None else None,
        from_time=utc(from_),
        to_time=utc(to),
        filter=parse_filter(filter_) if filter_ else None,
    )


@get(
    "/sessions",
    operation_id="listSessions",
    summary="List sessions, the one used last first",
    responses=documented(*READ_ERRORS),
    dependencies={"selection": Provide(session_query)},
    opt={HEAVY: True},
    tags=["sessions"],
)
async def list_sessions(
    store: StoreDependency, selection: NamedDependency[SkipValidation[SessionQuery]]
) -> SessionPage:
    """Sessions with a trace in the range that fulfils the filter, in the order of the newest such trace. Counted are
    all traces of the session in the range.
    While traces arrive no session is repeated on a later page; one that is used again moves to the first."""
    return session_page_of(await store.list_sessions(selection))


@get(
    "/sessions/{session_id:path}",
    operation_id="showSession",
    summary="Show one session with its traces, oldest first",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["sessions"],
)
async def show_session(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    session_id: Annotated[str, PathParameter(description="The session's id; it may hold slashes.", max_length=1024)],
    project: ProjectParameter = DEFAULT_PROJECT,
    limit: Annotated[int, QueryParameter(description="The most traces on a page.", ge=1, le=200)] = 50,
    cursor: _CursorParameter = None,
) -> SessionDetail:
    """Each trace with previews of what was asked and answered. Sessions of AI command-line tools are found by the same
    id, also where no trace carries it."""
    name = rest_of_path(request, "/sessions/")
    after = decode_cursor(cursor) if cursor is not None else None
    found = await store.get_session(project, name, limit=limit, after=after)
    coding = await store.coding_sessions(CodingSessionQuery(project=project, session_id=name))
    if found is None and not coding.sessions:
        raise NotFoundException(f"project {project} has no session {name}")
    return session_of(name, found, coding.sessions)
