"""One service as its users run it: `python -m llmflow_…` with its settings in the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import httpx

from llmflow_testkit.polling import eventually


def environment_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """The current environment with `settings` (variable to value) on top, for a child process."""
    return {**os.environ, **{name: str(value) for name, value in settings.items()}}


class ServiceProcess(subprocess.Popen[bytes]):
    """A service whose log goes to a file, for it would have to wait for whoever reads a pipe too rarely."""

    def __init__(self, module: str, variables: Mapping[str, object], log: BinaryIO) -> None:
        super().__init__([sys.executable, "-m", module], env=environment_of(variables), stderr=log)
        self._log = log

    def said(self, timeout: float = 60) -> bytes:
        """All that it has logged, once it has ended."""
        self.wait(timeout)
        self._log.seek(0)
        return self._log.read()


@contextmanager
def service_process(module: str, **variables: object) -> Iterator[ServiceProcess]:
    """The process; it is killed at the end if it still runs."""
    with TemporaryFile() as log, ServiceProcess(module, variables, log) as process:
        try:
            yield process
        finally:
            process.kill()


async def answers(url: str) -> bool:
    """Whether something answers `url` with 200 now."""
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(url)).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


async def wait_ready(process: subprocess.Popen[bytes], url: str) -> None:
    """Return once the service at `url` is ready; fail when its process ends or a minute passes."""

    async def ready() -> bool:
        assert process.poll() is None
        return await answers(f"{url}/readyz")

    await eventually(ready, within=60)
