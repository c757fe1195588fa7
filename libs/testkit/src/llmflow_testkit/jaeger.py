"""A real Jaeger v2 that keeps its spans in memory, built by Go."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from llmflow_testkit.clusters.availability import available
from llmflow_testkit.clusters.cache import built_once, require, run
from llmflow_testkit.ports import free_port
from llmflow_testkit.running_server import running_server

#: Of the module; it holds Jaeger v2 beside the last v1.
VERSION = "v1.76.0"
_MODULE = "github.com/jaegertracing/jaeger"
_MEMORY = "memory"


def find_jaeger() -> Path:
    """The program `jaeger`, built by Go at VERSION (four minutes, once). Its user interface is a placeholder.

    Raises BackendMissing when there is no Go or the build fails.
    """

    def build(folder: Path) -> None:
        require("go", "nice")
        with tempfile.TemporaryDirectory(prefix="llmflow-jaeger-") as work:
            _make_module(Path(work))
            go_build = ("go", "build", "-C", work, "-mod=mod", "-trimpath", "-ldflags=-s -w")
            command = ("env", "CGO_ENABLED=0", "nice", "-n", "10", *go_build)
            run([*command, "-o", folder / "jaeger", f"{_MODULE}/cmd/jaeger"], timeout=3600)

    return built_once(f"jaeger-{VERSION.removeprefix('v')}", build) / "jaeger"


def _make_module(folder: Path) -> None:
    """Write a module that asks for Jaeger's as Jaeger asks for others. Its own cannot be installed from outside, as it
    replaces some of its requirements."""
    source = json.loads(run(["env", f"-C{folder}", "go", "mod", "download", "-json", f"{_MODULE}@{VERSION}"]))["Dir"]
    own = Path(source, "go.mod").read_text()
    renamed = re.sub(r"^module .*$", "module llmflow-jaeger", own, count=1, flags=re.MULTILINE)
    (folder / "go.mod").write_text(f"{renamed}\nrequire {_MODULE} {VERSION}\n")
    (folder / "go.sum").write_bytes(Path(source, "go.sum").read_bytes())


@dataclass(frozen=True)
class RunningJaeger:
    """Where it takes OTLP over HTTP and over gRPC, and where its query API is."""

    http: str
    grpc: str
    api: str


@asynccontextmanager
async def running_jaeger(folder: Path) -> AsyncIterator[RunningJaeger]:
    """A Jaeger that runs for the block, its configuration and log in `folder`."""
    program = available(find_jaeger)
    http, grpc, api, api_grpc = (f"127.0.0.1:{free_port()}" for _ in range(4))
    configuration = {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
            "telemetry": {"metrics": {"level": "none"}},
        },
        "extensions": {
            "jaeger_storage": {"backends": {_MEMORY: {"memory": {"max_traces": 10_000}}}},
            "jaeger_query": {
                "storage": {"traces": _MEMORY},
                "enable_tracing": False,
                "http": {"endpoint": api},
                "grpc": {"endpoint": api_grpc},
            },
        },
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": http}, "grpc": {"endpoint": grpc}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": _MEMORY}},
    }
    file, log = folder / "jaeger.json", folder / "jaeger.log"
    file.write_text(json.dumps(configuration))  # JSON is YAML
    command = (program, f"--config={file}")
    async with running_server(command, log=log, ready=f"http://{api}/api/services", within=60):
        yield RunningJaeger(http=f"http://{http}", grpc=f"http://{grpc}", api=f"http://{api}")
