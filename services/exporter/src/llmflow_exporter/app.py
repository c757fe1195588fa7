"""The exporter's process: the destinations, and the health port beside them."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from llmflow_bus import Bus, open_bus
from llmflow_exporter.settings import ExporterSettings

if TYPE_CHECKING:
    from llmflow_exporter.supervisor import Supervisor

logger = logging.getLogger(__name__)


async def run(settings: ExporterSettings, stop: asyncio.Event, *, bus: Bus | None = None) -> None:
    """Forward to every destination of `settings` until `stop` is set. `bus` replaces the one that they name.

    SIGHUP has the destination file read at once. Raises ConfigError when a destination is wrong from the start.
    """
    destinations = settings.destinations()
    async with AsyncExitStack() as stack:
        if not destinations and settings.export_file is None:
            await _serve_health(settings, stack)
            logger.info(
                "nothing to export: set OTLP_EXPORT_ENABLED and OTLP_EXPORT_ENDPOINT, or LLMFLOW_EXPORT_FILE, "
                "to forward spans"
            )
            await stop.wait()
            return
        from llmflow_exporter.supervisor import Supervisor  # costs memory that an exporter with nothing to do saves

        bus = bus or open_bus(settings.bus_url)
        stack.push_async_callback(bus.close)
        supervisor = Supervisor(settings, bus)
        await _serve_health(settings, stack, bus, supervisor)
        await supervisor.run(stop, _hangup(stack))


async def _serve_health(
    settings: ExporterSettings, stack: AsyncExitStack, bus: Bus | None = None, supervisor: Supervisor | None = None
) -> None:
    if not settings.health_port:
        return
    from llmflow_core.health_server import health_server

    checks = {"log": bus.healthy} if bus else {}
    documents = {"/status": supervisor.document if supervisor else lambda: {"destinations": []}}
    await stack.enter_async_context(
        health_server(checks, host=settings.host, port=settings.health_port, documents=documents)
    )


def _hangup(stack: AsyncExitStack) -> asyncio.Event:
    """An event that SIGHUP sets."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(RuntimeError, ValueError):  # only the main thread gets signals
        loop.add_signal_handler(signal.SIGHUP, event.set)
        stack.callback(loop.remove_signal_handler, signal.SIGHUP)
    return event
