"""Full-text search follows the writes: a task beside the loop, so that no span waits for the words of its content."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from llmflow_core.errors import Permanent, Retryable
from llmflow_store import Store
from llmflow_writer import metrics

logger = logging.getLogger(__name__)

#: Contents a transaction. With 10 KB each, that is about a second's work of the database.
_PORTION = 200
#: How soon new content is noticed, and how often the backlog is counted.
_IDLE_SECONDS = 0.5
_BACKLOG_SECONDS = 5.0
_RETRY_SECONDS = 5.0


class SearchIndexer:
    """Lets full-text search find new content. Several writers share the work."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._backlog_due = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; waits while the database is away."""
        while not stop.is_set():
            try:
                indexed = await self._store.index_content(limit=_PORTION)
                await self._count_backlog()
                pause = 0.0 if indexed else _IDLE_SECONDS
            except (Permanent, Retryable) as error:
                logger.warning("cannot index content for search now: %s", error)
                pause = _RETRY_SECONDS
            if pause:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)

    async def _count_backlog(self) -> None:
        if time.monotonic() < self._backlog_due:
            return
        self._backlog_due = time.monotonic() + _BACKLOG_SECONDS
        backlog = await self._store.search_backlog()
        metrics.SEARCH_WAITING.set(backlog.waiting)
        metrics.SEARCH_LAG_SECONDS.set(backlog.oldest_seconds)
