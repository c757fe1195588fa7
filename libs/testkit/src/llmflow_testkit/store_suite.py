"""What the contract suites of the store share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from llmflow_store import Store, open_store


class StoreSuite:
    """Tests of a `Store` on a migrated database without data, once on each kind."""

    @pytest.fixture
    def database_url(self, migrated_database_url: str) -> str:
        """Where the store's database is."""
        return migrated_database_url

    @pytest_asyncio.fixture
    async def store(self, database_url: str) -> AsyncIterator[Store]:
        """The store."""
        store = open_store(database_url)
        yield store
        await store.close()
