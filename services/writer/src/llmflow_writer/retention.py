"""Retention is applied beside the writes: of all writers, by one at a time."""

from __future__ import annotations

import asyncio
import logging
import time

from llmflow_core.errors import Permanent, Retryable
from llmflow_store import Store
from llmflow_store.retention import RetentionReport
from llmflow_writer import metrics
from llmflow_writer.background import repeat
from llmflow_writer.settings import WriterSettings

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 600.0
_RETRY_SECONDS = 60.0


class RetentionWorker:
    """Removes what is past its time, at the start and every ten minutes. Writers take turns by a lock of the
    database."""

    def __init__(self, store: Store, settings: WriterSettings) -> None:
        self._store = store
        self._settings = settings

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, which breaks off what is going on; the next start goes on with it."""
        await repeat(self._apply, stop)

    async def _apply(self) -> float:
        """Apply retention once; return how long to pause then, in seconds."""
        started = time.monotonic()
        try:
            report = await self._store.apply_retention(
                self._settings.days,
                audit_days=self._settings.retention_audit_days,
                max_bytes=self._settings.max_database_size,
            )
        except (Permanent, Retryable) as error:
            logger.warning("cannot apply retention now: %s", error)
            return _RETRY_SECONDS
        if report is not None:
            _account(report, time.monotonic() - started)
        return _PAUSE_SECONDS


def _account(report: RetentionReport, seconds: float) -> None:
    for table, count in report.rows.items():
        metrics.RETENTION_ROWS.labels(table).inc(count)
    for table, count in report.chunks.items():
        metrics.RETENTION_CHUNKS.labels(table).inc(count)
    metrics.RETENTION_LAST.set_to_current_time()
    metrics.DATABASE_BYTES.set(report.database_bytes)
    if report.rows or report.chunks:
        logger.info("removed what is past its time in %.1f s: %s", seconds, report)
