"""PostgreSQL servers that outlived the process which started them: how they are recognised and stopped."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from pathlib import Path

import psutil

logger = logging.getLogger(__name__)

_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.02


def postmaster(pgdata: Path) -> tuple[int, str] | None:
    """Pid and status ("starting", "ready", ...) of the server that claims `pgdata`; None when none does.

    Read from `postmaster.pid`, whose lines are: pid (negative in single-user mode), data folder, start time, port,
    socket folder, address, shared memory, status. The process need not exist any more.
    """
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
        return abs(int(lines[0])), lines[7].strip() if len(lines) > 7 else "starting"
    except (FileNotFoundError, IndexError, ValueError):
        return None


def stop_orphan(pgdata: Path) -> None:
    """Stop what a killed process left running on `pgdata`, and remove the files that say that it runs.

    Whoever calls this makes sure that nobody supervises a server there. A process belongs to that server only when its
    program is `postgres` and it works in this very folder; whatever else has come by the pid in `postmaster.pid` is
    left alone.
    """
    claim = postmaster(pgdata)
    if claim is None:
        return
    left = [process for process in psutil.process_iter() if _belongs_to(process, pgdata)]
    head = [process for process in left if process.pid == claim[0]]
    if left:
        logger.warning("stopping the PostgreSQL server that a killed process left running on %s", pgdata)
    for processes, stop_signal in ((head, signal.SIGINT), (left, signal.SIGQUIT), (left, signal.SIGKILL)):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(stop_signal)
        if processes and _end(left):
            break
    # A new server would take any process that now has the old one's pid for the old server.
    (pgdata / "postmaster.pid").unlink(missing_ok=True)
    for lock in pgdata.glob(".s.PGSQL.*.lock"):
        lock.unlink()


def _belongs_to(process: psutil.Process, pgdata: Path) -> bool:
    try:
        return process.cwd() == str(pgdata) and any(
            argument.startswith("postgres:") or Path(argument).name == "postgres" for argument in process.cmdline()
        )
    except psutil.Error:
        return False


def _end(processes: list[psutil.Process]) -> bool:
    """Wait until all have ended; False if some still run after 30 seconds."""
    deadline = time.monotonic() + _STOP_SECONDS
    while any(_runs(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
