"""The lines of a library that repeats itself."""

from __future__ import annotations

import logging
import subprocess
import sys

from llmflow_core.telemetry import RepeatedLines

UNABLE = 'Unable connect to "%s": %s'


def _written(filter_: RepeatedLines, at: float, message: str = UNABLE, name: str = "aiokafka.conn") -> str | None:
    args = ("broker:9092", "refused") if "%" in message else ()
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, None)
    record.created = at
    return record.getMessage() if filter_.filter(record) else None


def test_a_repeated_line_comes_at_once_and_then_with_its_number_every_half_minute() -> None:
    lines = RepeatedLines("aiokafka")
    written = {at: line for at in range(65) if (line := _written(lines, 1000.0 + at))}
    first = 'Unable connect to "broker:9092": refused'
    again = f"{first} (29 more like this since the last)"
    assert written == {0: first, 30: again, 60: again}


def test_other_lines_and_other_libraries_are_not_held_back() -> None:
    lines = RepeatedLines("aiokafka")
    assert _written(lines, 1000.0)
    assert _written(lines, 1000.0, "Topic %s is not available: %s")
    assert _written(lines, 1000.0, name="aiokafka.client")
    for name in ("llmflow_writer.loop", "aiokafkaesque", "uvicorn.error"):
        assert _written(lines, 1000.0, name=name)
        assert _written(lines, 1000.0, name=name)


def test_a_clock_set_back_silences_nothing() -> None:
    lines = RepeatedLines("aiokafka")
    assert _written(lines, 5000.0)
    assert _written(lines, 1000.0)


def test_lines_that_are_all_different_take_no_memory_without_end() -> None:
    lines = RepeatedLines("aiokafka")
    for number in range(5000):
        assert _written(lines, 1000.0, f"error {number}")
    assert len(lines._passed) <= 1000


def test_every_service_writes_so() -> None:
    program = (
        "import logging; from llmflow_core.telemetry import setup_logging; setup_logging('writer', verbose=False)\n"
        "for _ in range(50): logging.getLogger('aiokafka.conn').error('Unable connect to %s', 'broker')\n"
        "for _ in range(2): logging.getLogger('llmflow_bus').warning('the log is away')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    said = [line.partition(": ")[2] for line in done.stderr.splitlines()]
    assert said == ["Unable connect to broker", "the log is away", "the log is away"]
