"""What the contract suites of the store share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from llmflow_store import Store, open_store
from llmflow_store.migrations import migrate


class StoreSuite:
    """Tests of a `Store`. The fixture `database_url` gives an empty database."""

    @pytest_asyncio.fixture
    async def store(self, database_url: str) -> AsyncIterator[Store]:
        """A store on a migrated database."""
        await migrate(database_url)
        store = open_store(database_url)
        yield store
        await store.close()
