"""Log records and events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation

from llmflow_core.ids import trace_id_from_text
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.cursor import decode_position
from llmflow_query_api.present_signals import log_page_of
from llmflow_query_api.problems import documented
from llmflow_query_api.signal_schemas import LogPage
from llmflow_query_api.traces import (
    READ_ERRORS,
    ProjectParameter,
    StoreDependency,
    text_parameter,
    time_parameter,
    utc,
)
from llmflow_store.signals import LogCursor, LogQuery

Severity = Literal["trace", "debug", "info", "warn", "error", "fatal"]
#: The first of the numbers that OpenTelemetry's log data model has for each.
_SEVERITIES: dict[Severity, int] = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}


async def log_query(
    project: ProjectParameter = DEFAULT_PROJECT,
    limit: Annotated[int, QueryParameter(description="The most records on a page.", ge=1, le=500)] = 50,
    cursor: Annotated[str | None, QueryParameter(description="next_cursor of the page before.")] = None,
    from_: Annotated[datetime | None, time_parameter("from", "Records of this time or later.")] = None,
    to: Annotated[datetime | None, time_parameter("to", "Records of before this time.")] = None,
    service: Annotated[str | None, text_parameter("service", "Records of this service.")] = None,
    severity: Annotated[Severity | None, QueryParameter(description="Records at least as severe.")] = None,
    event_name: Annotated[str | None, text_parameter("event_name", "Events of this name.")] = None,
    tool: Annotated[str | None, text_parameter("tool", "Events of this AI command-line tool.")] = None,
    session_id: Annotated[str | None, text_parameter("session_id", "Records of this session.")] = None,
    trace_id: Annotated[str | None, text_parameter("trace_id", "Records of this trace.")] = None,
    text: Annotated[str | None, text_parameter("text", "Records that say this in their body or attributes.")] = None,
) -> LogQuery:
    """The list that the query parameters ask for."""
    return LogQuery(
        project=project,
        limit=limit,
        after=LogCursor(*decode_position(cursor)) if cursor is not None else None,
        from_time=utc(from_),
        to_time=utc(to),
        service=service,
        min_severity=_SEVERITIES[severity] if severity else None,
        event_name=event_name,
        coding_tool=tool,
        session_id=session_id,
        trace_id=trace_id_from_text(trace_id) if trace_id else None,
        text=text or None,
    )


@get(
    "/logs",
    operation_id="listLogs",
    summary="List log records, newest first",
    responses=documented(*READ_ERRORS),
    dependencies={"selection": Provide(log_query)},
    tags=["logs"],
)
async def list_logs(store: StoreDependency, selection: NamedDependency[SkipValidation[LogQuery]]) -> LogPage:
    """Every condition given must hold. A search for text reads all records that the other conditions leave: give a
    range of time with it."""
    return log_page_of(await store.list_logs(selection))
