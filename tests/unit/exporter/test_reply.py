"""What each answer of a destination means for the spans that were sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from llmflow_exporter.http_transport import reply_to
from llmflow_exporter.transport import Reply, Verdict


def _reply(status: int, content: bytes = b"too\r\n\x00much", **headers: str) -> Reply:
    return reply_to(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_success(status: int) -> None:
    assert _reply(status).verdict is Verdict.TAKEN


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_overload_is_retried_at_the_usual_pace(status: int) -> None:
    reply = _reply(status)
    assert (reply.verdict, reply.retry_after) == (Verdict.LATER, None)
    assert reply.reason == f"HTTP {status}: too much"


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 407, 415])
def test_what_the_operator_must_put_right_is_retried_slowly(status: int) -> None:
    assert _reply(status).verdict is Verdict.BLOCKED


def test_redirect_is_a_wrong_address() -> None:
    assert _reply(301, location="https://elsewhere.example.com/").verdict is Verdict.BLOCKED


@pytest.mark.parametrize(
    ("body", "said", "rejected"),
    [
        (b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}', "too old", 3),
        (b'{"partialSuccess":{}}', "", 0),
        (b'{"partialSuccess":null}', "", 0),
        (b'{"partialSuccess":[1]}', "", 0),
        (b'{"id":', "", 0),
        (b"\x0a\x05\x08\x02\x12\x01x", "x", 2),
        (b"OK", "", 0),
        (b"", "", 0),
    ],
)
def test_partial_success(body: bytes, said: str, rejected: int) -> None:
    assert _reply(200, body) == Reply(Verdict.TAKEN, said, rejected_spans=rejected)


def test_too_much_at_once() -> None:
    assert _reply(413).verdict is Verdict.TOO_LARGE


@pytest.mark.parametrize("status", [400, 409, 422])
def test_refused(status: int) -> None:
    assert _reply(status).verdict is Verdict.REFUSED


@pytest.mark.parametrize("status", [500, 501, 520])
def test_other_server_errors_are_doubtful(status: int) -> None:
    assert _reply(status).verdict is Verdict.DOUBTFUL


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("999999", 3600.0), ("soon", None), ("nan", None), ("", None)],
)
def test_retry_after_in_seconds(header: str, seconds: float | None) -> None:
    assert _reply(429, retry_after=header).retry_after == seconds


def test_retry_after_as_a_date() -> None:
    at = datetime.now(UTC) + timedelta(seconds=90)
    seconds = _reply(503, retry_after=format_datetime(at, usegmt=True)).retry_after
    assert seconds is not None
    assert 80 < seconds <= 90
    assert _reply(503, retry_after="Mon, 01 Jan 2001 00:00:00 GMT").retry_after == 0.0
    assert _reply(503, retry_after="Mon, 01 Jan 2001 00:00:00 -0000").retry_after is None
    assert _reply(503, retry_after="Mon, 01 Jan 99999999999999999999 00:00:00 GMT").retry_after is None
