"""Headers that a program has put among a call's parameters."""

from __future__ import annotations

import pytest

from llmflow_proxy.body_headers import lift, may_have_headers

HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"99"), (b"x-trace-step", b"first")]


def test_trace_headers_move_from_the_body_to_the_headers() -> None:
    body = b'{"model": "gpt-4o", "temperature": 0.5, "headers": {"X-Trace-Id": "t", "X-Trace-Step": "plan"}}'
    assert lift(HEADERS, body) == (
        [
            (b"content-type", b"application/json"),
            (b"content-length", b"36"),
            (b"x-trace-id", b"t"),
            (b"x-trace-step", b"plan"),
        ],
        b'{"model":"gpt-4o","temperature":0.5}',
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"headers": {"X-Trace-Id": "t", "authorization": "x"}}',
        b'{"headers": {"X-Trace-Id": 1}}',
        b'{"headers": {}}',
        b'{"headers": ["X-Trace-Id"]}',
        b'{"tools": [{"headers": {"X-Trace-Id": "t"}}]}',
        b'["headers"]',
        b'{"headers": {"X-Trace-Id": "t"}',
    ],
)
def test_everything_else_stays_as_it_is(body: bytes) -> None:
    assert may_have_headers(body)
    assert lift(HEADERS, body) == (HEADERS, body)


def test_a_long_body_is_looked_at_where_parameters_stand() -> None:
    member, text = b'"headers": {"X-Trace-Id": "t"}', b'"input": "' + b"x" * 100_000 + b'"'
    assert may_have_headers(b"{" + member + b", " + text + b"}")
    assert may_have_headers(b"{" + text + b", " + member + b"}")
    assert not may_have_headers(b"{" + text + b"}")
