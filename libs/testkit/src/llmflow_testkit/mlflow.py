"""A real MLflow server with a database of its own in a file; it comes from the Python package index."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from llmflow_testkit.clusters.availability import available
from llmflow_testkit.ports import free_port
from llmflow_testkit.pythonpackages import BARE_PYTHON, python_packages
from llmflow_testkit.running_server import running_server

VERSION = "3.17.2"


def find_mlflow() -> Path:
    """The folder for PYTHONPATH that has MLflow (75 s and 850 MB, once). Raises BackendMissing without uv or it."""
    return python_packages(f"mlflow-{VERSION}", [f"mlflow=={VERSION}"])


@asynccontextmanager
async def running_mlflow(folder: Path) -> AsyncIterator[str]:
    """The address of an MLflow that runs for the block, its data and log in `folder`."""
    packages = available(find_mlflow)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "PYTHONPATH": str(packages),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        # Eight processes that load all of MLflow, for evaluations that nobody asks for.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    where = ("--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    data = ("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", folder / "mlflow")
    command = (BARE_PYTHON, "-m", "mlflow", "server", *where, *data)
    log = folder / "mlflow.log"
    async with running_server(command, log=log, ready=f"{url}/health", within=240, environment=environment):
        yield url
