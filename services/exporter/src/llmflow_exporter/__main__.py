"""`python -m llmflow_exporter`: forward until SIGTERM. `… test NAME`: send one span to a destination."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError
from llmflow_core.program import exit_on_config_error, run_until_signalled
from llmflow_core.telemetry import setup_logging
from llmflow_exporter.app import run
from llmflow_exporter.settings import ExporterSettings


def main(arguments: Sequence[str] | None = None) -> None:
    """Check the settings, then do what the arguments say."""
    parser = argparse.ArgumentParser(prog="llmflow_exporter", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    test = commands.add_parser("test", help="send one span to a destination and say what came back")
    test.add_argument("name", help="the destination's name")
    asked = parser.parse_args(arguments)
    with exit_on_config_error():
        settings = load_settings(ExporterSettings)
        setup_logging("exporter", verbose=settings.verbose)
        if asked.command == "test":
            sys.exit(_test(settings, asked.name))
        run_until_signalled(lambda stop: run(settings, stop))


def _test(settings: ExporterSettings, name: str) -> int:
    from llmflow_exporter.probe import probe, told, was_taken

    found = {destination.name: destination for destination in settings.destinations()}
    if name not in found:
        known = ", ".join(found) or "none"
        raise ConfigError([f"there is no destination {name!r}; there are: {known}"])
    trace_id, reply = asyncio.run(probe(found[name], timeout=settings.export_timeout))
    sys.stdout.write(told(found[name], trace_id, reply) + "\n")
    return 0 if was_taken(reply) else 1


if __name__ == "__main__":
    main()
