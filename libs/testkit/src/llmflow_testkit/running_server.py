"""A server of others that a test starts as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from llmflow_testkit.polling import eventually
from llmflow_testkit.service_process import answers

_STOP_SECONDS = 20
_LOG_CHARACTERS = 3000


@asynccontextmanager
async def running_server(
    command: Sequence[str | Path],
    *,
    log: Path,
    ready: str | Callable[[], Awaitable[bool]],
    within: float,
    environment: Mapping[str, str] | None = None,
    ending: signal.Signals = signal.SIGTERM,
) -> AsyncIterator[None]:
    """The command, for the block; its output goes to `log`. `environment` is added to the current one.

    It is ready once the URL `ready` answers 200, or the function says so; that it ends before, or is not ready `within`
    so many seconds, fails with the end of its log. At the end its process group gets the signal `ending`, and what has
    not gone after a while is killed.
    """
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=output, stderr=output, env={**os.environ, **(environment or {})}, start_new_session=True
        )

    async def is_ready() -> bool:
        if process.returncode is not None:
            raise RuntimeError(f"{command[0]} ended; its log:\n{_end_of(log)}")
        is_there = await (answers(ready) if isinstance(ready, str) else ready())
        assert is_there, _end_of(log)
        return is_there

    try:
        await eventually(is_ready, within=within)
        yield
    finally:
        _signal_group(process.pid, ending)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-_LOG_CHARACTERS:]


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)
