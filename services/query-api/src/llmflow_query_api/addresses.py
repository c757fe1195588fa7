"""Where applications send to: what the page's first steps tell people."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from litestar import Request, get
from msgspec import Meta, Struct

from llmflow_query_api.problems import documented
from llmflow_query_api.settings import QueryApiSettings

_ADDRESS = "A URL, or a port on the host by which the API is reached."


class Addresses(Struct, frozen=True, kw_only=True):
    """Where applications reach LLMFlow."""

    proxy: Annotated[str, Meta(description=f"The LLM proxy. {_ADDRESS}", examples=["8080"])]
    otlp: Annotated[str, Meta(description=f"The receiver of OTLP over HTTP. {_ADDRESS}", examples=["4318"])]


@get(
    "/addresses",
    operation_id="getAddresses",
    summary="Where applications send to",
    responses=documented(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE
    ),
    tags=["session"],
)
async def get_addresses(request: Request[Any, Any, Any]) -> Addresses:
    """As the settings LLMFLOW_PROXY_ADDRESS and LLMFLOW_OTLP_ADDRESS say."""
    settings: QueryApiSettings = request.app.state.settings
    return Addresses(proxy=settings.proxy_address, otlp=settings.otlp_address)
