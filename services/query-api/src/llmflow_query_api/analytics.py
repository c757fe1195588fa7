"""Analytics, the filter bar's values, and what the filter language knows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from llmflow_core.errors import Rejected
from llmflow_core.filter_fields import ALIASES, FIELDS
from llmflow_core.filters import parse_filter
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.analytics_schemas import (
    Analytics,
    AnalyticsGroup,
    AnalyticsPoint,
    Facet,
    FacetList,
    FilterField,
    FilterFields,
)
from llmflow_query_api.limits import HEAVY
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import (
    READ_ERRORS,
    FilterParameter,
    ProjectParameter,
    StoreDependency,
    time_parameter,
    utc,
)
from llmflow_store.analytics import DISTRIBUTIONS, Aggregation, AnalyticsQuery, Group, Metric

_DEFAULT_RANGE = timedelta(hours=24)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTERVAL = re.compile(r"(\d{1,5})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
#: What `interval=auto` chooses from, so that a chart has at most this many points: whole hours for a day and whole days
#: for a month, whose sums are ready.
_AUTOMATIC = [timedelta(minutes=n) for n in (1, 5, 15, 60, 180, 360, 1440, 7 * 1440, 28 * 1440)]
_MOST_AUTOMATIC_POINTS = 60

FromParameter = Annotated[datetime | None, time_parameter("from", "Spans that started at or after this time.")]
ToParameter = Annotated[datetime | None, time_parameter("to", "Spans that started before this time.")]


async def analytics_query(
    metric: Annotated[Metric, QueryParameter(description="What is measured.")],
    aggregation: Annotated[
        Aggregation | None,
        QueryParameter(description="sum unless given; avg for latency, ttft and error_rate. Rates are a second."),
    ] = None,
    group_by: Annotated[
        str | None,
        QueryParameter(
            description="Up to three dimensions, comma-separated: model, provider, service, type, status, environment,"
            " user, session, name, release, prompt, error, scope, tag, attr.KEY, resource.KEY.",
            max_length=1024,
            pattern=r"^[^\x00]*$",
        ),
    ] = None,
    interval: Annotated[
        str | None,
        QueryParameter(description="Gives a course in steps of so long: 5m, 1h, 1d, or auto.", max_length=16),
    ] = None,
    project: ProjectParameter = DEFAULT_PROJECT,
    from_: FromParameter = None,
    to: ToParameter = None,
    filter_: FilterParameter = None,
    limit: Annotated[int, QueryParameter(description="The most groups.", ge=1, le=200)] = 20,
) -> AnalyticsQuery:
    """The question that the query parameters ask: of the last 24 hours unless they say otherwise."""
    start, end = range_of(from_, to)
    averaged = metric in DISTRIBUTIONS or metric is Metric.ERROR_RATE
    query = AnalyticsQuery(
        project=project,
        metric=metric,
        aggregation=aggregation or ("avg" if averaged else "sum"),
        from_time=start,
        to_time=end,
        group_by=tuple(ALIASES.get(name, name) for name in group_by.split(",")) if group_by else (),
        interval=interval_of(interval, end - start),
        filter=parse_filter(filter_) if filter_ else None,
        limit=limit,
    )
    query.check()
    return query


@get(
    "/analytics",
    operation_id="analyse",
    summary="Measure spans by any dimension over time",
    responses=documented(*READ_ERRORS),
    opt={HEAVY: True},
    tags=["analytics"],
)
async def analyse(store: StoreDependency, question: NamedDependency[SkipValidation[AnalyticsQuery]]) -> Analytics:
    """`?metric=cost&group_by=user` is the cost of each user, `?metric=latency&aggregation=p95&group_by=model` with
    `&interval=1h` the course of each model's latency. Model, provider, service, type, status, environment and user are
    answered from sums that are kept ready, any other dimension from the spans themselves."""
    result = await store.analyse(question)
    return Analytics(
        metric=question.metric,
        aggregation=question.aggregation,
        unit=_unit(question.metric),
        from_=_time(result.from_us),
        to=_time(result.to_us),
        interval_seconds=round(question.interval.total_seconds()) if question.interval else None,
        total=_group((), result.total),
        groups=[_group(question.group_by, group) for group in result.groups],
        source=result.source,
    )


@get(
    "/facets",
    operation_id="listFacets",
    summary="List the most frequent values to filter by",
    responses=documented(*READ_ERRORS),
    opt={HEAVY: True},
    tags=["analytics"],
)
async def list_facets(
    store: StoreDependency,
    project: ProjectParameter = DEFAULT_PROJECT,
    from_: FromParameter = None,
    to: ToParameter = None,
    filter_: FilterParameter = None,
) -> FacetList:
    """Of the spans of the last 24 hours unless the range says otherwise, and only of those that fulfil the filter."""
    start, end = range_of(from_, to)
    found = await store.facets(project, start, end, parse_filter(filter_) if filter_ else None)
    fields = {
        name: [Facet(value=value.value, span_count=value.span_count) for value in values]
        for name, values in found.values.items()
    }
    return FacetList(fields=fields, sampled=found.sampled)


@get(
    "/filter-fields",
    operation_id="listFilterFields",
    summary="List what filters can speak of",
    responses=documented(*READ_ERRORS),
    tags=["analytics"],
)
async def list_filter_fields() -> FilterFields:
    """For completion while a filter is written."""
    return FilterFields(
        fields=[
            FilterField(
                name=name,
                kind=field.kind,
                description=field.description,
                choices=list(field.choices),
                keyed=field.keyed,
            )
            for name, field in FIELDS.items()
        ],
        aliases=dict(ALIASES),
    )


def range_of(from_time: datetime | None, to_time: datetime | None) -> tuple[datetime, datetime]:
    """The range asked for, the last 24 hours by default. Raises Rejected for an empty one."""
    end = utc(to_time) or datetime.now(UTC)
    start = utc(from_time) or max(end - _DEFAULT_RANGE, _EPOCH)
    if start >= end:
        raise Rejected("must be after from", field="to")
    return start, end


def interval_of(text: str | None, length: timedelta) -> timedelta | None:
    """The step that `text` names, in a range that is so long. Raises Rejected for a text that names none."""
    if text is None:
        return None
    if text == "auto":
        fitting = (step for step in _AUTOMATIC if length / step <= _MOST_AUTOMATIC_POINTS)
        return next(fitting, _AUTOMATIC[-1])
    match = _INTERVAL.fullmatch(text)
    if match is None:
        raise Rejected("must be a number and m, h or d, such as 15m, or auto", field="interval")
    return int(match[1]) * _UNITS[match[2]]


def _unit(metric: Metric) -> Literal["count", "tokens", "usd", "nanoseconds", "ratio"]:
    if metric in DISTRIBUTIONS:
        return "nanoseconds"
    if metric is Metric.ERROR_RATE:
        return "ratio"
    return "tokens" if "tokens" in metric else "usd" if "cost" in metric else "count"


def _group(dimensions: tuple[str, ...], group: Group) -> AnalyticsGroup:
    return AnalyticsGroup(
        key=dict(zip(dimensions, group.key, strict=True)),
        value=_number(group.value),
        span_count=group.span_count,
        points=[AnalyticsPoint(time=_time(point.time_us), value=_number(point.value)) for point in group.points],
    )


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
