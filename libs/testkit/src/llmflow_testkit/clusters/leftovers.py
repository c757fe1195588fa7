"""Folders for the servers of one test run, and what is done about runs that were killed before they cleaned up."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from llmflow_store.postgres_orphans import stop_orphan

_PREFIX = "llmflow-test-"
_SETTLED_SECONDS = 60.0


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """An empty folder for one run's servers, removed at the end; servers and folders of killed runs go first.

    Any user may pass through it, unlike pytest's own temporary folders: PostgreSQL runs as another user than root.
    """
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            folder.chmod(0o711)
            yield folder
    finally:
        remove(folder)


def _sweep() -> None:
    """Clean up after runs that ended without doing it: their lock is free, for its holder is gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            # Another run may be between making its folder and taking the lock.
            if time.time() - folder.stat().st_mtime < _SETTLED_SECONDS:
                continue
            with (folder / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(folder)


def remove(folder: Path) -> None:
    """Remove `folder`, after ending every server that still runs on data below it, and nothing else."""
    for claim in folder.rglob("postmaster.pid"):
        stop_orphan(claim.parent)
    for claim in folder.rglob("kafka.pid"):
        with contextlib.suppress(psutil.Error, ValueError):
            broker = psutil.Process(int(claim.read_text()))
            if str(claim.with_name("server.properties")) in broker.cmdline():
                broker.kill()
    shutil.rmtree(folder)
