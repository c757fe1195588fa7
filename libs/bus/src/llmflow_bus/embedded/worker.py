"""What the embedded producer and consumer share: the options and a thread that owns a connection to the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from llmflow_bus.embedded.log import EmbeddedLog, LogReplaced
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


class Worker:
    """One thread with one connection, made on first use and anew after the log was replaced by another."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._log: EmbeddedLog | None = None
        self._create = True

    async def run(self, work: Callable[[EmbeddedLog], _T]) -> _T:
        """What `work` returns in the thread. Raises Retryable when the log is away."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._call, work)

    def _call(self, work: Callable[[EmbeddedLog], _T]) -> _T:
        if self._log is None:
            # A log that vanishes later is not made again: its disk may be about to come back.
            self._log = EmbeddedLog(self._folder, create=self._create)
            self._create = False
        try:
            return work(self._log)
        except LogReplaced:
            self._log.close()
            self._log = None
            raise

    async def close(self, before: Callable[[], None] = lambda: None) -> None:
        """Run `before` in the thread, let go of the log and end the thread."""

        def end() -> None:
            before()
            if self._log is not None:
                self._log.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, end)
        self._thread.shutdown(wait=False)
