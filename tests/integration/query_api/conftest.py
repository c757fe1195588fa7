"""A store on a real database, and a client of the API over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from llmflow_query_api.app import create_app
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store import Store, open_store
from llmflow_store.migrations import migrate

_USER = ("llmflow", "a long password")


@pytest.fixture
def database_url(embedded_database_url: str) -> str:
    """An empty database; modules whose statements differ where there are chunks take `empty_database_url` for it."""
    return embedded_database_url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """The store in `database_url`, which is migrated."""
    await migrate(database_url)
    store = open_store(database_url)
    yield store
    await store.close()


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """The user, in front of the whole application."""
    app: Any = create_app(QueryApiSettings(auth_password=_USER[1], host="127.0.0.1"), store=store)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://llmflow.test", auth=_USER) as client:
        yield client
