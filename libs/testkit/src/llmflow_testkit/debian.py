"""Programs from Debian's packages, unpacked beside the system."""

from __future__ import annotations

import shutil
from pathlib import Path

from llmflow_testkit.clusters.cache import built_once, require, run


def unpacked(package: str) -> Path:
    """The folder of the package that this machine's Debian has, unpacked there once.

    What it depends on is not fetched. Raises BackendMissing where there is no apt.
    """
    return built_once(f"{package}-debian", lambda folder: _unpack(package, folder))


def _unpack(package: str, folder: Path) -> None:
    require("apt-get", "dpkg-deb", "sh")
    state = folder / "apt"
    (state / "lists" / "partial").mkdir(parents=True)
    options = {"Dir::State::lists": state / "lists", "Dir::Cache": state, "APT::Sandbox::User": ""}
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    run([*apt, "update"])
    run(["sh", "-c", 'cd "$0" && "$@"', state, *apt, "download", package])
    for archive in state.glob(f"{package}_*.deb"):
        run(["dpkg-deb", "-x", archive, folder])
    shutil.rmtree(state)
