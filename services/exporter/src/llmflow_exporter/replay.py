"""Replays: stored spans, forwarded to one destination as if the log had them once more.

Pages of spans are read from the query API, forwarded like records of the log (retried, cut, translated, filtered, what
is refused kept as dead letters), and noted once the destination has taken them: at least once, in bounded memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmflow_bus import Batch, Consumer, Record, StartAt, topics
from llmflow_core.spans import JSON
from llmflow_exporter.office import Job, Office, Page
from llmflow_exporter.status import Status


class Replay:
    """One replay as a log with one reader, which `Forwarder` reads to its end; `stop` is set then."""

    def __init__(self, office: Office, job: Job, stop: asyncio.Event) -> None:
        self._office = office
        self._job = job
        self._stop = stop
        self._uncommitted: dict[int, Page] = {}
        self._number = 0
        #: What follows the newest page; None before the first one, which is where the query API has noted.
        self._position: Mapping[str, JSON] | None = None

    async def consumer(self, group: str, wanted: Sequence[str], *, start_at: StartAt = "earliest") -> Consumer:
        """The one reader."""
        return self

    async def poll(self, *, max_records: int, timeout: float) -> Batch:
        """The next page as one record; at the end nothing, once what is under way had time to be dealt with."""
        page = await self._office.page(self._job.id, self._position)
        if page.next is None:
            if self._uncommitted:
                await asyncio.sleep(timeout)  # the forwarder asks for more until then
            else:
                await self._office.note(self._job.id, "done", message="all of it is sent")
                self._stop.set()
            return Batch([])
        self._number += 1
        self._position = page.next
        self._uncommitted[self._number] = page
        headers = {topics.PROJECT_HEADER: page.project}
        return Batch([Record(topics.SPANS, 0, self._number, 0, None, page.value, headers)])

    async def commit(self, batch: Batch) -> None:
        """Note that pages are dealt with. Ends here what is no longer this exporter's to do."""
        pages = [self._uncommitted[record.offset] for record in batch.records]
        sent = sum(page.spans for page in pages)
        if not await self._office.note(self._job.id, "running", sent=sent, position=pages[-1].next):
            self._stop.set()
        for record in batch.records:
            del self._uncommitted[record.offset]

    async def rewind(self) -> None:
        """Go back to what is noted."""
        self._uncommitted.clear()
        self._position = None

    async def lag(self) -> int:
        """Not known here: the job says how many spans there are."""
        return 0

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True, kw_only=True)
class ReplayStatus(Status):
    """How a replay is doing. The destination's lag is that of the log."""

    def lags(self, records: int) -> None:
        """Say nothing."""
