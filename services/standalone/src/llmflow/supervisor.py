"""Runs the services as child processes: starts them, starts again what crashes, stops them in order."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmflow.child import SETTINGS_ARE_WRONG
from llmflow_core.errors import LLMFlowError

logger = logging.getLogger(__name__)

#: A service that ends sooner than this after its start is started again only after a growing pause, in seconds.
_STABLE_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 10.0
_STOP_SECONDS = 35.0
_READY_SECONDS = 60.0
#: How often a service may fail that has never been stable: one whose settings are wrong never will be.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Service:
    """A module to run, its settings on top of this process's environment, and where it says that it is ready."""

    name: str
    module: str
    environment: Mapping[str, str]
    ready_url: str | None = None


class NotReadyError(LLMFlowError):
    """A service did not become ready; its own log lines, above this error, say why."""


class Supervisor:
    """The running services. `stop` ends them in the order in which they were given."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Start every service and return once all are ready. Raises NotReadyError; then `stop` must still be called."""
        for service in self._services:
            self._keepers[service.name] = asyncio.create_task(self._keep(service))
        waiting = [asyncio.create_task(self._all_ready()), asyncio.create_task(self.watch())]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        for task in done:
            task.result()

    async def watch(self) -> None:
        """Wait until a service turns out to be one that cannot be started; raises NotReadyError then."""
        done, _ = await asyncio.wait(self._keepers.values(), return_when=asyncio.FIRST_COMPLETED)
        for keeper in done:
            keeper.result()

    async def _all_ready(self) -> None:
        await asyncio.gather(*(_until_ready(service) for service in self._services))

    async def stop(self) -> None:
        """End the services one after the other, each once those before it have finished what they had accepted."""
        for service in self._services:
            keeper = self._keepers.pop(service.name, None)
            if keeper is not None:
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)
            process = self._processes.pop(service.name, None)
            if process is not None:
                await _end(service, process)

    async def _keep(self, service: Service) -> None:
        pause, failures, proven = 0.0, 0, False
        while True:
            started = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "llmflow.child",
                service.module,
                stdin=asyncio.subprocess.PIPE,
                env={**os.environ, **service.environment},
                # Ctrl-C reaches the supervisor alone, which then stops the services in order.
                process_group=0,
            )
            self._processes[service.name] = process
            code = await process.wait()
            stable = time.monotonic() - started > _STABLE_SECONDS
            # Who was stable once has the right settings; a negative code is that of somebody's signal.
            proven = proven or stable
            failures += code > 0
            if code == SETTINGS_ARE_WRONG and not proven:
                raise NotReadyError(f"{service.name} does not start; the lines above say why")
            if failures >= _ATTEMPTS and not proven:
                raise NotReadyError(f"{service.name} does not start: it ended with code {code}, {failures} times")
            pause = 0.0 if stable else min(_LONGEST_PAUSE_SECONDS, pause * 2 or 0.25)
            logger.warning("%s ended with code %d; starting it again in %.2f s", service.name, code, pause)
            await asyncio.sleep(pause)


async def _until_ready(service: Service) -> None:
    if service.ready_url is None:
        return
    deadline = time.monotonic() + _READY_SECONDS
    while not await asyncio.to_thread(_is_ready, service.ready_url):
        if time.monotonic() > deadline:
            raise NotReadyError(f"{service.name} was not ready within {_READY_SECONDS:.0f} s")
        await asyncio.sleep(0.05)


def _is_ready(url: str) -> bool:
    # The standard library's client, for this process lives as long as all others and needs no better one.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def _end(service: Service, process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        logger.warning("%s did not stop within %.0f s and is killed", service.name, _STOP_SECONDS)
        process.kill()
        await process.wait()
