"""Which destinations are forwarded to: begun, changed and ended while the process runs, each on its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from llmflow_bus import Bus
from llmflow_bus.dead_letters import DeadLetters
from llmflow_core.destinations.destination import Destination
from llmflow_core.errors import ConfigError
from llmflow_exporter.forwarder import Forwarder
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
    """Runs a forwarder for every destination that is not paused, and follows changes of the destination file."""

    def __init__(self, settings: ExporterSettings, bus: Bus) -> None:
        self._settings = settings
        self._bus = bus
        self._dead_letters = DeadLetters(bus)
        self._statuses: dict[str, Status] = {}
        self._running: dict[str, _Forwarding] = {}
        self._complaint = ""

    def document(self) -> dict[str, Any]:
        """What GET /status shows: every destination, in the order of the configuration."""
        wrong = {"configuration_error": self._complaint} if self._complaint else {}
        return {"destinations": [status.document() for status in self._statuses.values()], **wrong}

    async def run(self, stop: asyncio.Event, reload: asyncio.Event) -> None:
        """Forward to what the settings name until `stop` is set; look at them again when `reload` is, and at times."""
        await self.apply(self._settings.destinations())
        try:
            while not stop.is_set():
                await _first(stop, reload, timeout=self._settings.export_reload_seconds)
                reload.clear()
                if not stop.is_set():
                    await self._follow()
        finally:
            await asyncio.gather(*(running.end() for running in self._running.values()))

    async def _follow(self) -> None:
        try:
            destinations = await asyncio.to_thread(self._settings.destinations)
        except ConfigError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                logger.error("going on with the destinations as they were: %s", error)
            return
        self._complaint = ""
        await self.apply(destinations)

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
            self._statuses[name] = status
            if destination.paused:
                status.state = "paused"
            elif name not in self._running:
                self._begin(destination, status)

    def _begin(self, destination: Destination, status: Status) -> None:
        try:
            transport = open_transport(destination, timeout=self._settings.export_timeout)
        except (ConfigError, OSError) as error:
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
