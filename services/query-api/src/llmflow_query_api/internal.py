"""What the other services ask this one: the API keys, and what `internal_destinations` says of destinations. They show
the token that all of them share."""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus
from typing import Annotated, Any

from litestar import MediaType, Request, Router, get, post
from litestar.exceptions import NotAuthorizedException, NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from litestar.response import Response
from msgspec import Meta, Struct
from msgspec import json as msgspec_json

from llmflow_core.api_keys import KeyRing
from llmflow_core.key_refresh import SNAPSHOT_PATH, USED_PATH
from llmflow_query_api.auth import Connection
from llmflow_query_api.internal_destinations import note_job, replay_page, sync
from llmflow_query_api.traces import StoreDependency


class UsedKeys(Struct, frozen=True, kw_only=True):
    """The ids of keys that were used since the last report."""

    ids: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=100_000)]


@get(SNAPSHOT_PATH, include_in_schema=False)
async def get_keys(request: Request[Any, Any, Any], store: StoreDependency) -> Response[bytes]:
    """The snapshot that `KeyRing.from_document` reads; 304 for who has it already."""
    body = msgspec_json.encode(KeyRing(await store.key_snapshot()).document())
    headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "Cache-Control": "no-store"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type=MediaType.JSON, headers=headers)


@post(USED_PATH, status_code=HTTPStatus.NO_CONTENT, include_in_schema=False)
async def note_used_keys(store: StoreDependency, data: JSONBody[UsedKeys]) -> None:
    """Note which keys are in use."""
    await store.note_used_keys(data.ids)


async def _shows_the_token(connection: Connection, _: BaseRouteHandler) -> None:
    token: str | None = connection.app.state.keys_token
    if token is None:
        raise NotFoundException
    shown = connection.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(shown.encode(), token.encode()):
        raise NotAuthorizedException("wrong token")


def internal_router(dependencies: dict[str, Any]) -> Router:
    """The routes; without a token in the application's state they do not exist."""
    handlers = [get_keys, note_used_keys, sync, replay_page, note_job]
    return Router("", route_handlers=handlers, guards=[_shows_the_token], dependencies=dependencies)
