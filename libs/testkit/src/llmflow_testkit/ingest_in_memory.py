"""The receiver without ports and without a log: requests go in by function calls, values come to a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import httpx

from llmflow_bus import Bus, Message
from llmflow_ingest.app import create_app
from llmflow_ingest.settings import IngestSettings


class _MemoryLog:
    """The part of the bus that the receiver uses."""

    def __init__(self) -> None:
        self.max_message_bytes = 0
        self.published: list[tuple[str, Message]] = []

    async def producer(self) -> _MemoryLog:
        return self

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        assert all(len(message.value) <= self.max_message_bytes for message in messages)
        self.published += [(topic, message) for message in messages]

    async def healthy(self) -> bool:
        return True

    async def close(self) -> None:
        pass


class IngestInMemory:
    """Post to it and see what the log was given. `record_bytes` is the log's limit on a record."""

    def __init__(self, *, record_bytes: int = 1 << 20, **settings: object) -> None:
        self._log = _MemoryLog()
        self.record_bytes = record_bytes
        app = create_app(IngestSettings(ingest_grpc_port=0, **settings), bus=cast(Bus, self._log))  # type: ignore[arg-type]
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest")  # type: ignore[arg-type]

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[httpx.Response, list[tuple[str, bytes]]]:
        """The answer, and the topics and values that this request brought to the log."""
        self._log.max_message_bytes = self.record_bytes
        self._log.published.clear()
        response = await self._client.post(path, content=body, headers=headers)
        return response, [(topic, message.value) for topic, message in self._log.published]
