"""LLMFlow's services as they run in a cluster: separate processes, the HTTP ones under gunicorn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from llmflow_testkit.ports import free_port

#: In the order in which they start; they stop in the same.
SERVICES = ("proxy", "ingest", "writer", "exporter", "query-api")
USERNAME, PASSWORD = "llmflow", "a password of the tests"
KEYS_TOKEN, SECRET_KEY = "the token that the services share", "the key of secrets of the tests"

_READY_SECONDS = 90.0
_STOP_SECONDS = 40.0


class Stack(AbstractContextManager["Stack"]):
    """A whole LLMFlow, or some `services` of it, on one log and one migrated database, on free ports of 127.0.0.1.

    `environment` is added to every service's. Services log to files in `folder`; when one does not become ready, the
    error quotes its log. `workers` is how many processes each HTTP service has.
    """

    def __init__(
        self,
        folder: Path,
        *,
        bus_url: str,
        database_url: str,
        services: Sequence[str] = SERVICES,
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.bus_url = bus_url
        self.database_url = database_url
        self._services = services
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports = {service: free_port() for service in SERVICES}
        #: Where the receiver takes gRPC: host and port.
        self.ingest_grpc = f"127.0.0.1:{free_port()}"
        self._environment = {
            **os.environ,
            "LLMFLOW_BUS_URL": bus_url,
            "LLMFLOW_DATABASE_URL": database_url,
            "LLMFLOW_HOST": "127.0.0.1",
            "LLMFLOW_WORKERS": str(workers),
            "PROXY_PORT": str(self._ports["proxy"]),
            "LLMFLOW_PROXY_ADDRESS": str(self._ports["proxy"]),
            "LLMFLOW_OTLP_ADDRESS": str(self._ports["ingest"]),
            "LLMFLOW_INGEST_HTTP_PORT": str(self._ports["ingest"]),
            "LLMFLOW_INGEST_GRPC_PORT": self.ingest_grpc.rpartition(":")[2],
            "LLMFLOW_INGEST_ZIPKIN_PORT": "0",
            "PORT": str(self._ports["query-api"]),
            "AUTH_USERNAME": USERNAME,
            "AUTH_PASSWORD": PASSWORD,
            "LLMFLOW_KEYS_TOKEN": KEYS_TOKEN,
            "LLMFLOW_SECRET_KEY": SECRET_KEY,
            **(environment or {}),
        }

    def url(self, service: str) -> str:
        """Where a service listens; the writer's and the exporter's is that of their health endpoints."""
        return f"http://127.0.0.1:{self._ports[service]}"

    def api(self) -> httpx.AsyncClient:
        """A client of the query API with the right password."""
        return httpx.AsyncClient(base_url=self.url("query-api"), auth=(USERNAME, PASSWORD), trust_env=False)

    def __enter__(self) -> Self:
        if self._run("migrate", "llmflow_store", "migrate").wait() != 0:
            raise AssertionError(f"the migration failed; its log:\n{self.log('migrate')}")
        try:
            for service in self._services:
                self.start(service, wait=False)
            for service in self._services:
                self.wait_ready(service)
        except BaseException:
            for service in list(self._processes):
                self.kill(service)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for service in self._services:
            if service in self._processes:
                self.stop(service)

    def start(self, service: str, *, wait: bool = True) -> None:
        """Start a service, and return when it is ready unless told not to `wait`."""
        self._processes[service] = self._run(service, f"llmflow_{service.replace('-', '_')}")
        if wait:
            self.wait_ready(service)

    def stop(self, service: str) -> None:
        """End a service as Kubernetes does, and wait for it."""
        process = self._processes.pop(service)
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        finally:
            _kill_group(process)

    def kill(self, service: str) -> None:
        """End a service with SIGKILL, its workers included."""
        _kill_group(self._processes.pop(service))

    def running(self, service: str) -> bool:
        """Whether the service's process still runs."""
        return service in self._processes and self._processes[service].poll() is None

    def wait_ready(self, service: str) -> None:
        """Return once /readyz is 200; fail with the service's log when that takes too long or the process ended."""
        deadline = time.monotonic() + _READY_SECONDS
        answer: Any = None
        with httpx.Client(trust_env=False, timeout=3) as client:
            while time.monotonic() < deadline and self.running(service):
                try:
                    answer = client.get(f"{self.url(service)}/readyz")
                    if answer.status_code == httpx.codes.OK:
                        return
                except httpx.TransportError as error:
                    answer = error
                time.sleep(0.05)
        detail = answer.text if isinstance(answer, httpx.Response) else answer
        raise AssertionError(f"{service} is not ready ({detail}); its log:\n{self.log(service)}")

    def log(self, service: str) -> str:
        """What the service has logged so far, over all its starts."""
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def _run(self, name: str, *module: str) -> subprocess.Popen[bytes]:
        health_port = {"LLMFLOW_HEALTH_PORT": str(self._ports[name])} if name in ("writer", "exporter") else {}
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *module],
                env={**self._environment, **health_port},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
