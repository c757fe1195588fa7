"""The log of one machine: an SQLite file that several processes write and read at once, without any server.

`embedded:///absolute/folder?option=value&…`; options, all optional:

    partitions          how many partitions a new topic gets (1)
    retention_bytes     size of the file beyond which the oldest records go, over all topics (1073741824)
    retention_hours     age beyond which a record goes, in hours (168)
    max_message_bytes   the largest value of a message (16777216)
    buffer_bytes        what one producer holds at most for `publish` calls in progress (67108864)

Durable means flushed to the disk (`synchronous=FULL`). Concurrent `publish` calls of one producer share a transaction.
Producers apply the retention; a group whose offset fell out of it goes on at the oldest record and logs a warning.
Topics that do not exist are made by whoever publishes to them or consumes them.

A file that the disk has damaged is put aside as `log-damaged-….db`, of which the last three are kept, and what can be
read of it goes on in a new one: with the same offsets, so that no group skips or repeats a record that is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from llmflow_bus.clients import Clients
from llmflow_bus.embedded.consumer import EmbeddedConsumer
from llmflow_bus.embedded.log import EmbeddedLog
from llmflow_bus.embedded.place import damaged_files
from llmflow_bus.embedded.producer import EmbeddedProducer
from llmflow_bus.embedded.worker import Connection, EmbeddedOptions
from llmflow_bus.port import Record, StartAt
from llmflow_bus.urls import parse_options, split_url
from llmflow_core.errors import ConfigError, LLMFlowError

__all__ = ["EmbeddedBus", "EmbeddedConsumer", "EmbeddedOptions", "EmbeddedProducer"]

_T = TypeVar("_T")

_HEALTH_SECONDS = 1.9
_READ_RECORDS = 500
_READ_BYTES = 8 * 2**20


class EmbeddedBus:
    """The bus of one machine; its promises are those of `llmflow_bus.port.Bus`."""

    def __init__(self, options: EmbeddedOptions) -> None:
        self._options = options
        self._clients = Clients()

    @classmethod
    def from_url(cls, url: str) -> EmbeddedBus:
        """Raises ConfigError that names everything that is wrong with the URL."""
        parts = split_url(url)
        if parts.netloc or not parts.path.strip("/"):
            raise ConfigError(
                ["LLMFLOW_BUS_URL: name an absolute folder (for example embedded:///var/lib/llmflow/log)"]
            )
        return cls(parse_options(EmbeddedOptions, parts.query, folder=Path(unquote(parts.path))))

    async def create_topics(self, topics: Sequence[str], *, partitions: int | None = None) -> None:
        count = partitions or self._options.partitions
        await self._once(lambda log: log.create_topics(topics, count), create=True)

    async def missing_topics(self, topics: Sequence[str]) -> list[str]:
        return await self._once(lambda log: [topic for topic in topics if not log.partitions(topic)], create=False)

    async def _once(self, work: Callable[[EmbeddedLog], _T], *, create: bool) -> _T:
        def run() -> _T:
            with contextlib.closing(Connection(self._options.folder, create=create)) as connection:
                return connection.run(work)

        return await asyncio.to_thread(run)

    def damaged_files(self) -> list[Path]:
        return damaged_files(self._options.folder)

    async def producer(self) -> EmbeddedProducer:
        return await self._clients.started(EmbeddedProducer(self._options))

    async def consumer(self, group: str, topics: Sequence[str], *, start_at: StartAt = "earliest") -> EmbeddedConsumer:
        return await self._clients.started(EmbeddedConsumer(self._options, group, topics, start_at))

    async def read(self, topic: str) -> AsyncIterator[Record]:
        log = await asyncio.to_thread(EmbeddedLog, self._options.folder, create=False)
        try:
            partitions = await asyncio.to_thread(log.partitions, topic)
            ends = [await asyncio.to_thread(log.end, partition) for partition in partitions]
            for partition, end in zip(partitions, ends, strict=True):
                position = 0
                while position < end:
                    records = await asyncio.to_thread(
                        log.read, partition, position, max_records=_READ_RECORDS, max_bytes=_READ_BYTES
                    )
                    for record in records:
                        if record.offset < end:
                            yield record
                    position = records[-1].offset + 1 if records else end
        finally:
            await asyncio.to_thread(log.close)

    async def healthy(self) -> bool:
        def check() -> None:
            EmbeddedLog(self._options.folder, create=False).close()

        try:
            await asyncio.wait_for(asyncio.to_thread(check), _HEALTH_SECONDS)
        except (LLMFlowError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        await self._clients.close()
