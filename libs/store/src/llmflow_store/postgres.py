"""The store over asyncpg, for TimescaleDB and for plain PostgreSQL alike."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import asyncpg

from llmflow_core.errors import LLMFlowError, Retryable, TookTooLong
from llmflow_core.filters import Filter
from llmflow_core.spans import Span
from llmflow_store import (
    analytics_sql,
    facets,
    live_sql,
    prometheus_sql,
    reads,
    search,
    topology_sql,
    user_rollups,
    writes,
)
from llmflow_store.analytics import AnalyticsQuery, AnalyticsResult, Facets
from llmflow_store.connections import check_url, set_codecs, translated
from llmflow_store.migrations import newest_version
from llmflow_store.port import SearchBacklog, SpanPage, SpanQuery, Trace, TraceOutline, TracePage, TraceQuery
from llmflow_store.postgres_administration import PostgresAdministration
from llmflow_store.postgres_alerts import PostgresAlerts
from llmflow_store.postgres_destinations import PostgresDestinations
from llmflow_store.postgres_directory import PostgresDirectory
from llmflow_store.postgres_exports import PostgresExports
from llmflow_store.postgres_live import PostgresLive
from llmflow_store.postgres_prices import PostgresPrices
from llmflow_store.postgres_retention import PostgresRetention
from llmflow_store.postgres_signals import PostgresSignals
from llmflow_store.postgres_views import PostgresViews
from llmflow_store.results import WriteResult
from llmflow_store.statements import unix_us
from llmflow_store.topology import Dependency, Operation
from llmflow_store.usage import UsageTotals

_CONNECT_SECONDS = 5.0
_HEALTH_SECONDS = 2.0
_CLOSE_SECONDS = 10.0
_WRITE_ATTEMPTS = 4
#: A plan made for any parameters could not leave out the chunks that the given ones exclude.
_SERVER_SETTINGS = {"application_name": "llmflow", "jit": "off", "plan_cache_mode": "force_custom_plan"}
_SECRET_BYTES = 32


class PostgresStore(
    PostgresAdministration,
    PostgresSignals,
    PostgresDirectory,
    PostgresLive,
    PostgresExports,
    PostgresDestinations,
    PostgresPrices,
    PostgresRetention,
    PostgresAlerts,
    PostgresViews,
):
    """`Store` on a pool of asyncpg connections, which is opened by the first call that needs it.

    A statement that takes longer than `statement_seconds` is given up as TookTooLong, and cancelled in the database;
    waiting for a connection for as long as Retryable.
    """

    def __init__(self, database_url: str, *, min_size: int, max_size: int, statement_seconds: float) -> None:
        check_url(database_url)
        self._url = database_url
        self._min_size, self._max_size = min_size, max_size
        self._statement_seconds = statement_seconds
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    async def write_spans(self, spans: Sequence[Span]) -> WriteResult:
        """See `Store`. A deadlock or serialization failure is tried again here a few times."""
        if not spans:
            return WriteResult(inserted=0, duplicates=0)
        for attempt in range(1, _WRITE_ATTEMPTS + 1):
            try:
                async with self._connection() as connection:
                    async with connection.transaction():
                        result = await writes.write_spans(connection, spans)
                    if result.inserted:
                        # What is stored is stored, whether those who watch hear of it now or later.
                        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                            await live_sql.notify(connection, sorted({span.project for span in spans}))
                    return result
            except Retryable as error:
                conflict = isinstance(error.__cause__, (asyncpg.DeadlockDetectedError, asyncpg.SerializationError))
                if not conflict or attempt == _WRITE_ATTEMPTS:
                    raise
        raise AssertionError("the loop returns or raises")

    async def list_traces(self, query: TraceQuery) -> TracePage:
        """See `Store`."""
        async with self._connection() as connection:
            return await reads.list_traces(connection, query)

    async def list_spans(self, query: SpanQuery) -> SpanPage:
        """See `Store`."""
        async with self._connection() as connection:
            return await reads.list_spans(connection, query)

    async def analyse(self, query: AnalyticsQuery) -> AnalyticsResult:
        """See `Store`."""
        async with self._connection() as connection:
            return await analytics_sql.analyse(connection, query)

    async def facets(
        self, project: str, from_time: datetime, to_time: datetime, filter_by: Filter | None = None
    ) -> Facets:
        """See `Store`."""
        async with self._connection() as connection:
            return await facets.facets(connection, project, from_time, to_time, filter_by)

    async def index_content(self, *, limit: int) -> int:
        """See `Store`."""
        async with self._connection() as connection, connection.transaction():
            return await search.index_content(connection, limit)

    async def search_backlog(self) -> SearchBacklog:
        """See `Store`."""
        async with self._connection() as connection:
            return await search.search_backlog(connection)

    async def make_user_rollups(self, *, limit: int) -> int:
        """See `Store`."""
        async with self._own_connection() as connection:
            return await user_rollups.make_user_rollups(connection, unix_us(datetime.now(UTC)), limit)

    async def get_trace(self, project: str, trace_id: bytes) -> Trace | None:
        """See `Store`."""
        async with self._connection() as connection:
            return await reads.get_trace(connection, project, trace_id)

    async def get_outline(self, project: str, trace_id: bytes) -> TraceOutline | None:
        """See `Store`."""
        async with self._connection() as connection:
            return await reads.get_outline(connection, project, trace_id)

    async def get_span(self, project: str, trace_id: bytes, span_id: bytes) -> Span | None:
        """See `Store`."""
        async with self._connection() as connection:
            return await reads.get_span(connection, project, trace_id, span_id)

    async def usage_totals(self) -> UsageTotals:
        """See `Totals`."""
        async with self._connection() as connection:
            return await prometheus_sql.usage_totals(connection)

    async def operations(self, project: str, service: str, from_time: datetime) -> Sequence[Operation]:
        """See `Topology`."""
        async with self._connection() as connection:
            return await topology_sql.operations(connection, project, service, from_time)

    async def dependencies(self, project: str, from_time: datetime, to_time: datetime) -> Sequence[Dependency]:
        """See `Topology`."""
        async with self._connection() as connection:
            return await topology_sql.dependencies(connection, project, from_time, to_time)

    async def secret(self, name: str) -> bytes:
        """See `Store`."""
        async with self._connection() as connection:
            await connection.execute(
                "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                name,
                secrets.token_bytes(_SECRET_BYTES),
            )
            return bytes(await connection.fetchval("SELECT value FROM secrets WHERE name = $1", name))

    async def healthy(self) -> bool:
        """See `Store`. A schema that is newer than this code passes: old and new run side by side during an update."""
        try:
            async with asyncio.timeout(_HEALTH_SECONDS), self._connection() as connection:
                version = await connection.fetchval("SELECT max(version) FROM schema_migrations")
        except (LLMFlowError, TimeoutError):
            return False
        return version is not None and int(version) >= newest_version()

    async def close(self) -> None:
        """See `Store`. Waits ten seconds for calls that are still running, then breaks them off."""
        async with self._opening:
            pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), _CLOSE_SECONDS)
        except TimeoutError:
            pool.terminate()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A connection of the pool; errors of the database leave as Retryable or Permanent."""
        try:
            pool = await self._opened()
            async with pool.acquire(timeout=self._statement_seconds) as connection:
                try:
                    yield connection  # type: ignore[misc]  # the pool's proxy has the connection's methods
                except TimeoutError as error:
                    raise TookTooLong(f"the statement took longer than {self._statement_seconds:g} s") from error
        except Exception as error:
            known = translated(error)
            if known is None:
                raise
            raise known from error

    @asynccontextmanager
    async def _own_connection(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A new connection for long work, with errors as those of `_connection` and no limit to a statement's time."""
        try:
            connection = await asyncpg.connect(self._url, timeout=_CONNECT_SECONDS, server_settings=_SERVER_SETTINGS)
            try:
                await set_codecs(connection)
                yield connection
            finally:
                await connection.close(timeout=_CLOSE_SECONDS)
        except Exception as error:
            known = translated(error)
            if known is None:
                raise
            raise known from error

    async def _opened(self) -> asyncpg.Pool[asyncpg.Record]:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=self._min_size,
                    max_size=self._max_size,
                    init=set_codecs,
                    timeout=_CONNECT_SECONDS,
                    command_timeout=self._statement_seconds,
                    server_settings=_SERVER_SETTINGS,
                )
            return self._pool
