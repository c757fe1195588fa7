"""Prices of an installation's own, for administrators."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.exceptions import NotFoundException
from litestar.params import JSONBody, PathParameter

from llmflow_core.own_prices import encoded, own_price
from llmflow_core.pricing import Prices
from llmflow_query_api.analytics import range_of
from llmflow_query_api.auth import actor
from llmflow_query_api.cursor import decode_span_cursor, encode_span_cursor
from llmflow_query_api.preconditions import PreconditionDependency
from llmflow_query_api.present_directory import price_in_use
from llmflow_query_api.price_schemas import NewPrice, PriceDetail, PriceList, Repriced, Repricing
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import READ_ERRORS, StoreDependency, text_parameter, time_parameter, utc
from llmflow_store.prices import KeptPrice

_Name = Annotated[
    str, PathParameter(description="What the price is called.", pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
]


@get(
    "/prices",
    operation_id="listPrices",
    summary="List own prices, and find the price of a model",
    responses=documented(*READ_ERRORS),
    tags=["prices"],
)
async def list_prices(
    store: StoreDependency,
    model: Annotated[str | None, text_parameter("model", "A model to find the price of.")] = None,
    provider: Annotated[str | None, text_parameter("provider", "Its provider.")] = None,
    at: Annotated[datetime | None, time_parameter("at", "When; now unless given.")] = None,
) -> PriceList:
    """Calls of a model that neither the own prices nor the price data know are unpriced; `/models?unpriced=true` lists
    them."""
    kept = await store.list_prices()
    prices = Prices([one.price for one in kept])
    in_use = price_in_use(prices, model, provider, utc(at) or datetime.now(UTC)) if model else None
    return PriceList(prices=[_detail(one) for one in kept], in_use=in_use)


@put(
    "/prices/{name:str}",
    operation_id="savePrice",
    summary="Set an own price",
    responses=documented(*READ_ERRORS, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    tags=["prices"],
)
async def save_price(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    only_if: PreconditionDependency,
    name: _Name,
    data: JSONBody[NewPrice],
) -> PriceDetail:
    """For calls that are recorded from now on (some seconds later at the most); it comes before the price data, and
    after a cost that came with the call."""
    price = own_price({**msgspec.to_builtins(data), "name": name})
    await store.save_price(price, by=actor(request), only_if=only_if)
    return _detail(KeptPrice(price, "api"))


@delete(
    "/prices/{name:str}",
    operation_id="deletePrice",
    summary="Delete an own price",
    response_description="Deleted.",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    tags=["prices"],
)
async def delete_price(
    request: Request[Any, Any, Any], store: StoreDependency, only_if: PreconditionDependency, name: _Name
) -> None:
    """Costs that were computed with it stay. Those of the writer's file are changed there."""
    if not await store.delete_price(name, by=actor(request), only_if=only_if):
        raise NotFoundException(f"there is no price {name} that was set here")


@post(
    "/prices/reprice",
    status_code=HTTPStatus.OK,
    operation_id="reprice",
    summary="Price a portion of the stored spans again",
    response_description="The portion is done.",
    responses=documented(*READ_ERRORS, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    tags=["prices"],
)
async def reprice(request: Request[Any, Any, Any], store: StoreDependency, data: JSONBody[Repricing]) -> Repriced:
    """With the prices of now: spans, trace summaries and the sums behind charts are corrected in one transaction.
    Portions that are done stay done, and doing one again changes nothing. Costs that came with their spans stay, and
    so do those whose price is not known any more."""
    start, end = range_of(data.from_, data.to)
    after = decode_span_cursor(data.cursor) if data.cursor is not None else None
    if after is None:
        detail = {"from": start.isoformat(), "to": end.isoformat()}
        await store.append_audit("price.reprice", by=actor(request), project=data.project, detail=detail)
    prices = Prices([kept.price for kept in await store.list_prices()])
    done = await store.reprice(prices, data.project, start, end, after=after)
    following = encode_span_cursor(done.next) if done.next else None
    return Repriced(examined=done.examined, changed=done.changed, next_cursor=following)


def _detail(kept: KeptPrice) -> PriceDetail:
    definition = encoded(kept.price)
    name = definition.pop("name")
    price = msgspec.convert(definition, NewPrice)
    return PriceDetail(name=name, origin=kept.origin, price=price, version=kept.version)
