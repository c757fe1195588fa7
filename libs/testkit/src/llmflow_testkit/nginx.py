"""nginx for the tests of its configuration: Debian's package, unpacked beside the system."""

from __future__ import annotations

import shutil
from pathlib import Path

from llmflow_testkit.clusters.cache import built_once, require, run


def find_nginx() -> Path:
    """nginx: the one on PATH, else the one of this machine's Debian. Raises BackendMissing when there is neither."""
    found = shutil.which("nginx")
    return Path(found) if found else built_once("nginx-debian", _unpack) / "usr/sbin/nginx"


def _unpack(folder: Path) -> None:
    require("apt-get", "dpkg-deb", "sh")
    state = folder / "apt"
    (state / "lists" / "partial").mkdir(parents=True)
    options = {"Dir::State::lists": state / "lists", "Dir::Cache": state, "APT::Sandbox::User": ""}
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    run([*apt, "update"])
    run(["sh", "-c", 'cd "$0" && "$@"', state, *apt, "download", "nginx"])
    for package in state.glob("nginx_*.deb"):
        run(["dpkg-deb", "-x", package, folder])
    shutil.rmtree(state)
