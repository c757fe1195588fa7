"""How errors are answered."""

from __future__ import annotations

import pytest
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import RetryInfo
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

from llmflow_core.errors import Permanent, Rejected, Retryable
from llmflow_ingest.errors import (
    RETRY_AFTER_SECONDS,
    Forbidden,
    TooLarge,
    TooSlow,
    Unauthenticated,
    UnsupportedMedia,
    failure_of,
)


@pytest.mark.parametrize(
    ("error", "http_status", "code"),
    [
        (Rejected("must be hexadecimal", field="traceId"), 400, code_pb2.INVALID_ARGUMENT),
        (Permanent("too large for the log"), 400, code_pb2.INVALID_ARGUMENT),
        (UnsupportedMedia("text/plain"), 415, code_pb2.INVALID_ARGUMENT),
        (TooLarge("21 MB"), 413, code_pb2.RESOURCE_EXHAUSTED),
        (HTTPException(status_code=413), 413, code_pb2.RESOURCE_EXHAUSTED),
        (NotFoundException(), 404, code_pb2.NOT_FOUND),
        (MethodNotAllowedException(), 405, code_pb2.UNIMPLEMENTED),
        (Retryable("the log is away"), 503, code_pb2.UNAVAILABLE),
        (Unauthenticated("an API key is needed"), 401, code_pb2.UNAUTHENTICATED),
        (Forbidden("the scope is missing"), 403, code_pb2.PERMISSION_DENIED),
        (TooSlow("the body did not arrive"), 408, code_pb2.DEADLINE_EXCEEDED),
        (KeyError("secret detail"), 500, code_pb2.INTERNAL),
    ],
)
def test_status(error: Exception, http_status: int, code: int) -> None:
    failure = failure_of(error)
    assert (failure.http_status, failure.code, failure.status().code) == (http_status, code, code)
    assert "secret" not in failure.message


def test_message_names_the_field() -> None:
    assert (
        failure_of(Rejected("must be hexadecimal", field="traceId")).status().message == "traceId: must be hexadecimal"
    )


@pytest.mark.parametrize(
    ("hint", "header", "seconds"), [(None, "2", RETRY_AFTER_SECONDS), (0.2, "1", 0.2), (7.5, "8", 7.5)]
)
def test_retryable_says_when(hint: float | None, header: str, seconds: float) -> None:
    failure = failure_of(Retryable("busy", retry_after=hint))
    assert failure.headers == {"retry-after": header}
    info = RetryInfo()
    assert failure.status().details[0].Unpack(info)
    assert info.retry_delay.ToNanoseconds() == int(seconds * 1e9)


def test_others_ask_for_no_retry() -> None:
    failure = failure_of(Rejected("wrong"))
    assert failure.headers == {}
    assert not failure.status().details
