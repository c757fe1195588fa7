"""The exporter's process: the destinations, and the health port beside them."""

from __future__ import annotations

import asyncio
import logging
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from llmflow_bus import Bus, open_bus
from llmflow_core.health import Check, Document
from llmflow_core.health_server import health_server
from llmflow_exporter.settings import ExporterSettings

if TYPE_CHECKING:
    from llmflow_exporter.office import Office

logger = logging.getLogger(__name__)

#: At most; they are made when they are needed. The resolver of names may hold one for each destination for as long as
#: it takes to give up, and what others get is prepared in them too.
_THREADS = 200


async def run(settings: ExporterSettings, stop: asyncio.Event, *, bus: Bus | None = None) -> None:
    """Forward to every destination until `stop` is set. `bus` replaces the one that the settings name.

    SIGHUP has the destination file read at once. Raises ConfigError when a destination of it is wrong from the start.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="llmflow-exporter"))
    destinations = settings.destinations()
    checks: dict[str, Check] = {}
    documents: dict[str, Document] = {"/status": lambda: {"destinations": []}}
    async with AsyncExitStack() as stack:
        if settings.health_port:
            await stack.enter_async_context(
                health_server(checks, host=settings.host, port=settings.health_port, documents=documents)
            )
        office = await _office(settings, stack)
        if not destinations and settings.export_file is None:
            await _wait_for_work(office, stop)
            if stop.is_set():
                return
        from llmflow_exporter.supervisor import Supervisor  # costs memory that an exporter with nothing to do saves

        bus = bus or open_bus(settings.bus_url)
        stack.push_async_callback(bus.close)
        supervisor = Supervisor(settings, bus, office)
        checks["log"] = bus.healthy
        documents["/status"] = supervisor.document
        await supervisor.run(stop, _hangup(stack))


async def _office(settings: ExporterSettings, stack: AsyncExitStack) -> Office | None:
    if settings.keys_url is None:
        return None
    from llmflow_exporter.office import open_office  # costs memory that an exporter without it saves

    office = open_office(settings)
    return await stack.enter_async_context(office) if office else None


async def _wait_for_work(office: Office | None, stop: asyncio.Event) -> None:
    """Return once `stop` is set or there is something to do."""
    logger.info(
        "nothing to export yet: add destinations on the page, or set OTLP_EXPORT_ENABLED and OTLP_EXPORT_ENDPOINT, or "
        "LLMFLOW_EXPORT_FILE"
    )
    stopped = asyncio.create_task(stop.wait())
    ordered = asyncio.create_task(office.changed.wait()) if office else stopped
    await asyncio.wait({stopped, ordered}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopped, ordered):
        task.cancel()
    await asyncio.gather(stopped, ordered, return_exceptions=True)


def _hangup(stack: AsyncExitStack) -> asyncio.Event:
    """An event that SIGHUP sets."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(RuntimeError, ValueError):  # only the main thread gets signals
        loop.add_signal_handler(signal.SIGHUP, event.set)
        stack.callback(loop.remove_signal_handler, signal.SIGHUP)
    return event
