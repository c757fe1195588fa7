"""The exporter's process: one forwarder a destination, and the health port beside them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

from llmflow_bus import Bus, open_bus
from llmflow_bus.dead_letters import DeadLetters
from llmflow_exporter.destinations import Destination
from llmflow_exporter.forwarder import Forwarder
from llmflow_exporter.settings import ExporterSettings

logger = logging.getLogger(__name__)

#: How long a stopping exporter waits for requests under way; what they carried is sent again by the next process.
GRACE_SECONDS = 15.0


async def run(settings: ExporterSettings, stop: asyncio.Event, *, bus: Bus | None = None) -> None:
    """Forward to every destination of `settings` until `stop` is set. `bus` replaces the one that they name."""
    destinations = settings.destinations()
    async with AsyncExitStack() as stack:
        if destinations:
            bus = bus or open_bus(settings.bus_url)
            stack.push_async_callback(bus.close)
        if settings.health_port:
            from llmflow_core.health_server import health_server

            checks = {"log": bus.healthy} if bus else {}
            await stack.enter_async_context(health_server(checks, host=settings.host, port=settings.health_port))
        if bus and destinations:
            await _forward(settings, destinations, bus, stop, stack)
        else:
            logger.info("nothing to export: set OTLP_EXPORT_ENABLED and OTLP_EXPORT_ENDPOINT to forward spans")
            await stop.wait()


async def _forward(
    settings: ExporterSettings, destinations: list[Destination], bus: Bus, stop: asyncio.Event, stack: AsyncExitStack
) -> None:
    from llmflow_exporter.otlp_http import OtlpHttp  # costs memory that an exporter with nothing to do saves

    dead_letters = DeadLetters(bus)
    tasks = []
    for destination in destinations:
        transport = OtlpHttp(destination, timeout=settings.export_timeout)
        stack.push_async_callback(transport.close)
        forwarder = Forwarder(destination, transport, bus, dead_letters, settings)
        tasks.append(asyncio.create_task(forwarder.run(stop)))
    await stop.wait()
    _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
