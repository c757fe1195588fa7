"""Traces and spans."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter, SkipValidation

from llmflow_core.errors import Rejected
from llmflow_core.filters import MAX_LENGTH, parse_filter
from llmflow_core.ids import trace_id_from_text
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.cursor import ListOrder, decode_cursor
from llmflow_query_api.limits import HEAVY
from llmflow_query_api.present import page_of, span_of, trace_of
from llmflow_query_api.problems import documented
from llmflow_query_api.schemas import SpanDetail, TraceDetail, TracePage
from llmflow_store.port import OrderedBy, Store, TraceQuery
from llmflow_store.scores import ScoreQuery

#: PostgreSQL's text holds every character but NUL.
_TEXT = r"^[^\x00]*$"
_TEXT_LIMIT = 1024
#: No trace starts outside of what fits into 63 bits of Unix nanoseconds.
_FIRST_TIME, _LAST_TIME = datetime(1970, 1, 1, tzinfo=UTC), datetime(2262, 4, 11, tzinfo=UTC)

#: The newest that a trace or a span is shown with; the list of scores has all.
_MOST_SCORES = 1000

StoreDependency = NamedDependency[SkipValidation[Store]]
ProjectParameter = Annotated[
    str, QueryParameter(name="project", description="The project to look in.", pattern=_TEXT, max_length=63)
]
TraceIdParameter = Annotated[
    str,
    PathParameter(
        description="The trace's id: 32 hexadecimal digits, a UUID, or the text that was sent as X-Trace-Id.",
        pattern=_TEXT,
        max_length=_TEXT_LIMIT,
    ),
]
SpanIdParameter = Annotated[
    str, PathParameter(description="The span's id: 16 hexadecimal digits.", pattern="^[0-9a-fA-F]{16}$")
]
READ_ERRORS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)


def text_parameter(name: str, description: str) -> QueryParameter:
    """A text to compare with in the query string."""
    return QueryParameter(name=name, description=description, pattern=_TEXT, max_length=_TEXT_LIMIT)


def time_parameter(name: str, description: str) -> QueryParameter:
    """A moment in the query string."""
    return QueryParameter(name=name, description=f"{description} ISO 8601; UTC when it names no zone.")


FilterParameter = Annotated[
    str | None,
    QueryParameter(
        name="filter",
        description='Conditions in the filter language, for instance `model:gpt-4o* cost:>0.01 "refund"`.',
        max_length=MAX_LENGTH,
    ),
]


OrderParameter = Annotated[
    OrderedBy,
    QueryParameter(
        name="order",
        description="What the list is ordered by: start, nanoseconds, US dollars, or input and output tokens. What has"
        " no cost, no tokens or no length comes last, newest first.",
    ),
]
DirectionParameter = Annotated[
    Literal["desc", "asc"],
    QueryParameter(name="direction", description="Largest (or newest) first, or smallest (or oldest) first."),
]


async def trace_query(
    project: ProjectParameter = DEFAULT_PROJECT,
    limit: Annotated[int, QueryParameter(description="The most traces on a page.", ge=1, le=200)] = 50,
    cursor: Annotated[str | None, QueryParameter(description="next_cursor of the page before.")] = None,
    from_: Annotated[datetime | None, time_parameter("from", "Traces that started at or after this time.")] = None,
    to: Annotated[datetime | None, time_parameter("to", "Traces that started before this time.")] = None,
    model: Annotated[str | None, text_parameter("model", "Traces that used this model.")] = None,
    service: Annotated[str | None, text_parameter("service", "Traces that this service took part in.")] = None,
    user_id: Annotated[str | None, text_parameter("user_id", "Traces of this user.")] = None,
    session_id: Annotated[str | None, text_parameter("session_id", "Traces of this session.")] = None,
    status: Annotated[Literal["error"] | None, QueryParameter(description="Traces in which a span failed.")] = None,
    filter_: FilterParameter = None,
    order: OrderParameter = "time",
    direction: DirectionParameter = "desc",
) -> TraceQuery:
    """The list that the query parameters ask for."""
    list_order = ListOrder(order, direction == "asc")
    return TraceQuery(
        project=project,
        limit=limit,
        order=list_order.by,
        ascending=list_order.ascending,
        after=decode_cursor(cursor, list_order) if cursor is not None else None,
        from_time=utc(from_),
        to_time=utc(to),
        model=model,
        service=service,
        user_id=user_id,
        session_id=session_id,
        errors_only=status == "error",
        filter=parse_filter(filter_) if filter_ else None,
    )


@get(
    "/traces",
    operation_id="listTraces",
    summary="List traces",
    responses=documented(*READ_ERRORS),
    opt={HEAVY: True},
    tags=["traces"],
)
async def list_traces(store: StoreDependency, selection: NamedDependency[SkipValidation[TraceQuery]]) -> TracePage:
    """Newest first, unless another order is asked for. Every condition given must hold. Pages stay stable while traces
    arrive: none is repeated, none skipped. A cursor is for the order of the page that it came with."""
    return page_of(await store.list_traces(selection), ListOrder(selection.order, selection.ascending))


@get(
    "/traces/{trace_id:str}",
    operation_id="getTrace",
    summary="Show one trace with all its spans",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["traces"],
)
async def get_trace(
    store: StoreDependency, trace_id: TraceIdParameter, project: ProjectParameter = DEFAULT_PROJECT
) -> TraceDetail:
    """The spans come without content, attributes and events; each has those on its own. `scores` are those of the trace
    and of its spans, newest first, 1,000 at most."""
    key = trace_id_from_text(trace_id)
    trace = await store.get_outline(project, key)
    if trace is None:
        raise NotFoundException(f"project {project} has no trace {trace_id}")
    scores = await store.list_scores(ScoreQuery(project=project, trace_id=key, limit=_MOST_SCORES))
    return trace_of(trace, scores.scores)


@get(
    "/traces/{trace_id:str}/spans/{span_id:str}",
    operation_id="getSpan",
    summary="Show one span with its content",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["traces"],
)
async def get_span(
    store: StoreDependency,
    trace_id: TraceIdParameter,
    span_id: SpanIdParameter,
    project: ProjectParameter = DEFAULT_PROJECT,
) -> SpanDetail:
    """Of several spans with this id, the earliest; with its own scores, newest first, 1,000 at most."""
    trace_key, span_key = trace_id_from_text(trace_id), bytes.fromhex(span_id)
    span = await store.get_span(project, trace_key, span_key)
    if span is None:
        raise NotFoundException(f"trace {trace_id} of project {project} has no span {span_id}")
    query = ScoreQuery(project=project, trace_id=trace_key, span_id=span_key, limit=_MOST_SCORES)
    return span_of(span, (await store.list_scores(query)).scores)


def rest_of_path(request: Request[Any, Any, Any], beginning: str) -> str:
    """What follows `beginning` in the path, exactly as it was sent: routing drops doubled and trailing slashes."""
    rest = unquote(request.scope["raw_path"].decode("latin-1")).partition(beginning)[2]
    if "\0" in rest:
        raise Rejected("holds a NUL character", field="path")
    return rest


def utc(time: datetime | None) -> datetime | None:
    """`time` with its zone, within what a span can have."""
    if time is None:
        return None
    return min(max(time if time.tzinfo else time.replace(tzinfo=UTC), _FIRST_TIME), _LAST_TIME)
