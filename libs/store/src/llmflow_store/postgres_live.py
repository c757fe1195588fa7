"""Traces as they change, over asyncpg."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from llmflow_core.filters import Filter
from llmflow_store import live_sql
from llmflow_store.live import Changes
from llmflow_store.port import TraceSummary

if TYPE_CHECKING:
    import asyncpg


class PostgresLive:
    """`Live` for a class with a pool; see there for every method."""

    def _connection(self) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
        raise NotImplementedError

    def _own_connection(self) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
        raise NotImplementedError

    async def live_position(self) -> str:
        """See `Live`."""
        async with self._connection() as connection:
            return await live_sql.live_position(connection)

    async def changes_since(self, position: str, project: str | None = None) -> Changes:
        """See `Live`."""
        async with self._connection() as connection:
            return await live_sql.changes_since(connection, position, project)

    async def changed_traces(
        self, project: str, trace_ids: Sequence[bytes], filter_by: Filter | None = None
    ) -> Sequence[TraceSummary]:
        """See `Live`."""
        async with self._connection() as connection:
            return await live_sql.changed_traces(connection, project, trace_ids, filter_by)

    async def watch_writes(self, heard: Callable[[Sequence[str]], None]) -> None:
        """See `Live`."""
        async with self._own_connection() as connection:
            await live_sql.watch_writes(connection, heard)
