"""Exports over asyncpg."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING

from llmflow_core.spans import Span
from llmflow_store import export_sql
from llmflow_store.exports import ExportQuery
from llmflow_store.port import TraceSummary

if TYPE_CHECKING:
    import asyncpg


class PostgresExports:
    """`Exports` for a class with a pool; see there for every method."""

    def _own_connection(self) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
        raise NotImplementedError

    async def export_traces(self, query: ExportQuery) -> AsyncGenerator[Sequence[TraceSummary], None]:
        """See `Exports`."""
        async with (
            self._own_connection() as connection,
            aclosing(export_sql.export_traces(connection, query)) as portions,
        ):
            async for portion in portions:
                yield portion

    async def export_spans(self, query: ExportQuery, *, with_content: bool) -> AsyncGenerator[Sequence[Span], None]:
        """See `Exports`."""
        async with (
            self._own_connection() as connection,
            aclosing(export_sql.export_spans(connection, query, with_content=with_content)) as portions,
        ):
            async for portion in portions:
                yield portion
