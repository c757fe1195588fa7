"""Every error as RFC 9457 problem details: the one place where exceptions become HTTP answers."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import ResponseSpec
from litestar.types import ExceptionHandlersMap

from llmflow_core.errors import Changed, Rejected, Retryable, TookTooLong
from llmflow_core.filters import FilterError
from llmflow_query_api.schemas import Problem

MEDIA_TYPE = "application/problem+json"
#: What every answer of the API carries: it is for one user, and is what its media type says.
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_RETRY_AFTER_SECONDS = 5.0

# msgspec says which member is missing in words only.
_MISSING = re.compile(r"missing required field `(\w+)`")
# So does Litestar of a parameter.
_MISSING_PARAMETER = re.compile(r"Missing required \w+ parameter '(.+?)' for path")
# A missing body is a KeyError of Litestar's.
_MESSAGES = {"'data'": "a JSON body is needed"}
# RFC 9110's name; Python's is an older one before 3.13.
_PHRASES = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large"}

logger = logging.getLogger(__name__)


def documented(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """The error answers of an operation, for the OpenAPI document."""
    return {
        status: ResponseSpec(Problem, description=_phrase(status), media_type=MEDIA_TYPE, generate_examples=False)
        for status in statuses
    }


def problem(
    status: int,
    detail: str,
    *,
    field: str | None = None,
    position: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[Problem]:
    """The answer with `status` that says `detail`, and names the wrong `field` if there is one, with the place."""
    title = _phrase(status)
    return Response(
        Problem(type="about:blank", title=title, status=status, detail=detail, field=field, position=position),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={**HEADERS, **(headers or {})},
    )


def _phrase(status: int) -> str:
    return _PHRASES.get(HTTPStatus(status), HTTPStatus(status).phrase)


def _invalid(_: Request[Any, Any, Any], error: ValidationException) -> Response[Problem]:
    found = error.extra if isinstance(error.extra, list) else []
    wrong = [(_field(item), _MESSAGES.get(item["message"], item["message"])) for item in found]
    detail = "; ".join(f"{field}: {message}" if field else message for field, message in wrong)
    field = next((field for field, _ in wrong if field), None)
    if missing := _MISSING_PARAMETER.match(error.detail):
        field = missing[1]
        detail = f"{field}: must be given"
    return problem(HTTPStatus.BAD_REQUEST, detail or error.detail, field=field)


def _field(item: dict[str, Any]) -> str | None:
    if missing := _MISSING.search(item["message"]):
        return missing[1]
    # Of the handler's own names, `data` is the whole body, and a keyword of Python has an underscore behind it.
    key: str = item.get("key", "data")
    return None if key == "data" else key.rstrip("_")


def _http(_: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    return problem(error.status_code, error.detail, headers=error.headers)


def _rejected(_: Request[Any, Any, Any], error: Rejected) -> Response[Problem]:
    position = error.position if isinstance(error, FilterError) else None
    return problem(HTTPStatus.BAD_REQUEST, str(error), field=error.field, position=position)


def _changed(_: Request[Any, Any, Any], error: Changed) -> Response[Problem]:
    return problem(HTTPStatus.PRECONDITION_FAILED, str(error))


def _not_text(request: Request[Any, Any, Any], error: UnicodeDecodeError) -> Response[Problem]:
    # Litestar's decoder of JSON lets this out when a body is no UTF-8.
    if request.method in ("POST", "PUT", "PATCH"):
        return problem(HTTPStatus.BAD_REQUEST, "the body is not UTF-8")
    return _unexpected(request, error)


def _retryable(request: Request[Any, Any, Any], error: Retryable) -> Response[Problem]:
    logger.warning("%s %s: %s", request.method, request.url.path, error)
    retry_after = str(math.ceil(error.retry_after or _RETRY_AFTER_SECONDS))
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "a part of LLMFlow is away or overloaded",
        headers={"Retry-After": retry_after},
    )


def _took_too_long(request: Request[Any, Any, Any], error: TookTooLong) -> Response[Problem]:
    logger.warning("%s %s: %s", request.method, request.url.path, error)
    return problem(
        HTTPStatus.GATEWAY_TIMEOUT,
        "the database needs too long for this; ask for a shorter time or with a filter that lets less through",
    )


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "an error of LLMFlow; its log says more")


HANDLERS: ExceptionHandlersMap = {
    ValidationException: _invalid,
    HTTPException: _http,
    Rejected: _rejected,
    Changed: _changed,
    TookTooLong: _took_too_long,
    Retryable: _retryable,
    UnicodeDecodeError: _not_text,
    Exception: _unexpected,
}
