"""Saved views over asyncpg."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import orjson

from llmflow_store.versions import UNCONDITIONAL, Precondition
from llmflow_store.views import SavedView

if TYPE_CHECKING:
    import asyncpg

_COLUMNS = "project, id, page, name, search, is_default, author"
_LIST = f"SELECT {_COLUMNS} FROM saved_views WHERE project = $1 ORDER BY page, name, id"  # noqa: S608
_GET_TO_CHANGE = f"SELECT {_COLUMNS} FROM saved_views WHERE project = $1 AND id = $2 FOR UPDATE"  # noqa: S608
_DELETE = f"DELETE FROM saved_views WHERE project = $1 AND id = $2 RETURNING {_COLUMNS}"  # noqa: S608
# Two who save at once could both take a name or the default, each before the other is seen.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('saved_views ' || $1, 0))"
_TAKEN = "SELECT FROM saved_views WHERE project = $1 AND page = $2 AND name = $3 AND id <> $4"
_CLEAR_DEFAULT = "UPDATE saved_views SET is_default = false WHERE project = $1 AND page = $2 AND is_default"
_SAVE = """
INSERT INTO saved_views (project, id, page, name, search, is_default, author) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (project, id) DO UPDATE SET page = excluded.page, name = excluded.name, search = excluded.search,
    is_default = excluded.is_default, author = excluded.author, changed_at = now()
"""


class PostgresViews:
    """`SavedViews` for a class with a pool; see there for every method."""

    def _connection(self) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
        raise NotImplementedError

    async def list_views(self, project: str) -> Sequence[SavedView]:
        """See `SavedViews`."""
        async with self._connection() as connection:
            return [SavedView(**row) for row in await connection.fetch(_LIST, project)]

    async def save_view(self, view: SavedView, *, only_if: Precondition = UNCONDITIONAL) -> bool:
        """See `SavedViews`."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(_LOCK, view.project)
            if await connection.fetchrow(_TAKEN, view.project, view.page, view.name, view.id) is not None:
                return False
            before = await connection.fetchrow(_GET_TO_CHANGE, view.project, view.id)
            only_if.check(SavedView(**before).version if before else None)
            if view.is_default:
                await connection.execute(_CLEAR_DEFAULT, view.project, view.page)
            search = orjson.dumps(dict(view.search))
            await connection.execute(
                _SAVE, view.project, view.id, view.page, view.name, search, view.is_default, view.author
            )
        return True

    async def delete_view(self, project: str, view_id: str, *, only_if: Precondition = UNCONDITIONAL) -> bool:
        """See `SavedViews`."""
        async with self._connection() as connection, connection.transaction():
            row = await connection.fetchrow(_DELETE, project, view_id)
            if row is not None:
                only_if.check(SavedView(**row).version)
        return row is not None
