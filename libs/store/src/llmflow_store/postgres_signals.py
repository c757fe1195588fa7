"""Logs, metrics and scores over asyncpg."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING

from llmflow_core.filters import Filter
from llmflow_core.logs import LogRecord
from llmflow_core.metrics import MetricPoint
from llmflow_store import coding_sql, log_sql, metric_sql, score_sql
from llmflow_store.results import WriteResult
from llmflow_store.scores import ScorePage, ScoreQuery, StoredScore
from llmflow_store.signals import (
    CodingSessionPage,
    CodingSessionQuery,
    CodingToolSummary,
    LogPage,
    LogQuery,
    MetricInfo,
    MetricLine,
    MetricQuery,
)

if TYPE_CHECKING:
    import asyncpg


class PostgresSignals:
    """`Signals` and `Scores` for a class with a pool; see there for every method."""

    def _connection(self) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
        raise NotImplementedError

    async def write_logs(self, logs: Sequence[LogRecord]) -> WriteResult:
        """See `Signals`."""
        if not logs:
            return WriteResult(inserted=0, duplicates=0)
        async with self._connection() as connection, connection.transaction():
            return await log_sql.write_logs(connection, logs)

    async def list_logs(self, query: LogQuery) -> LogPage:
        """See `Signals`."""
        async with self._connection() as connection:
            return await log_sql.list_logs(connection, query)

    async def write_metrics(self, points: Sequence[MetricPoint]) -> WriteResult:
        """See `Signals`."""
        if not points:
            return WriteResult(inserted=0, duplicates=0)
        async with self._connection() as connection, connection.transaction():
            return await metric_sql.write_metrics(connection, points)

    async def list_metrics(self, project: str, *, since: datetime | None = None) -> Sequence[MetricInfo]:
        """See `Signals`."""
        async with self._connection() as connection:
            return await metric_sql.list_metrics(connection, project, since)

    async def query_metric(self, query: MetricQuery) -> Sequence[MetricLine]:
        """See `Signals`."""
        async with self._connection() as connection:
            return await metric_sql.query_metric(connection, query)

    async def coding_tools(
        self, project: str, *, from_time: datetime | None = None, to_time: datetime | None = None
    ) -> Sequence[CodingToolSummary]:
        """See `Signals`."""
        async with self._connection() as connection:
            return await coding_sql.coding_tools(connection, project, from_time, to_time)

    async def coding_sessions(self, query: CodingSessionQuery) -> CodingSessionPage:
        """See `Signals`."""
        async with self._connection() as connection:
            return await coding_sql.coding_sessions(connection, query)

    async def save_score(self, score: StoredScore) -> None:
        """See `Scores`."""
        async with self._connection() as connection:
            await score_sql.save_score(connection, score)

    async def list_scores(self, query: ScoreQuery) -> ScorePage:
        """See `Scores`."""
        async with self._connection() as connection:
            return await score_sql.list_scores(connection, query)

    async def average_score(
        self, project: str, name: str, from_time: datetime, to_time: datetime, filter_by: Filter | None = None
    ) -> tuple[float | None, int]:
        """See `Scores`."""
        async with self._connection() as connection:
            return await score_sql.average_score(connection, project, name, from_time, to_time, filter_by)

    async def delete_score(self, project: str, score_id: str) -> bool:
        """See `Scores`."""
        async with self._connection() as connection:
            return await score_sql.delete_score(connection, project, score_id)
