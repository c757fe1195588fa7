"""nginx for the tests of its configuration: Debian's package, unpacked beside the system."""

from __future__ import annotations

import shutil
from pathlib import Path

from llmflow_testkit.debian import unpacked


def find_nginx() -> Path:
    """nginx: the one on PATH, else the one of this machine's Debian. Raises BackendMissing when there is neither."""
    found = shutil.which("nginx")
    return Path(found) if found else unpacked("nginx") / "usr/sbin/nginx"
