"""What goes wrong in a request, and how OTLP says it over HTTP and gRPC."""

from __future__ import annotations

import math
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from litestar.exceptions import HTTPException

from llmflow_core.errors import LLMFlowError, Permanent, Rejected, Retryable

#: The pause asked of a client when the failure itself names none, in seconds.
RETRY_AFTER_SECONDS = 2.0

# A challenge goes with 401. Whoever sends too slowly, or more than is read, is hung up on.
_HEADERS = {401: {"www-authenticate": "Bearer"}, 408: {"connection": "close"}, 413: {"connection": "close"}}
_CODES = {400: code_pb2.INVALID_ARGUMENT, 404: code_pb2.NOT_FOUND, 405: code_pb2.UNIMPLEMENTED}


class UnsupportedMedia(Rejected):
    """The request's content type or content encoding is none that the receiver reads (HTTP 415)."""


class TooLarge(Rejected):
    """The request's body, as sent or decompressed, is beyond the limit (HTTP 413)."""


class Unauthenticated(LLMFlowError):  # noqa: N818
    """The request has no API key where one is needed, or one that is not in force (HTTP 401)."""


class Forbidden(LLMFlowError):  # noqa: N818
    """The request's API key may not send (HTTP 403)."""


class TooSlow(LLMFlowError):  # noqa: N818
    """The request's body did not arrive in time (HTTP 408)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed request: HTTP status, google.rpc.Code, text, and the pause before a retry in seconds, if one helps."""

    http_status: int
    code: int
    message: str
    retry_after: float | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers that go with it."""
        headers = dict(_HEADERS.get(self.http_status, {}))
        if self.retry_after is not None:
            headers["retry-after"] = str(math.ceil(self.retry_after))
        return headers

    def status(self) -> Status:
        """The google.rpc.Status that OTLP wants as the body; it holds a RetryInfo where a retry helps."""
        status = Status(code=self.code, message=self.message)
        if self.retry_after is not None:
            delay = Duration()
            delay.FromMilliseconds(int(self.retry_after * 1000))
            status.details.add().Pack(RetryInfo(retry_delay=delay))
        return status


def failure_of(error: Exception) -> Failure:
    """How `error` is answered. What nobody foresaw is an internal error without details."""
    match error:
        case UnsupportedMedia():
            return Failure(415, code_pb2.INVALID_ARGUMENT, str(error))
        case TooLarge():
            return Failure(413, code_pb2.RESOURCE_EXHAUSTED, str(error))
        case Unauthenticated():
            return Failure(401, code_pb2.UNAUTHENTICATED, str(error))
        case Forbidden():
            return Failure(403, code_pb2.PERMISSION_DENIED, str(error))
        case TooSlow():
            return Failure(408, code_pb2.DEADLINE_EXCEEDED, str(error))
        case Rejected() | Permanent():
            return Failure(400, code_pb2.INVALID_ARGUMENT, str(error))
        case Retryable():
            return Failure(503, code_pb2.UNAVAILABLE, str(error), error.retry_after or RETRY_AFTER_SECONDS)
        case HTTPException(status_code=413):
            return failure_of(TooLarge("larger than LLMFLOW_INGEST_MAX_BODY allows", field="body"))
        case HTTPException() if error.status_code < 500:
            code = _CODES.get(error.status_code, code_pb2.INVALID_ARGUMENT)
            return Failure(error.status_code, code, error.detail)
        case _:
            return Failure(500, code_pb2.INTERNAL, "internal error")
