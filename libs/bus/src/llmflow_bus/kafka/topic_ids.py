"""What tells a topic from one of the same name that was there before: its id (KIP-516).

aiokafka speaks an older version of the Metadata request than the first that has ids, the tenth, so it is here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from aiokafka.errors import IncompatibleBrokerVersion, KafkaError  # type: ignore[import-untyped]
from aiokafka.protocol.api import Request, RequestStruct, Response  # type: ignore[import-untyped]
from aiokafka.protocol.types import (  # type: ignore[import-untyped]
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

_METADATA = 3
_VERSION = 10

_SECONDS = 5.0
_NO_ID = (0, 0)


class _Response(Response):  # type: ignore[misc]
    API_KEY = _METADATA
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("id_high", Int64),
                ("id_low", Int64),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _RequestStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = _METADATA
    API_VERSION = _VERSION
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("id_high", Int64), ("id_low", Int64), ("name", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Request(Request[_RequestStruct]):  # type: ignore[misc]
    API_KEY = _METADATA

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_RequestStruct]) -> _RequestStruct:
        return request_struct_class([(*_NO_ID, topic, {}) for topic in self._topics], False, False, False, {})


async def topic_ids(client: Any, topics: Sequence[str]) -> dict[str, str]:
    """The ids of those topics that an aiokafka client's brokers show now; none of brokers that are away or too old."""
    node = client.get_random_node()
    if node is None:
        return {}
    try:
        response = await client.send(node, _Request(topics))
    except (KafkaError, IncompatibleBrokerVersion, NotImplementedError):
        return {}
    return {
        name: f"{high % 2**64:016x}{low % 2**64:016x}"
        for error, name, high, low, *_ in response.topics
        if not error and (high, low) != _NO_ID
    }


class TopicWatch:
    """Finds out whether topics are still the same: asks the brokers every five seconds, beside other work."""

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics
        self._ids: dict[str, str] = {}
        self._asking: asyncio.Task[dict[str, str]] | None = None
        self._due = 0.0

    def id_of(self, topic: str) -> str:
        """The id that was seen last; empty while it is not known."""
        return self._ids.get(topic, "")

    async def look(self, client: Any) -> dict[str, bool]:
        """Of each topic that the brokers show: whether it is another than before."""
        return self._note(await topic_ids(client, self._topics))

    def seen(self, client: Any) -> dict[str, bool]:
        """The same, as far as there is an answer that was not given yet; never waits."""
        noted: dict[str, bool] = {}
        if self._asking is not None and self._asking.done():
            if self._asking.exception() is None:
                noted = self._note(self._asking.result())
            self._asking = None
        if self._asking is None and time.monotonic() >= self._due:
            self._due = time.monotonic() + _SECONDS
            self._asking = asyncio.create_task(topic_ids(client, self._topics))
        return noted

    def _note(self, ids: dict[str, str]) -> dict[str, bool]:
        noted = {topic: self._ids.get(topic, topic_id) != topic_id for topic, topic_id in ids.items()}
        self._ids |= ids
        return noted

    async def stop(self) -> None:
        """End what is being asked, before the client ends."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.wait([asking])
