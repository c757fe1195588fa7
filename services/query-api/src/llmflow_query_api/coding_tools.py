"""AI command-line tools: what was done with Claude Code, Codex CLI and Gemini CLI."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation

from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.cursor import decode_text_position
from llmflow_query_api.present_signals import coding_session_page_of, coding_tool_list_of
from llmflow_query_api.problems import documented
from llmflow_query_api.signal_schemas import CodingSessionPage, CodingToolList
from llmflow_query_api.traces import (
    READ_ERRORS,
    ProjectParameter,
    StoreDependency,
    text_parameter,
    time_parameter,
    utc,
)
from llmflow_store.signals import CodingSessionCursor, CodingSessionQuery

From = Annotated[datetime | None, time_parameter("from", "Events of this time or later.")]
To = Annotated[datetime | None, time_parameter("to", "Events of before this time.")]


async def session_query(
    project: ProjectParameter = DEFAULT_PROJECT,
    limit: Annotated[int, QueryParameter(description="The most sessions on a page.", ge=1, le=200)] = 50,
    cursor: Annotated[str | None, QueryParameter(description="next_cursor of the page before.")] = None,
    from_: From = None,
    to: To = None,
    tool: Annotated[str | None, text_parameter("tool", "Sessions of this tool.")] = None,
    user_id: Annotated[str | None, text_parameter("user_id", "Sessions of this user.")] = None,
) -> CodingSessionQuery:
    """The list that the query parameters ask for."""
    return CodingSessionQuery(
        project=project,
        limit=limit,
        after=CodingSessionCursor(*decode_text_position(cursor)) if cursor is not None else None,
        from_time=utc(from_),
        to_time=utc(to),
        tool=tool,
        user_id=user_id,
    )


@get(
    "/coding-tools",
    operation_id="listCodingTools",
    summary="Sum up the use of AI command-line tools",
    responses=documented(*READ_ERRORS),
    tags=["coding tools"],
)
async def list_coding_tools(
    store: StoreDependency, project: ProjectParameter = DEFAULT_PROJECT, from_: From = None, to: To = None
) -> CodingToolList:
    """Counted from the log events that the tools send, each finished call of a model once. Their metrics tell the same
    sums and their traces the same calls, and are not added; a tool that sends only metrics is summed up from these."""
    found = await store.coding_tools(project, from_time=utc(from_), to_time=utc(to))
    return coding_tool_list_of(found)


@get(
    "/coding-tools/sessions",
    operation_id="listCodingSessions",
    summary="List the sessions of AI command-line tools",
    responses=documented(*READ_ERRORS),
    dependencies={"selection": Provide(session_query)},
    tags=["coding tools"],
)
async def list_coding_sessions(
    store: StoreDependency, selection: NamedDependency[SkipValidation[CodingSessionQuery]]
) -> CodingSessionPage:
    """The one used last first. A range of time bounds the events that are counted, and so the sessions that appear. The
    traces are those with the session's id, for instance of calls that went through the proxy."""
    return coding_session_page_of(await store.coding_sessions(selection))
