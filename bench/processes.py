"""Starting what is measured, and what it costs, from /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_CORES = sorted(os.sched_getaffinity(0))
#: What is measured has one core to itself; the load generator and what else takes part have the others, so that they do
#: not take from it. On a machine with one core they share.
MEASURED = {_CORES[0]}
BESIDE = set(_CORES[1:]) or MEASURED


@dataclass(frozen=True)
class Usage:
    """Processor time so far in seconds, and resident memory now in bytes, of a process and its children."""

    cpu: float
    rss: int


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], *, cores: set[int], env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process group of its own, confined to `cores`; its output goes to the file `output_of` reads."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", ",".join(map(str, sorted(cores))), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
        _outputs[process.pid] = output
        try:
            yield process
        finally:
            _end(process)
            del _outputs[process.pid]


_outputs: dict[int, IO[bytes]] = {}


def output_of(process: subprocess.Popen[bytes]) -> str:
    """What a process from `running` has printed until now."""
    output = os.pread(_outputs[process.pid].fileno(), 1 << 20, 0)
    return output.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(15)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def usage(pid: int) -> Usage:
    """What the process `pid` and its living descendants have used, and what descendants that ended had used."""
    cpu, rss = 0.0, 0
    for member in [pid, *_descendants(pid)]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            cpu += sum(map(int, fields[11:15])) / _TICKS
            rss += int(fields[21]) * _PAGE
    return Usage(cpu, rss)


def _descendants(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(FileNotFoundError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *_descendants(child)]
    return found


def settled(pid: int, *, timeout: float = 10) -> Usage:
    """The usage once the processes have been idle for half a second: a recorder may still work on what has passed."""
    deadline = time.monotonic() + timeout
    before = usage(pid)
    while True:
        time.sleep(0.5)
        now = usage(pid)
        if now.cpu - before.cpu < 0.02 or time.monotonic() > deadline:
            return now
        before = now


@contextlib.contextmanager
def peak_rss(pid: int) -> Iterator[Callable[[], int]]:
    """A function that says how much memory, in bytes, the process `pid` held at most since the block began."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak() -> int:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) << 10

    yield peak
