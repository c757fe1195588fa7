"""What the embedded producer and consumer share: the options and a thread that owns a connection to the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from llmflow_bus.embedded.log import EmbeddedLog, LogDamaged, LogReplaced
from llmflow_bus.embedded.repair import replace_damaged
from llmflow_bus.urls import Options

_T = TypeVar("_T")


class EmbeddedOptions(Options):
    """What an `embedded:` URL says; `llmflow_bus.embedded` describes each option."""

    folder: Path
    partitions: int = Field(1, ge=1, le=1024)
    retention_bytes: int = Field(2**30, ge=2**20)
    retention_hours: float = Field(168.0, gt=0)
    max_message_bytes: int = Field(16 * 2**20, ge=1024, le=2**29)
    buffer_bytes: int = Field(64 * 2**20, ge=1024)


class Connection:
    """The log below a folder, for one thread at a time: opened on first use, and anew after another took its place. One
    that turns out to be damaged is replaced."""

    def __init__(self, folder: Path, *, create: bool) -> None:
        self._folder = folder
        self._create = create
        self._log: EmbeddedLog | None = None

    def run(self, work: Callable[[EmbeddedLog], _T]) -> _T:
        """What `work` returns, which is tried again on what has replaced the log. Raises Retryable when it is away."""
        try:
            return self._try(work)
        except LogDamaged as error:
            replace_damaged(self._folder, error.inode)
        except LogReplaced:
            pass
        return self._try(work)

    def _try(self, work: Callable[[EmbeddedLog], _T]) -> _T:
        if self._log is None:
            # A log that vanishes later is not made again: its disk may be about to come back.
            self._log = EmbeddedLog(self._folder, create=self._create)
            self._create = False
        try:
            return work(self._log)
        except (LogReplaced, LogDamaged) as error:
            if isinstance(error, LogDamaged):
                error.inode = self._log.inode
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        if self._log is not None:
            self._log.close()
            self._log = None


class Worker:
    """One thread with one connection to the log."""

    def __init__(self, folder: Path, name: str) -> None:
        self._connection = Connection(folder, create=True)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[[EmbeddedLog], _T]) -> _T:
        """What `work` returns in the thread. Raises as `Connection.run`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.run, work)

    async def close(self, before: Callable[[], None] = lambda: None) -> None:
        """Run `before` in the thread, let go of the log and end the thread."""

        def end() -> None:
            before()
            self._connection.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, end)
        self._thread.shutdown(wait=False)
