"""Which destinations are forwarded to: begun, changed and ended while the process runs, each on its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from llmflow_bus import Bus
from llmflow_bus.dead_letters import DeadLetters
from llmflow_core.destinations.destination import Destination
from llmflow_core.errors import ConfigError
from llmflow_exporter.forwarder import Forwarder
from llmflow_exporter.jobs import Jobs
from llmflow_exporter.office import Office, Orders, Report
from llmflow_exporter.settings import ExporterSettings
from llmflow_exporter.status import Status
from llmflow_exporter.transport import Transport, open_transport

logger = logging.getLogger(__name__)

#: How long a stopping destination waits for requests under way; what they carried is sent again by the next process.
GRACE_SECONDS = 15.0


class _Forwarding:
    """One destination that is forwarded to."""

    def __init__(self, forwarder: Forwarder, transport: Transport) -> None:
        self._stop = asyncio.Event()
        self._transport = transport
        self._task = asyncio.create_task(forwarder.run(self._stop))

    async def end(self) -> None:
        self._stop.set()
        await asyncio.wait([self._task], timeout=GRACE_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._transport.close()


class Supervisor:
    """Runs a forwarder for every destination that is not paused, and follows changes of the destination file and, if
    there is an `office`, of what was added over the API."""

    def __init__(self, settings: ExporterSettings, bus: Bus, office: Office | None = None) -> None:
        self._settings = settings
        self._bus = bus
        self._dead_letters = DeadLetters(bus)
        self._office = office
        self._jobs = Jobs(office, self._dead_letters, settings) if office else None
        self._listed: Sequence[Destination] = ()
        self._broken: Mapping[str, str] = {}
        self._statuses: dict[str, Status] = {}
        self._running: dict[str, _Forwarding] = {}
        self._complaint = ""

    def document(self) -> dict[str, Any]:
        """What GET /status shows: every destination, in the order of the configuration."""
        wrong = {"configuration_error": self._complaint} if self._complaint else {}
        destinations = [status.document() for status in self._statuses.values()]
        broken = [
            {"name": name, "origin": "api", "state": "failed", "last_error": reason}
            for name, reason in self._broken.items()
        ]
        return {"destinations": destinations + broken, **wrong}

    def _report(self) -> Report:
        jobs = self._jobs.ids if self._jobs else ()
        return Report(self.document()["destinations"], able=list(self._statuses), jobs=jobs)

    async def run(self, stop: asyncio.Event, reload: asyncio.Event) -> None:
        """Forward to what the settings and the office name until `stop` is set; look at the settings again when
        `reload` is, and at times."""
        self._listed = self._settings.destinations()
        orders_changed = self._office.changed if self._office else asyncio.Event()
        if self._office:
            await self._office.report_with(self._report)
        try:
            await self._apply_all()
            while not stop.is_set():
                await _first(stop, reload, orders_changed, timeout=self._settings.export_reload_seconds)
                reload.clear()
                orders_changed.clear()
                if not stop.is_set():
                    await self._follow()
        finally:
            if self._office:
                # It takes no more jobs; a report under way could take back those that are given up.
                await self._office.report_with(lambda: Report(self.document()["destinations"]))
            if self._jobs:
                await self._jobs.end()
            await asyncio.gather(*(running.end() for running in self._running.values()))

    async def _follow(self) -> None:
        try:
            self._listed = await asyncio.to_thread(self._settings.destinations)
            self._complaint = ""
        except ConfigError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                logger.error("going on with the destinations as they were: %s", error)
        await self._apply_all()

    async def _apply_all(self) -> None:
        orders = self._office.orders if self._office else Orders()
        taken = {destination.name for destination in self._listed}
        added = [destination for destination in orders.destinations if destination.name not in taken]
        others = {destination.name for destination in orders.destinations} & taken
        self._broken = {
            **orders.broken,
            **dict.fromkeys(sorted(others), "the exporter has a destination of this name in its own file"),
        }
        await self.apply([*self._listed, *added])
        if self._jobs:
            can_begin = {name: status.destination for name, status in self._statuses.items()}
            await self._jobs.apply(orders.jobs, can_begin)

    async def apply(self, destinations: Sequence[Destination]) -> None:
        """Forward to these and no others. One that is the same as before is not disturbed."""
        wanted = {destination.name: destination for destination in destinations}
        ending = [
            name for name in self._running if name not in wanted or wanted[name] != self._statuses[name].destination
        ]
        await asyncio.gather(*(self._running.pop(name).end() for name in ending))
        for name in ending:
            logger.info("no longer forwarding to %s as it was", name)
        known, self._statuses = self._statuses, {}
        for name, destination in wanted.items():
            status = known.get(name)
            if status is None or status.destination != destination:
                status = Status(destination=destination)
            status.destination = destination
            self._statuses[name] = status
            if destination.paused:
                status.state = "paused"
            elif name not in self._running:
                self._begin(destination, status)

    def _begin(self, destination: Destination, status: Status) -> None:
        try:
            transport = open_transport(destination, timeout=self._settings.export_timeout)
        except Exception as error:  # whatever it is (botocore has its own), the other destinations go on
            reason = destination.scrubbed("; ".join(error.problems) if isinstance(error, ConfigError) else str(error))
            if status.state != "failed":
                logger.error("cannot begin with %s: %s", destination.name, reason)
            status.has_failed(reason, "failed")
            return
        status.state = "starting"
        forwarder = Forwarder(destination, transport, self._bus, self._dead_letters, self._settings, status)
        self._running[destination.name] = _Forwarding(forwarder, transport)


async def _first(*events: asyncio.Event, timeout: float) -> None:
    """Return when one of the events is set, or after `timeout` seconds."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
