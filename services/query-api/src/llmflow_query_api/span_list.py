"""The list of spans: generations, tool calls, errors, whatever a filter names, across traces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from llmflow_core.filters import parse_filter
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.cursor import ListOrder, decode_span_cursor
from llmflow_query_api.limits import HEAVY
from llmflow_query_api.present import span_page_of
from llmflow_query_api.problems import documented
from llmflow_query_api.schemas import SpanPage
from llmflow_query_api.traces import (
    READ_ERRORS,
    DirectionParameter,
    FilterParameter,
    OrderParameter,
    ProjectParameter,
    StoreDependency,
    time_parameter,
    utc,
)
from llmflow_store.port import SpanQuery


async def span_query(
    project: ProjectParameter = DEFAULT_PROJECT,
    limit: Annotated[int, QueryParameter(description="The most spans on a page.", ge=1, le=200)] = 50,
    cursor: Annotated[str | None, QueryParameter(description="next_cursor of the page before.")] = None,
    from_: Annotated[datetime | None, time_parameter("from", "Spans that started at or after this time.")] = None,
    to: Annotated[datetime | None, time_parameter("to", "Spans that started before this time.")] = None,
    filter_: FilterParameter = None,
    order: OrderParameter = "time",
    direction: DirectionParameter = "desc",
) -> SpanQuery:
    """The list that the query parameters ask for."""
    list_order = ListOrder(order, direction == "asc")
    return SpanQuery(
        project=project,
        limit=limit,
        order=list_order.by,
        ascending=list_order.ascending,
        after=decode_span_cursor(cursor, list_order) if cursor is not None else None,
        from_time=utc(from_),
        to_time=utc(to),
        filter=parse_filter(filter_) if filter_ else None,
    )


@get(
    "/spans",
    operation_id="listSpans",
    summary="List spans",
    responses=documented(*READ_ERRORS),
    opt={HEAVY: True},
    tags=["traces"],
)
async def list_spans(store: StoreDependency, span_selection: NamedDependency[SkipValidation[SpanQuery]]) -> SpanPage:
    """Spans of all traces, in the orders of `/traces`; `filter=type:generation` lists the calls of models. Pages stay
    stable while spans arrive."""
    order = ListOrder(span_selection.order, span_selection.ascending)
    return span_page_of(await store.list_spans(span_selection), order)
