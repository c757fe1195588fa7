"""A real Zipkin that keeps its spans in memory; its jar comes through Maven."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from llmflow_testkit.clusters import kafka
from llmflow_testkit.clusters.availability import available
from llmflow_testkit.clusters.cache import built_once, require, run
from llmflow_testkit.ports import free_port
from llmflow_testkit.running_server import running_server

VERSION = "3.6.1"
_JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")


def find_zipkin() -> Path:
    """Zipkin's jar; downloads it the first time (15 s, 135 MB).

    Raises BackendMissing without Java, or when it is not here yet and Maven is missing or cannot fetch it.
    """
    require("java")
    return built_once(f"zipkin-{VERSION}", _download) / f"zipkin-server-{VERSION}-exec.jar"


def _download(folder: Path) -> None:
    require("mvn")
    # Any project serves: the goal is told what to copy.
    project = Path(kafka.__file__).parent / "pom.xml"
    artifact = f"-Dartifact=io.zipkin:zipkin-server:{VERSION}:jar:exec"
    run(["mvn", "-B", "-q", "-f", project, "dependency:copy", artifact, f"-DoutputDirectory={folder}"])


@asynccontextmanager
async def running_zipkin(folder: Path) -> AsyncIterator[str]:
    """The address of a Zipkin that runs for the block, its log in `folder`."""
    jar = available(find_zipkin)
    port = free_port()
    log = folder / "zipkin.log"
    environment = {"QUERY_PORT": str(port), "SELF_TRACING_ENABLED": "false"}
    command = ("java", *_JVM, "-jar", jar)
    url = f"http://127.0.0.1:{port}"
    # It takes seconds to end in good order, and has nothing to keep.
    ending = signal.SIGKILL
    async with running_server(
        command, log=log, ready=f"{url}/health", within=180, environment=environment, ending=ending
    ):
        yield url
