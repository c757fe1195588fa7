"""Logs of the services: one line an event on standard error, for people on a terminal and for collectors alike."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter

#: How often a line that a library repeats is written.
REPEAT_SECONDS = 30.0
# Some libraries fill in themselves what differs, so that each is another.
_MOST_LINES = 1000


def setup_logging(service: str, *, verbose: bool) -> None:
    """Send every logger's lines to standard error as `time level service logger: message`, in UTC.

    `verbose` shows debug lines of LLMFlow's own loggers; libraries stay at warnings, and what the Kafka client repeats
    while a broker is away is written once in half a minute.
    """
    formatter = logging.Formatter(f"%(asctime)s.%(msecs)03dZ %(levelname)s {service} %(name)s: %(message)s", "%FT%T")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(RepeatedLines("aiokafka"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("llmflow", *(f"llmflow_{part}" for part in _PARTS)):
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.INFO)


class RepeatedLines(logging.Filter):
    """Passes the first of lines that the library `name` repeats, and then one in `REPEAT_SECONDS` with their number.

    Lines are the same when they differ in nothing but what is filled in, the broker's address for example.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._passed: dict[tuple[str, str], float] = {}
        self._held_back: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write `record`; it is told how many like it were not."""
        if not super().filter(record):
            return True
        line = (record.name, str(record.msg))
        passed = self._passed.get(line)
        if passed is not None and 0 <= record.created - passed < REPEAT_SECONDS:
            self._held_back[line] += 1
            return False
        if len(self._passed) >= _MOST_LINES:
            self._passed.clear()
            self._held_back.clear()
        self._passed[line] = record.created
        if number := self._held_back.pop(line, 0):
            record.msg = f"{record.msg} ({number} more like this since the last)"
        return True


_PARTS = ("core", "bus", "store", "proxy", "ingest", "writer", "exporter", "query_api")
