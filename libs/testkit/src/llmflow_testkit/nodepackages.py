"""Packages for Node, installed once in a pinned version and kept in the tests' cache."""

from __future__ import annotations

from pathlib import Path

from llmflow_testkit.clusters.cache import built_once, require, run

OPENAI_VERSION = "7.57.0"


def find_node_openai() -> Path:
    """The folder for NODE_PATH that has OpenAI's SDK for Node. Raises BackendMissing without Node or the package."""
    require("node")

    def build(folder: Path) -> None:
        require("npm")
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        run(["npm", "install", "--prefix", folder, *quiet, f"openai@{OPENAI_VERSION}"])

    return built_once(f"node-openai-{OPENAI_VERSION}", build) / "node_modules"
