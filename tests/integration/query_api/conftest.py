"""A store on a real database, and a client of the API over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest

from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store, open_store
from llmflow_testkit.query_api_app import query_api_app

_USER = ("llmflow", "a long password")


@pytest.fixture
def database_url(migrated_embedded_url: str) -> str:
    """A migrated database without data; modules whose statements differ where there are chunks take
    `migrated_database_url` for it."""
    return migrated_embedded_url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """The store in `database_url`."""
    store = open_store(database_url)
    yield store
    await store.close()


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """The user, in front of the whole application."""
    with query_api_app(QueryApiSettings(auth_password=_USER[1], host="127.0.0.1"), store=store) as app:
        transport = httpx.ASGITransport(cast(Any, app))
        async with httpx.AsyncClient(transport=transport, base_url="http://llmflow.test", auth=_USER) as client:
            yield client
