"""Percentiles by user are made fast beside the writes, once a day or week is over."""

from __future__ import annotations

import asyncio
import logging

from llmflow_core.errors import Permanent, Retryable
from llmflow_store import Store
from llmflow_writer.background import repeat

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 300.0
_RETRY_SECONDS = 60.0


class UserRollups:
    """Looks every five minutes for days and weeks that are over, or to which late spans have come. Writers take turns
    by a lock of the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, which breaks off what is going on; the next start goes on with it."""
        await repeat(self._make, stop)

    async def _make(self) -> float:
        """Make the rows of one day or week; return how long to pause then, in seconds."""
        try:
            return 0.0 if await self._store.make_user_rollups(limit=1) else _IDLE_SECONDS
        except (Permanent, Retryable) as error:
            logger.warning("cannot make the rollups of users now: %s", error)
            return _RETRY_SECONDS
