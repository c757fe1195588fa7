"""Metrics that were sent over OTLP: which there are, and what they show over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation

from llmflow_core.errors import Rejected
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.present_signals import metric_list_of, metric_result_of
from llmflow_query_api.problems import documented
from llmflow_query_api.signal_schemas import MetricList, MetricResult
from llmflow_query_api.traces import (
    READ_ERRORS,
    ProjectParameter,
    StoreDependency,
    text_parameter,
    time_parameter,
    utc,
)
from llmflow_store.signals import MetricFunction, MetricQuery

_DEFAULT_RANGE = timedelta(hours=1)
_DEFAULT_BUCKETS = 60
_MOST_BUCKETS = 2000
_LONGEST_BUCKET_SECONDS = 366 * 86_400


async def metric_query(
    name: Annotated[str, text_parameter("name", "The metric.")],
    project: ProjectParameter = DEFAULT_PROJECT,
    function: Annotated[MetricFunction, QueryParameter(description="What to make of a bucket's points.")] = (
        MetricFunction.SUM
    ),
    from_: Annotated[datetime | None, time_parameter("from", "Start; an hour before the end without it.")] = None,
    to: Annotated[datetime | None, time_parameter("to", "End, not included; now without it.")] = None,
    interval: Annotated[
        int | None,
        QueryParameter(
            description="Seconds of a bucket; a sixtieth of the range without it.", ge=1, le=_LONGEST_BUCKET_SECONDS
        ),
    ] = None,
    by: Annotated[str | None, text_parameter("by", "The attribute to draw a line a value of.")] = None,
    service: Annotated[str | None, text_parameter("service", "Points of this service.")] = None,
    attribute: Annotated[
        list[str] | None, QueryParameter(description="name=value that points must have; may be repeated.", max_items=20)
    ] = None,
) -> MetricQuery:
    """The lines that the query parameters ask for. Raises Rejected for a range that is none or has too many buckets."""
    end = utc(to) or datetime.now(UTC)
    start = utc(from_) or end - _DEFAULT_RANGE
    if start >= end:
        raise Rejected("must be before the end", field="from")
    bucket = timedelta(seconds=interval or max(1, round((end - start).total_seconds() / _DEFAULT_BUCKETS)))
    if (end - start) / bucket > _MOST_BUCKETS:
        raise Rejected(f"gives more than {_MOST_BUCKETS} buckets", field="interval")
    return MetricQuery(
        project=project,
        name=name,
        function=function,
        from_time=start,
        to_time=end,
        interval=bucket,
        by=by,
        service=service,
        attributes=dict(_pair(text) for text in attribute or ()),
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals or "\0" in text:
        raise Rejected("must be name=value", field="attribute")
    return name, value


@get(
    "/metrics/names",
    operation_id="listMetrics",
    summary="List the metrics",
    responses=documented(*READ_ERRORS),
    tags=["metrics"],
)
async def list_metrics(
    store: StoreDependency,
    project: ProjectParameter = DEFAULT_PROJECT,
    from_: Annotated[datetime | None, time_parameter("from", "Metrics with points since then, to the hour.")] = None,
) -> MetricList:
    """What applications and tools sent over OTLP; how LLMFlow itself fares is told by each service's /metrics."""
    return metric_list_of(await store.list_metrics(project, since=utc(from_)))


@get(
    "/metrics/query",
    operation_id="queryMetric",
    summary="Show a metric over time",
    responses=documented(*READ_ERRORS),
    dependencies={"selection": Provide(metric_query)},
    tags=["metrics"],
)
async def query_metric(
    store: StoreDependency,
    selection: NamedDependency[SkipValidation[MetricQuery]],
    limit: Annotated[int, QueryParameter(description="The most lines.", ge=1, le=1000)] = 200,
) -> MetricResult:
    """Buckets are aligned to the interval. sum and rate tell how much was counted, whether points come as totals or as
    differences; of a gauge they add up its last values. avg of a histogram is the mean of what was measured."""
    return metric_result_of(selection.interval, await store.query_metric(selection), limit)
