"""Which file is the embedded log, and how a damaged one makes room for its successor, whoever dies meanwhile.

The successor is written under another name, and is whole from the moment that it bears `log-successor.db`. From then on
nobody writes to the old file; whoever opens the log next, or made the successor, puts it in the old one's place.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from llmflow_bus.embedded.damage import keep_the_last, put_aside
from llmflow_bus.metrics import DAMAGED

_log = logging.getLogger(__name__)

FILE_NAME = "log.db"
SUCCESSOR_NAME = "log-successor.db"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold what every process holds that opens, makes or replaces the log. Raises OSError without the folder."""
    with open(folder / "create.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def has_successor(folder: Path) -> bool:
    """Whether another file is about to take the log's place."""
    return (folder / SUCCESSOR_NAME).exists()


def put_in_place(folder: Path) -> None:
    """Put the log's successor in its place, if it has one, and the log aside. The caller has the folder `locked`."""
    successor = folder / SUCCESSOR_NAME
    if not has_successor(folder):
        return
    # The same name when this is done again, because it was broken off.
    made = successor.stat().st_mtime_ns
    aside = f"log-damaged-{datetime.fromtimestamp(made / 1e9, UTC):%Y%m%dT%H%M%S}.{made % 10**9:09d}.db"
    put_aside(folder / FILE_NAME, aside)
    successor.rename(folder / FILE_NAME)
    sync_folder(folder)
    DAMAGED.inc()
    _log.error("the embedded log was damaged: what could be read of it goes on in a new file, it is now %s", aside)
    keep_the_last(damaged_files(folder))


def damaged_files(folder: Path) -> list[Path]:
    """The files that were put aside because they were damaged, as far as they are kept, oldest first."""
    return sorted(folder.glob("log-damaged-*.db"))


def sync_folder(folder: Path) -> None:
    """Have the names in a folder outlive a lost power supply."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
