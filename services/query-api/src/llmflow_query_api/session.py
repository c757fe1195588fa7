"""Logging in and out of the page."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import JSONBody, SkipValidation

from llmflow_query_api.auth import COOKIE, Gate
from llmflow_query_api.problems import documented
from llmflow_query_api.schemas import Credentials, CurrentUser, Session

COOKIE_PATH = "/api/v1"


@post(
    "/login",
    status_code=HTTPStatus.OK,
    operation_id="login",
    summary="Log in",
    response_description="Logged in; the session cookie is set.",
    responses=documented(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    tags=["session"],
)
async def login(
    request: Request[Any, Any, Any], data: JSONBody[Credentials], gate: NamedDependency[SkipValidation[Gate]]
) -> Response[Session]:
    """Check a user name and a password, and set the session cookie. Repeated failures are slowed."""
    gate.check(request, data.username, data.password)
    cookie = Cookie(
        key=COOKIE,
        path=COOKIE_PATH,
        value=await gate.sessions.issue(data.username),
        max_age=gate.sessions.lifetime_seconds,
        secure=request.scope["scheme"] == "https",
        httponly=True,
        samesite="lax",
    )
    return Response(Session(username=data.username), cookies=[cookie])


@post(
    "/logout",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="logout",
    summary="Log out",
    response_description="Logged out.",
    response_cookies=[Cookie(key=COOKIE, path=COOKIE_PATH, value="", max_age=0, httponly=True)],
    responses=documented(HTTPStatus.FORBIDDEN),
    tags=["session"],
)
async def logout() -> None:
    """Remove the session cookie. Right for a client without one, too."""


@get(
    "/session",
    operation_id="getSession",
    summary="Who is logged in",
    responses=documented(HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE),
    tags=["session"],
)
async def get_session(request: Request[Any, Any, Any], gate: NamedDependency[SkipValidation[Gate]]) -> CurrentUser:
    """The user whom the Authorization header or the session cookie names; null without either or when the session has
    ended. A wrong password is an error here as everywhere."""
    return CurrentUser(username=await gate.recognise(request))
