"""Credentials among the members of a JSON body."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from llmflow_proxy.secrets import secrets_of

KEY = "canary-0123456789"


@pytest.mark.parametrize(
    "body",
    [
        {"api_key": KEY},
        {"azure_api_key": KEY},
        {"tools": [{"type": "mcp", "authorization": f"Bearer {KEY}"}]},
        {"tools": [{"headers": {"X-Api-Key": KEY, "Authorization": KEY}}]},
        {"mcp_servers": [{"authorization_token": KEY}]},
        {"data_sources": [{"parameters": {"authentication": {"type": "api_key", "access_token": KEY}}}]},
        {"aws_secret_access_key": KEY},
        {"client_secret": KEY, "password": "another-password"},
    ],
)
def test_are_found(body: dict[str, Any]) -> None:
    for text in (json.dumps(body), json.dumps(body, indent=2), json.dumps(body, separators=(",", ":"))):
        assert KEY in secrets_of([], "", text.encode())


def test_are_found_however_they_are_escaped() -> None:
    found = secrets_of([], "", rb'{"api_key": "canary\/0123\u00e9", "password": "canary\"quoted"}')
    assert {"canary/0123\u00e9", 'canary"quoted'} <= set(found)


def test_are_found_in_headers_that_hold_json() -> None:
    config = {"targets": [{"provider": "openai", "api_key": KEY}, {"virtual_key": f"virtual-{KEY}"}]}
    found = secrets_of([(b"x-portkey-config", json.dumps(config).encode())], "")
    assert found == (f"virtual-{KEY}", KEY)


@pytest.mark.parametrize(
    "body",
    [
        {"max_tokens": 100, "prompt_cache_key": "conversation-of-ada", "safety_identifier": "user-of-somebody"},
        {"messages": [{"role": "user", "content": 'what is an "api_key": "and a password"?'}]},
        {"tools": [{"function": {"parameters": {"properties": {"api_key": {"type": "string"}}}}}]},
        {"api_key": "short", "authorization": None, "password": 12345678},
    ],
)
def test_are_not_taken_for_what_they_are_not(body: dict[str, Any]) -> None:
    assert secrets_of([], "", json.dumps(body).encode()) == ()


@pytest.mark.parametrize(
    "body",
    [
        b'"api_key":"' + b'\\"' * 200_000,
        b'"api_key"' + b" " * 400_000,
        b'"api_key":' + b'"aaaaapi_key' * 40_000,
        b'"' + b"api-" * 100_000 + b"api_key",
        b'{"api_key":"' * 40_000,
    ],
)
def test_no_body_takes_long(body: bytes) -> None:
    started = time.process_time()
    secrets_of([], "", body)
    assert time.process_time() - started < 20
