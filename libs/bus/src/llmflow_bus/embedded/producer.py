"""The embedded log's producer."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Sequence
from typing import NamedTuple

from llmflow_bus.embedded.log import EmbeddedLog
from llmflow_bus.embedded.worker import EmbeddedOptions, Worker
from llmflow_bus.port import Message
from llmflow_core.errors import Permanent, Retryable

_log = logging.getLogger(__name__)

_RETENTION_SECONDS = 30.0
_TRANSACTION_BYTES = 8 * 2**20


class _Call(NamedTuple):
    topic: str
    messages: Sequence[Message]
    size: int
    done: asyncio.Future[None]


class EmbeddedProducer:
    """Its promises are those of `llmflow_bus.port.Producer`."""

    def __init__(self, options: EmbeddedOptions) -> None:
        self._options = options
        self._worker = Worker(options.folder, "llmflow-log-producer")
        self._waiting: list[_Call] = []
        self._buffered = 0
        self._closed = False
        self._flushing: asyncio.Task[None] | None = None
        self._retaining: asyncio.Task[None] | None = None

    @property
    def max_message_bytes(self) -> int:
        return self._options.max_message_bytes

    async def start(self) -> None:
        """Open the log, or make it. Raises Retryable."""
        await self._worker.run(lambda log: None)
        self._retaining = asyncio.create_task(self._retain_now_and_then())

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        if self._closed:
            raise Retryable("this producer is closed")
        largest = max((len(message.value) for message in messages), default=0)
        if largest > self.max_message_bytes:
            raise Permanent(f"a message has {largest} bytes, {self.max_message_bytes} are allowed")
        size = sum(len(message.value) + len(message.key or b"") for message in messages)
        if self._buffered and self._buffered + size > self._options.buffer_bytes:
            raise Retryable(f"{self._buffered} bytes are waiting for the log already", retry_after=1)
        if not messages:
            return
        call = _Call(topic, messages, size, asyncio.get_running_loop().create_future())
        self._buffered += size
        self._waiting.append(call)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await call.done

    async def _flush(self) -> None:
        """Write all that waits; calls that arrive during one transaction share the next."""
        while self._waiting:
            calls = self._next_transaction()
            error = await self._append(calls)
            for call in calls:
                self._buffered -= call.size
                if call.done.done():
                    continue
                if error is None:
                    call.done.set_result(None)
                else:
                    call.done.set_exception(copy.copy(error))
        self._flushing = None

    def _next_transaction(self) -> list[_Call]:
        count = size = 0
        while count < len(self._waiting) and size < _TRANSACTION_BYTES:
            size += self._waiting[count].size
            count += 1
        calls, self._waiting = self._waiting[:count], self._waiting[count:]
        return calls

    async def _append(self, calls: Sequence[_Call]) -> Exception | None:
        def append(log: EmbeddedLog) -> None:
            missing = {call.topic for call in calls if not log.partitions(call.topic)}
            if missing:
                log.create_topics(missing, self._options.partitions)
            log.append([(call.topic, message) for call in calls for message in call.messages])

        try:
            await self._worker.run(append)
        except Exception as error:
            return error
        return None

    async def _retain_now_and_then(self) -> None:
        max_bytes, max_age = self._options.retention_bytes, self._options.retention_hours * 3600
        while True:
            await asyncio.sleep(_RETENTION_SECONDS)
            try:
                removed = await self._worker.run(lambda log: log.retain(max_bytes=max_bytes, max_age_seconds=max_age))
            except Retryable as error:
                _log.warning("retention has to wait: %s", error)
            else:
                if removed:
                    _log.info("retention removed %d records", removed)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._retaining is not None:
            self._retaining.cancel()
            await asyncio.wait([self._retaining])
        if self._flushing is not None:
            await self._flushing
        await self._worker.close()
