"""What the benchmark gets from the registries or builds, each pinned and kept in the tests' cache.

Every function raises BackendMissing when this machine cannot have its part.
"""

from __future__ import annotations

import json
from pathlib import Path

from llmflow_testkit.clusters.cache import built_once, require, run
from llmflow_testkit.pythonpackages import LITELLM_VERSION, python_packages

_PORTKEY = "1.15.2"
#: Portkey's gateway asks for a server that does not run on Node 20.
_PORTKEY_SERVER = "1.13.8"
_CHOICES = ("granian==2.8.7", "httpx-aiohttp==0.2.0", "pyreqwest==0.15.1")


def litellm() -> Path:
    """A folder for PYTHONPATH with LiteLLM's proxy in it."""
    return python_packages(f"bench-litellm-{LITELLM_VERSION}", [f"litellm[proxy]=={LITELLM_VERSION}"])


def choices() -> Path:
    """A folder for PYTHONPATH with the servers and clients that LLMFlow was chosen from."""
    versions = "-".join(name.rpartition("=")[2] for name in _CHOICES)
    return python_packages(f"bench-choices-{versions}", _CHOICES, dependencies=False)


def portkey() -> Path:
    """The program that starts Portkey's gateway, for Node."""
    require("node", "npm")

    def build(folder: Path) -> None:
        wanted = {
            "private": True,
            "dependencies": {"@portkey-ai/gateway": _PORTKEY},
            "overrides": {"@hono/node-server": _PORTKEY_SERVER},
        }
        (folder / "package.json").write_text(json.dumps(wanted))
        run(["npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])

    folder = built_once(f"bench-portkey-{_PORTKEY}", build)
    return folder / "node_modules/@portkey-ai/gateway/build/start-server.js"
