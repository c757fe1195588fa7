"""Users, models, and the values to complete a filter with."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any

from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter

from llmflow_core.errors import Rejected
from llmflow_core.filter_fields import ALIASES
from llmflow_core.filters import parse_filter
from llmflow_core.pricing import Prices
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.analytics import FromParameter, ToParameter, interval_of, range_of
from llmflow_query_api.analytics_schemas import Facet
from llmflow_query_api.directory_schemas import FieldValues, ModelList, UserDetail, UserList
from llmflow_query_api.limits import HEAVY
from llmflow_query_api.present_directory import model_of, user_detail_of, user_of
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import (
    READ_ERRORS,
    FilterParameter,
    ProjectParameter,
    StoreDependency,
    rest_of_path,
    text_parameter,
)
from llmflow_store.directory import ModelQuery, Order, UserQuery

_HOUR = timedelta(hours=1)
_OrderParameter = Annotated[Order, QueryParameter(name="order", description="By what, largest first.")]
_LimitParameter = Annotated[int, QueryParameter(description="The most entries.", ge=1, le=500)]
_PrefixParameter = Annotated[str, text_parameter("prefix", "Only those that begin with this.")]


@get(
    "/users",
    operation_id="listUsers",
    summary="List the largest users",
    responses=documented(*READ_ERRORS),
    opt={HEAVY: True},
    tags=["users"],
)
async def list_users(
    store: StoreDependency,
    project: ProjectParameter = DEFAULT_PROJECT,
    from_: FromParameter = None,
    to: ToParameter = None,
    order: _OrderParameter = "cost",
    prefix: _PrefixParameter = "",
    filter_: FilterParameter = None,
    limit: _LimitParameter = 50,
) -> UserList:
    """Of the last 24 hours unless the range, which is widened to whole hours, says otherwise. Only spans that fulfil
    the filter count: user, type and status are answered from sums that are kept ready, anything else from the spans."""
    start, end = range_of(from_, to)
    query = UserQuery(
        project=project,
        from_time=start,
        to_time=end,
        order=order,
        prefix=prefix,
        filter=parse_filter(filter_) if filter_ else None,
        limit=limit,
    )
    return UserList(users=[user_of(user) for user in await store.list_users(query)])


@get(
    "/users/{user_id:path}",
    operation_id="showUser",
    summary="Show what one user has used, and when",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["users"],
)
async def show_user(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    user_id: Annotated[str, PathParameter(description="The user's id; it may hold slashes.", max_length=1024)],
    project: ProjectParameter = DEFAULT_PROJECT,
    from_: FromParameter = None,
    to: ToParameter = None,
    interval: Annotated[str, QueryParameter(description="Whole hours or days: 1h, 1d, or auto.", max_length=16)] = (
        "auto"
    ),
) -> UserDetail:
    """Of the last 24 hours unless the range, which is widened to whole hours, says otherwise. Their traces are those of
    `/traces?filter=user:...`."""
    name = rest_of_path(request, "/users/")
    start, end = range_of(from_, to)
    step = interval_of(interval, end - start) or _HOUR
    step = max(step, _HOUR) if interval == "auto" else step
    if step < _HOUR or step % _HOUR:
        raise Rejected("must be whole hours", field="interval")
    user = await store.get_user(project, name, start, end, step)
    if user is None:
        raise NotFoundException(f"project {project} has no spans of the user {name} in that time")
    return user_detail_of(user, round(step.total_seconds()))


@get(
    "/models",
    operation_id="listModels",
    summary="List the models that were used",
    responses=documented(*READ_ERRORS),
    opt={HEAVY: True},
    tags=["models"],
)
async def list_models(
    store: StoreDependency,
    project: ProjectParameter = DEFAULT_PROJECT,
    from_: FromParameter = None,
    to: ToParameter = None,
    order: _OrderParameter = "cost",
    unpriced: Annotated[bool, QueryParameter(description="Only those with calls that have no known price.")] = False,
    limit: _LimitParameter = 200,
) -> ModelList:
    """Of the last 24 hours unless the range, which is widened to whole minutes, says otherwise."""
    start, end = range_of(from_, to)
    query = ModelQuery(project=project, from_time=start, to_time=end, order=order, unpriced_only=unpriced, limit=limit)
    prices = Prices([kept.price for kept in await store.list_prices()])
    return ModelList(models=[model_of(model, prices) for model in await store.list_models(query)])


@get(
    "/field-values",
    operation_id="listFieldValues",
    summary="List the most frequent values of a field",
    responses=documented(*READ_ERRORS),
    opt={HEAVY: True},
    tags=["analytics"],
)
async def list_field_values(
    store: StoreDependency,
    field: Annotated[str, text_parameter("field", "A dimension of /analytics: tag, name, session, attr.KEY, ...")],
    project: ProjectParameter = DEFAULT_PROJECT,
    from_: FromParameter = None,
    to: ToParameter = None,
    prefix: _PrefixParameter = "",
    limit: _LimitParameter = 50,
) -> FieldValues:
    """For completion while a filter is written. Model, provider, service, type, status, environment and user are
    counted over the whole range, other fields over its newest 20,000 spans."""
    start, end = range_of(from_, to)
    name = ALIASES.get(field, field)
    values = await store.field_values(project, name, start, end, prefix=prefix, limit=limit)
    return FieldValues(values=[Facet(value=value.value, span_count=value.span_count) for value in values])
