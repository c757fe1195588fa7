"""A service's snapshot of the API keys: fetched in time, kept while the query API is away, over restarts too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from llmflow_core import key_refresh
from llmflow_core.api_keys import ApiKey, KeyRing, digest_of, new_key
from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError, Retryable
from llmflow_core.key_refresh import KeyRefresher, key_refresher
from llmflow_core.key_settings import KeySettings
from llmflow_testkit.polling import eventually

TOKEN = "t" * 32


class QueryApi(httpx.AsyncBaseTransport):
    """Stands in the query API's place and counts what it is asked for."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.away = False
        self.refused = 0
        self.answers: list[int] = []
        self.used: set[str] = set()

    def make(self, project: str) -> str:
        key, public_id = new_key()
        self.keys[key] = ApiKey(id=public_id, digest=digest_of(key), project=project, scopes=frozenset({"ingest"}))
        return key

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            self.refused += 1
            raise httpx.ConnectError("refused")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        if request.method == "POST":
            self.used |= set(json.loads(await request.aread())["ids"])
            return httpx.Response(204)
        document = KeyRing(self.keys.values()).document()
        etag = f'"{hash(json.dumps(document))}"'
        status = 304 if request.headers.get("if-none-match") == etag else 200
        self.answers.append(status)
        return httpx.Response(status, headers={"etag": etag}, json=document if status == 200 else None)


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_refresh, "_PAUSE_SECONDS", 0.1)


async def until(probe: Callable[[], bool]) -> None:
    async def asked() -> bool:
        return probe()

    await eventually(asked, within=30, every=0.01)


@pytest.fixture
def query_api() -> QueryApi:
    return QueryApi()


@pytest.fixture
def refresher(query_api: QueryApi) -> Callable[..., KeyRefresher]:
    def make(interval: float = 3600, file: Path | None = None) -> KeyRefresher:
        return KeyRefresher("http://query-api:3000/", TOKEN, interval=interval, file=file, transport=query_api)

    return make


async def test_keys_are_fetched_and_only_once_while_nothing_changes(
    query_api: QueryApi, refresher: Callable[..., KeyRefresher]
) -> None:
    key = query_api.make("shop")
    async with refresher(interval=0.01) as keys:
        assert await keys.allows(key, "ingest") == "shop"
        assert await keys.allows(key, "read") is None
        await until(lambda: len(query_api.answers) > 3)
        assert query_api.answers[0] == 200
        assert set(query_api.answers[1:]) == {304}


async def test_a_revoked_key_is_refused_after_the_interval(
    query_api: QueryApi, refresher: Callable[..., KeyRefresher]
) -> None:
    key = query_api.make("shop")
    async with refresher(interval=0.01) as keys:
        assert await keys.find(key)
        query_api.keys.clear()
        await until(lambda: keys.known(key) is None)


async def test_a_new_key_works_at_once_and_unknown_ones_cause_few_fetches(
    query_api: QueryApi, refresher: Callable[..., KeyRefresher]
) -> None:
    async with refresher() as keys:
        await until(lambda: len(query_api.answers) == 1)
        key = query_api.make("shop")
        found = await asyncio.gather(keys.allows(key, "ingest"), *(keys.find(new_key()[0]) for _ in range(50)))
        assert found == ["shop", *[None] * 50]
        fetches = len(query_api.answers)
        assert 2 <= fetches < 10, "one for all, unless the pause passes while they ask"
        await keys.find("no key at all")
        assert len(query_api.answers) == fetches


async def test_the_last_snapshot_stays_while_the_query_api_is_away_also_over_a_restart(
    query_api: QueryApi, refresher: Callable[..., KeyRefresher], tmp_path: Path
) -> None:
    key, file = query_api.make("shop"), tmp_path / "state" / "keys.json"
    async with refresher(file=file) as keys:
        assert await keys.find(key)
        query_api.away = True
        with pytest.raises(Retryable):
            await keys.find(new_key()[0])
        assert await keys.find(key)
    assert file.stat().st_mode & 0o077 == 0
    assert key not in file.read_text()
    async with refresher(file=file) as keys:
        assert await keys.allows(key, "ingest") == "shop"


async def test_an_outage_is_logged_once_and_a_query_api_that_starts_at_the_same_time_is_none(
    query_api: QueryApi, refresher: Callable[..., KeyRefresher], caplog: pytest.LogCaptureFixture
) -> None:
    def complaints() -> list[str]:
        return [record.message for record in caplog.records if record.name == key_refresh.__name__]

    query_api.away = True
    async with refresher(interval=0.01):
        await until(lambda: query_api.refused > 0)
        query_api.away = False
        await until(lambda: bool(query_api.answers))
        first_outage = query_api.refused
        assert len(complaints()) == (first_outage > 1)
        caplog.clear()
        query_api.away = True
        await until(lambda: query_api.refused > first_outage + 4)
        assert len(complaints()) == 1


@pytest.mark.parametrize("content", [b"", b"[]", b'{"keys": [{}]}', b"\xff"])
async def test_a_broken_file_is_no_reason_not_to_start(
    query_api: QueryApi, refresher: Callable[..., KeyRefresher], tmp_path: Path, content: bytes
) -> None:
    key, file = query_api.make("shop"), tmp_path / "keys.json"
    file.write_bytes(content)
    async with refresher(file=file) as keys:
        assert await keys.find(key)
    assert file.read_bytes() != content


async def test_before_the_first_snapshot_nobody_can_tell(
    query_api: QueryApi, refresher: Callable[..., KeyRefresher], caplog: pytest.LogCaptureFixture
) -> None:
    query_api.away = True
    async with refresher() as keys:
        with pytest.raises(Retryable):
            await keys.find(query_api.make("shop"))
        with pytest.raises(Retryable):
            await keys.find(query_api.make("shop"))
        assert "no key is known yet" in caplog.text
        assert TOKEN not in caplog.text


async def test_the_query_api_hears_which_keys_were_used(
    query_api: QueryApi, refresher: Callable[..., KeyRefresher]
) -> None:
    used = query_api.make("shop")
    query_api.make("other")
    async with refresher(interval=0.01) as keys:
        await keys.find(used)
        await until(lambda: bool(query_api.used))
    assert query_api.used == {query_api.keys[used].id}


def test_without_a_url_there_is_none() -> None:
    assert key_refresher(KeySettings()) is None
    assert key_refresher(KeySettings(keys_url="http://a", keys_token=TOKEN)) is not None


@pytest.mark.parametrize(
    ("values", "variable"),
    [
        ({"keys_url": "http://a"}, "LLMFLOW_KEYS_TOKEN"),
        ({"keys_url": "http://a", "keys_token": "short"}, "LLMFLOW_KEYS_TOKEN"),
        ({"keys_required": True}, "LLMFLOW_KEYS_REQUIRED"),
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, object], variable: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        load_settings(KeySettings, **values)
