"""The Chromium that browser tests drive."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from llmflow_testkit.clusters.cache import BackendMissing, cache_root, locked, run

#: For a machine without a display, a GPU or a network, and for root in a container.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
#: What makes a started browser one to be driven.
_DRIVEN = (
    "--headless",
    "--remote-debugging-port=0",
    # Who connects while the first window opens may wait for it in vain.
    "--no-startup-window",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--hide-scrollbars",
    "--mute-audio",
)
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


@contextmanager
def running_chromium(program: Path, profile: Path) -> Iterator[str]:
    """A headless Chromium on an empty `profile` folder; gives the URL that CDP clients connect to."""
    with (profile / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *FLAGS, *_DRIVEN, f"--user-data-dir={profile}"], stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield f"http://127.0.0.1:{_port(process, profile / 'DevToolsActivePort')}"
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[bytes], told: Path) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if told.exists() and (lines := told.read_text().splitlines()):
            return int(lines[0])
        time.sleep(0.02)
    raise AssertionError(f"Chromium did not start:\n{(told.parent / 'chromium.log').read_text(errors='replace')}")


def find_chromium() -> Path:
    """Chromium's program: the one that LLMFLOW_TEST_CHROMIUM names, else the system's.

    Where there is none, root on Debian gets it installed by apt (30 s the first time). Raises BackendMissing otherwise.
    """
    named = os.environ.get("LLMFLOW_TEST_CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise BackendMissing(f"LLMFLOW_TEST_CHROMIUM: {named} is not a program")
        return Path(named)
    return _installed() or _install()


def _installed() -> Path | None:
    found = shutil.which("chromium")
    return Path(found) if found else None


def _install() -> Path:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise BackendMissing("not installed: chromium")
    with locked(cache_root() / "chromium.lock"):
        if not _installed():
            apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y", "-oAcquire::Retries=3"]
            run([*apt, "update"])
            run([*apt, "install", "--no-install-recommends", "chromium"])
    found = _installed()
    if not found:
        raise BackendMissing("apt installed Chromium, but no program named chromium")
    return found
