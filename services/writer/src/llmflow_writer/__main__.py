"""`python -m llmflow_writer`: write until SIGTERM."""

from __future__ import annotations

import sys

from llmflow_core.config import load_settings
from llmflow_core.garbage import collect_rarely
from llmflow_core.program import exit_on_config_error, run_until_signalled
from llmflow_core.telemetry import setup_logging
from llmflow_writer.app import run
from llmflow_writer.settings import WriterSettings

#: Several portions' worth: what is alive is nearly all of it a portion on its way, in which nothing is garbage.
_OBJECTS = 1_000_000
#: The loop, which has dozens of answers of the database to read a portion, waits as long for the thread that decodes.
_SWITCH_SECONDS = 0.0005


def main() -> None:
    """Check the settings, then write."""
    with exit_on_config_error():
        settings = load_settings(WriterSettings)
        setup_logging("writer", verbose=settings.verbose)
        collect_rarely(_OBJECTS)
        sys.setswitchinterval(_SWITCH_SECONDS)
        run_until_signalled(lambda stop: run(settings, stop))


if __name__ == "__main__":
    main()
