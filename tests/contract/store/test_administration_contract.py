"""The contract of projects, keys and the audit log, on embedded PostgreSQL and on TimescaleDB."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from llmflow_store import Store, open_store
from llmflow_store.migrations import migrate
from llmflow_testkit.administration_contract import AdministrationContract


class TestAdministration(AdministrationContract):
    """Every promise of `llmflow_store.administration.Administration`."""

    @pytest_asyncio.fixture
    async def store(self, database_url: str) -> AsyncIterator[Store]:
        await migrate(database_url)
        store = open_store(database_url)
        yield store
        await store.close()
