"""Command-line tools written in Go, built once from a pinned version and kept in the tests' cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from llmflow_testkit.clusters.cache import built_once, require, run


def go_tool(name: str, package: str, version: str, *, variables: Mapping[str, str] | None = None) -> Path:
    """The program that `go install package@version` makes, from the cache or built now.

    `variables` are string variables of its packages that its releases set when they are linked. Raises BackendMissing
    when there is no Go or the build fails.
    """

    def build(folder: Path) -> None:
        require("go", "nice")
        # At low priority, so that the tests beside it keep their processors.
        settings = (f"GOBIN={folder}", "CGO_ENABLED=0")
        link = " ".join(("-s -w", *(f"-X {variable}={value}" for variable, value in (variables or {}).items())))
        go_install = ("go", "install", f"-ldflags={link}", f"{package}@{version}")
        run(["env", *settings, "nice", "-n", "10", *go_install], timeout=1200)

    return built_once(f"{name}-{version.removeprefix('v')}", build) / package.rsplit("/", 1)[-1]
