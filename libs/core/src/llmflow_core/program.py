"""The frame around every service's program."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from llmflow_core.errors import ConfigError


@contextmanager
def exit_on_config_error() -> Iterator[None]:
    """End the process with status 1 and the list of what is wrong, instead of a traceback, on a ConfigError."""
    try:
        yield
    except ConfigError as error:
        sys.exit(str(error))


def run_until_signalled(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `work` in an event loop; SIGTERM and SIGINT set the event that tells it to finish."""

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await work(stop)

    asyncio.run(run())
