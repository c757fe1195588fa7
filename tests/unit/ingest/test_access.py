"""Who may send, and to which project."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from llmflow_core.api_keys import ApiKey, KeyRing, Scope, digest_of, new_key
from llmflow_core.errors import LLMFlowError, Rejected, Retryable
from llmflow_core.key_refresh import KeyRefresher
from llmflow_ingest.access import Access
from llmflow_ingest.errors import Forbidden, Unauthenticated

KEY, KEY_ID = new_key()
READER, READER_ID = new_key()
UNKNOWN, _ = new_key()


def _api_key(key: str, key_id: str, scope: Scope) -> ApiKey:
    return ApiKey(id=key_id, digest=digest_of(key), project="team-a", scopes=frozenset({scope}))


RING = KeyRing([_api_key(KEY, KEY_ID, "ingest"), _api_key(READER, READER_ID, "read")])


@asynccontextmanager
async def _access(*, required: bool = False, status: int = 200) -> AsyncIterator[Access]:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json=RING.document()))
    async with KeyRefresher("http://query-api", "t" * 32, transport=transport) as keys:
        yield Access(keys, required=required)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": _basic(KEY_ID, KEY)},
        {"authorization": KEY, "comet-workspace": "default"},
        {"x-api-key": KEY},
        {"x-llmflow-key": KEY, "authorization": "Bearer of-somebody-else"},
        {"x-api-key": KEY, "x-llmflow-project": "team-b"},
    ],
)
async def test_a_key_decides_the_project(headers: dict[str, str], required: bool) -> None:
    async with _access(required=required) as access:
        assert await access.project(headers) == "team-a"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-dummy"}, {"authorization": _basic("pk", "sk")}])
async def test_without_a_key_the_header_does_unless_one_is_needed(headers: dict[str, str]) -> None:
    async with _access() as access:
        assert await access.project(headers) == "default"
        assert await access.project(headers | {"x-llmflow-project": "team-b"}) == "team-b"
        with pytest.raises(Rejected, match="x-llmflow-project"):
            await access.project(headers | {"x-llmflow-project": "No Such"})
    async with _access(required=True) as access:
        with pytest.raises(Unauthenticated):
            await access.project(headers | {"x-llmflow-project": "team-b"})


@pytest.mark.parametrize(("key", "error"), [(UNKNOWN, Unauthenticated), (READER, Forbidden)], ids=["unknown", "reader"])
@pytest.mark.parametrize("required", [False, True])
async def test_a_key_that_may_not_send(key: str, error: type[LLMFlowError], required: bool) -> None:
    async with _access(required=required) as access:
        with pytest.raises(error):
            await access.project({"authorization": f"Bearer {key}"})


async def test_nobody_knows_the_keys_now() -> None:
    async with _access(status=503) as access:
        with pytest.raises(Retryable):
            await access.project({"authorization": f"Bearer {KEY}"})


async def test_a_deployment_without_keys_ignores_them() -> None:
    assert await Access().project({"authorization": f"Bearer {KEY}", "x-llmflow-project": "team-b"}) == "team-b"
