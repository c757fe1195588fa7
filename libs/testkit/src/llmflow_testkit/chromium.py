"""The Chromium that browser tests drive."""

from __future__ import annotations

import os
import shutil
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
