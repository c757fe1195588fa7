"""Logs of the services: one line an event on standard error, for people on a terminal and for collectors alike."""

from __future__ import annotations

import logging
import sys
import time


def setup_logging(service: str, *, verbose: bool) -> None:
    """Send every logger's lines to standard error as `time level service logger: message`, in UTC.

    `verbose` shows debug lines of LLMFlow's own loggers; libraries stay at warnings.
    """
    formatter = logging.Formatter(f"%(asctime)s.%(msecs)03dZ %(levelname)s {service} %(name)s: %(message)s", "%FT%T")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("llmflow", *(f"llmflow_{part}" for part in _PARTS)):
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.INFO)


_PARTS = ("core", "bus", "store", "proxy", "ingest", "writer", "exporter", "query_api")
