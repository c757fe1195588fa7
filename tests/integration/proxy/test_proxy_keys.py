"""API keys on a running proxy: whose calls are recorded where, and that no key goes further than the proxy."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from litestar import Litestar, get
from litestar import post as post_route

from llmflow_core.api_keys import ApiKey, KeyRing, Scope, digest_of, new_key
from llmflow_core.key_refresh import SNAPSHOT_PATH, USED_PATH
from llmflow_proxy.app import create_app
from llmflow_proxy.settings import ProxySettings
from llmflow_testkit.ports import free_port
from llmflow_testkit.providers import BackgroundServer, FakeProvider

from .conftest import Recorded

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Why?"}]}
AUTH = {"authorization": "Bearer sk-test"}


@contextmanager
def proxy(fake_provider: FakeProvider, log_url: str, **settings: Any) -> Iterator[str]:
    base: dict[str, Any] = {"bus_url": log_url, "openai_base_url": f"{fake_provider.url}/v1"}
    with BackgroundServer(create_app(ProxySettings(**base, **settings))) as server:
        yield server.url


async def post(
    url: str, headers: Mapping[str, str] | None = None, path: str = "/v1/chat/completions"
) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        return await client.post(path, json=CHAT, headers={**AUTH, **(headers or {})})


@contextmanager
def query_api(keys: list[ApiKey]) -> Iterator[str]:
    """A query API that hands out `keys`."""

    @get(SNAPSHOT_PATH)
    async def snapshot() -> dict[str, Any]:
        return KeyRing(keys).document()

    @post_route(USED_PATH, status_code=204)
    async def used() -> None:
        pass

    with BackgroundServer(Litestar([snapshot, used])) as server:
        yield server.url


def make_key(project: str, *scopes: Scope) -> tuple[str, ApiKey]:
    key, key_id = new_key()
    return key, ApiKey(id=key_id, digest=digest_of(key), project=project, scopes=frozenset(scopes))


async def test_api_keys_decide_the_project_and_never_travel_upstream(
    fake_provider: FakeProvider, log_url: str, recorded: Recorded
) -> None:
    key, known = make_key("team-a", "ingest")
    reader, known_reader = make_key("team-b", "read")
    basic = base64.b64encode(f"{known.id}:{key}".encode()).decode()
    places: list[dict[str, str]] = [
        {"x-llmflow-key": key},
        {"authorization": f"Bearer {key}"},
        {"authorization": f"Basic {basic}"},
        {"x-llmflow-key": key, "authorization": f"Bearer {key}"},
    ]
    with query_api([known, known_reader]) as keys_url:
        settings = {
            "keys_url": keys_url,
            "keys_token": "t" * 32,
            "openai_default_headers": '{"Authorization": "Bearer sk-of-the-provider"}',
        }
        with proxy(fake_provider, log_url, **settings) as url:
            for place in places:
                assert (await post(url, place)).status_code == 200, place
                sent = fake_provider.requests[-1].headers
                expected = "Bearer sk-of-the-provider" if "authorization" in place else AUTH["authorization"]
                assert dict(sent)["authorization"] == expected
                assert not any("lf-sk-" in value or basic in value for _, value in sent)
            before = len(fake_provider.requests)
            assert (await post(url, {"x-llmflow-key": new_key()[0]})).status_code == 401
            assert (await post(url, {"x-llmflow-key": reader})).status_code == 403
            assert (await post(url, path=f"/v1/chat/completions?key={key}")).status_code == 401
            assert len(fake_provider.requests) == before
            assert (await post(url)).status_code == 200
        with proxy(fake_provider, log_url, keys_required=True, **settings) as url:
            assert (await post(url)).status_code == 401
    assert [span.project for span in await recorded.all(5)] == ["team-a"] * 4 + ["default"]
    assert not any(key.encode() in value or basic.encode() in value for value in recorded.values)


async def test_keys_that_cannot_be_checked_are_a_reason_to_try_again(fake_provider: FakeProvider, log_url: str) -> None:
    settings = {"keys_url": f"http://127.0.0.1:{free_port()}", "keys_token": "t" * 32}
    with proxy(fake_provider, log_url, **settings) as url:
        assert (await post(url, {"x-llmflow-key": new_key()[0]})).status_code == 503
        assert (await post(url)).status_code == 200
