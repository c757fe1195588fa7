"""A real Arize Phoenix with a database of its own in a file; it comes from the Python package index."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from llmflow_testkit.clusters.availability import available
from llmflow_testkit.ports import free_port
from llmflow_testkit.pythonpackages import BARE_PYTHON, python_packages
from llmflow_testkit.running_server import running_server

VERSION = "20.26.1"


def find_phoenix() -> Path:
    """The folder for PYTHONPATH that has Phoenix (75 s and 830 MB, once). Raises BackendMissing without uv or it."""
    return python_packages(f"phoenix-{VERSION}", [f"arize-phoenix=={VERSION}"])


@asynccontextmanager
async def running_phoenix(folder: Path) -> AsyncIterator[str]:
    """The address of a Phoenix that runs for the block, its data and log in `folder`."""
    packages = available(find_phoenix)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "PYTHONPATH": str(packages),
        "PHOENIX_WORKING_DIR": str(folder / "phoenix"),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    command = (BARE_PYTHON, "-m", "phoenix.server.main", "serve")
    log = folder / "phoenix.log"
    async with running_server(command, log=log, ready=f"{url}/healthz", within=240, environment=environment):
        yield url
