"""Python packages that do not go together with the project's own, installed once and kept in the tests' cache."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from llmflow_testkit.clusters.cache import BackendMissing, built_once, run

LITELLM_VERSION = "1.106.2"
#: Not among LiteLLM's own requirements, but without it calls with tools fail.
_MCP = "mcp==2.3.0"
OPIK_VERSION = "2.2.103"
PORTKEY_VERSION = "2.3.4"

#: The interpreter without the project's packages, to run programs with others in PYTHONPATH.
BARE_PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"


def find_python_clients() -> Path:
    """The folder for PYTHONPATH that has LiteLLM, Opik and Portkey's SDK, with the older `openai` that LiteLLM asks for
    (20 s, once).

    Raises BackendMissing without uv or the packages.
    """
    packages = (f"litellm=={LITELLM_VERSION}", _MCP, f"opik=={OPIK_VERSION}", f"portkey-ai=={PORTKEY_VERSION}")
    return python_packages(f"python-clients-{LITELLM_VERSION}-{OPIK_VERSION}-{PORTKEY_VERSION}", packages)


def python_packages(name: str, packages: Sequence[str], *, dependencies: bool = True) -> Path:
    """A folder for PYTHONPATH, `name` in the cache, with `packages` in it. uv is the system's or the Makefile's.

    Raises BackendMissing when there is no uv or they are not to be had.
    """

    def build(folder: Path) -> None:
        uv = shutil.which("uv") or next(Path.cwd().glob(".make/uv/bin/uv"), None)
        if uv is None:
            raise BackendMissing("not installed: uv")
        options = ("--quiet", "--compile-bytecode", "--python", sys.executable, "--target", folder)
        run([uv, "pip", "install", *options, *([] if dependencies else ["--no-deps"]), *packages])

    # What a package needs depends on the interpreter's version, down to its last number.
    return built_once(f"{name}-{platform.python_version()}", build)
