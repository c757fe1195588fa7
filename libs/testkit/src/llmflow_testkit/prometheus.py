"""A real Prometheus, and promtool: Debian's package, unpacked beside the system."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from llmflow_testkit.clusters.availability import available
from llmflow_testkit.debian import unpacked
from llmflow_testkit.ports import free_port
from llmflow_testkit.running_server import running_server


def find_prometheus(program: str = "prometheus") -> Path:
    """`prometheus` or `promtool`: the one on PATH, else Debian's. Raises BackendMissing when there is neither."""
    found = shutil.which(program)
    return Path(found) if found else unpacked("prometheus") / "usr/bin" / program


async def lint_metrics(exposition: str) -> str:
    """What `promtool check metrics` has against a page of metrics; empty when nothing."""
    program = available(lambda: find_prometheus("promtool"))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(program, "check", "metrics", stdin=pipe, stdout=pipe, stderr=pipe)
    output, errors = await process.communicate(exposition.encode())
    assert process.returncode or not errors, errors
    return (output + errors).decode() if process.returncode else ""


@dataclass(frozen=True)
class RunningPrometheus:
    """Where it listens."""

    url: str

    async def query(self, promql: str) -> list[dict[str, Any]]:
        """The samples of an instant query; fails for one that Prometheus refuses."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{self.url}/api/v1/query", params={"query": promql})
        document = answer.json()
        assert document["status"] == "success", (promql, document)
        return list(document["data"]["result"])


@asynccontextmanager
async def running_prometheus(folder: Path, scrape_configs: Sequence[Any]) -> AsyncIterator[RunningPrometheus]:
    """A Prometheus that scrapes twice a second, with its data and log in `folder`."""
    program = available(find_prometheus)
    file, log, address = folder / "prometheus.yml", folder / "prometheus.log", f"127.0.0.1:{free_port()}"
    intervals = {"scrape_interval": "500ms", "scrape_timeout": "500ms"}
    file.write_text(json.dumps({"global": intervals, "scrape_configs": scrape_configs}))  # JSON is YAML
    command = (
        program,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus-data'}",
        f"--web.listen-address={address}",
    )
    async with running_server(command, log=log, ready=f"http://{address}/-/ready", within=60):
        yield RunningPrometheus(f"http://{address}")
