"""One service as its users run it: `python -m llmflow_…` with its settings in the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from llmflow_testkit.polling import eventually


def environment_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """The current environment with `settings` (variable to value) on top, for a child process."""
    return {**os.environ, **{name: str(value) for name, value in settings.items()}}


@contextmanager
def service_process(module: str, **variables: object) -> Iterator[subprocess.Popen[bytes]]:
    """The process, its log in `stderr`; it is killed at the end if it still runs."""
    process = subprocess.Popen([sys.executable, "-m", module], env=environment_of(variables), stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


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
