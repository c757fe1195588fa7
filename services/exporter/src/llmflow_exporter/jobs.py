"""The tests and replays that the query API asks for, each beside what is forwarded from the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from llmflow_bus.dead_letters import DeadLetters
from llmflow_core.destinations.destination import Destination
from llmflow_core.errors import ConfigError, Retryable
from llmflow_exporter.forwarder import Forwarder
from llmflow_exporter.office import Job, Office
from llmflow_exporter.probe import probe, told, was_taken
from llmflow_exporter.replay import Replay, ReplayStatus
from llmflow_exporter.settings import ExporterSettings
from llmflow_exporter.transport import open_transport

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Doing:
    destination: Destination
    task: asyncio.Task[None]


class Jobs:
    """Does the jobs that this exporter has. One whose destination is paused, or cannot be begun with, waits."""

    def __init__(self, office: Office, dead_letters: DeadLetters, settings: ExporterSettings) -> None:
        self._office = office
        self._dead_letters = dead_letters
        self._settings = settings
        self._doing: dict[int, _Doing] = {}
        self._finished: set[int] = set()

    @property
    def ids(self) -> list[int]:
        """The jobs that are this exporter's and have not ended, those included that nobody has begun with yet: what is
        not reported is taken away."""
        return [job.id for job in self._office.orders.jobs if job.id not in self._finished]

    async def apply(self, jobs: Sequence[Job], destinations: Mapping[str, Destination]) -> None:
        """Do these jobs and no others, for destinations that are like this now."""
        self._finished &= {job.id for job in jobs}
        wanted = {job.id: job for job in jobs if self._can_be_done(job, destinations)}
        ending = [
            number
            for number, doing in self._doing.items()
            if number not in wanted or destinations[wanted[number].destination] != doing.destination
        ]
        await self._end(ending)
        for number, job in wanted.items():
            if number not in self._doing:
                destination = destinations[job.destination]
                self._doing[number] = _Doing(destination, asyncio.create_task(self._do(job, destination)))

    async def end(self) -> None:
        """Leave everything where it is, for another exporter to go on with."""
        await self._end(list(self._doing))
        with suppress(Retryable):
            for number in self.ids:
                await self._office.note(number, "waiting")

    def _can_be_done(self, job: Job, destinations: Mapping[str, Destination]) -> bool:
        destination = destinations.get(job.destination)
        return (
            destination is not None
            and job.id not in self._finished
            and not (destination.paused and job.kind == "replay")
        )

    async def _end(self, numbers: Sequence[int]) -> None:
        tasks = [self._doing.pop(number).task for number in numbers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _do(self, job: Job, destination: Destination) -> None:
        try:
            await (self._test if job.kind == "test" else self._replay)(job, destination)
        except (ConfigError, OSError) as error:
            reason = "; ".join(error.problems) if isinstance(error, ConfigError) else str(error)
            await self._note_the_end(job, "failed", destination.scrubbed(reason))
        except Exception:
            logger.exception("the %s of %s failed unexpectedly", job.kind, destination.name)
            await self._note_the_end(job, "failed", "an error of the exporter; its log says more")
        self._finished.add(job.id)

    async def _note_the_end(self, job: Job, state: str, message: str) -> None:
        """Note how a job ended, however long the query API is away: nobody else will."""
        while True:
            try:
                await self._office.note(job.id, state, message=message)
            except Retryable:
                await asyncio.sleep(self._settings.export_refresh_seconds)
            else:
                return

    async def _test(self, job: Job, destination: Destination) -> None:
        trace_id, reply = await probe(destination, timeout=self._settings.export_timeout)
        state = "done" if was_taken(reply) else "failed"
        await self._note_the_end(job, state, told(destination, trace_id, reply))

    async def _replay(self, job: Job, destination: Destination) -> None:
        stop = asyncio.Event()
        transport = open_transport(destination, timeout=self._settings.export_timeout)
        replay = Replay(self._office, job, stop)
        status = ReplayStatus(destination=destination)
        try:
            await Forwarder(destination, transport, replay, self._dead_letters, self._settings, status).run(stop)
        finally:
            await transport.close()
