"""`python -m llmflow_writer`: write until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sys

from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError
from llmflow_core.telemetry import setup_logging
from llmflow_writer.app import run
from llmflow_writer.settings import WriterSettings


async def _run_until_signalled(settings: WriterSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(settings, stop)


def main() -> None:
    """Check the settings, then write."""
    try:
        settings = load_settings(WriterSettings)
        setup_logging("writer", verbose=settings.verbose)
        asyncio.run(_run_until_signalled(settings))
    except ConfigError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
