"""Sessions, users, models and values over asyncpg."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from llmflow_store import directory_sql, sessions_sql
from llmflow_store.analytics import FacetValue
from llmflow_store.directory import ModelQuery, ModelUsage, UserCourse, UserQuery, UserUsage
from llmflow_store.port import TraceCursor
from llmflow_store.sessions import SessionPage, SessionQuery, SessionTraces

if TYPE_CHECKING:
    import asyncpg


class PostgresDirectory:
    """`Sessions` and `Directory` for a class with a pool; see there for every method."""

    def _connection(self) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
        raise NotImplementedError

    async def list_sessions(self, query: SessionQuery) -> SessionPage:
        """See `Sessions`."""
        async with self._connection() as connection:
            return await sessions_sql.list_sessions(connection, query)

    async def get_session(
        self, project: str, session_id: str, *, limit: int, after: TraceCursor | None = None
    ) -> SessionTraces | None:
        """See `Sessions`."""
        async with self._connection() as connection:
            return await sessions_sql.get_session(connection, project, session_id, limit, after)

    async def list_users(self, query: UserQuery) -> Sequence[UserUsage]:
        """See `Directory`."""
        async with self._connection() as connection:
            return await directory_sql.list_users(connection, query)

    async def get_user(
        self, project: str, user_id: str, from_time: datetime, to_time: datetime, interval: timedelta
    ) -> UserCourse | None:
        """See `Directory`."""
        async with self._connection() as connection:
            return await directory_sql.get_user(connection, project, user_id, from_time, to_time, interval)

    async def list_models(self, query: ModelQuery) -> Sequence[ModelUsage]:
        """See `Directory`."""
        async with self._connection() as connection:
            return await directory_sql.list_models(connection, query)

    async def field_values(
        self, project: str, field: str, from_time: datetime, to_time: datetime, *, prefix: str = "", limit: int = 50
    ) -> Sequence[FacetValue]:
        """See `Directory`."""
        async with self._connection() as connection:
            return await directory_sql.field_values(connection, project, field, from_time, to_time, prefix, limit)
