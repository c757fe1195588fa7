"""Kafka, through aiokafka.

`kafka://[user:password@]host:9092[,host2:9092…][?option=value&…]`; user and password percent-encoded; options, all
optional:

    security            PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL (PLAINTEXT; SASL_PLAINTEXT when the URL has a user)
    mechanism           PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (PLAIN)
    ca_file             PEM file of the authorities to trust instead of the system's
    partitions          how many partitions a new topic gets (6)
    replication         how many replicas a new topic gets (-1: what the broker has as its default)
    compression         zstd, lz4, gzip or none (zstd)
    linger_ms           how long a producer waits for company before it sends, in milliseconds (5)
    max_message_bytes   the largest value of a message (1000000); brokers accept about 1 MB unless told otherwise, and
                        topics made here are told this number
    buffer_bytes        what one producer holds at most for messages in progress (67108864)
    timeout             how long a call waits for the brokers before it raises Retryable, in seconds (10)
    session_timeout     how long a consumer may be silent before its partitions go to others, in seconds (10)

Errors: what another call or another setting would cure (a message too large, a bad topic name, wrong credentials) is
Permanent; everything that may cure itself or that an operator can cure meanwhile (brokers away, a missing permission)
is Retryable. Producers and consumers outlive the brokers' absence, however long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]
from aiokafka.errors import TopicAlreadyExistsError, for_code  # type: ignore[import-untyped]

from llmflow_bus.clients import Clients
from llmflow_bus.kafka.consumer import KafkaConsumer
from llmflow_bus.kafka.guard import translated
from llmflow_bus.kafka.options import OVERHEAD_BYTES, KafkaOptions
from llmflow_bus.kafka.producer import KafkaProducer
from llmflow_bus.kafka.topic_reader import read_topic
from llmflow_bus.port import Record, StartAt
from llmflow_core.errors import Retryable

__all__ = ["KafkaBus", "KafkaConsumer", "KafkaOptions", "KafkaProducer"]

_HEALTH_SECONDS = 1.9


class KafkaBus:
    """A Kafka cluster; its promises are those of `llmflow_bus.port.Bus`."""

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._clients = Clients()
        self._probe: Any = None

    @classmethod
    def from_url(cls, url: str) -> KafkaBus:
        """Raises ConfigError that names everything that is wrong with the URL."""
        return cls(KafkaOptions.from_url(url))

    async def create_topics(self, topics: Sequence[str], *, partitions: int | None = None) -> None:
        admin = AIOKafkaAdminClient(**self._options.connection())
        try:
            async with translated("create topics", self._options.timeout):
                await admin.start()
                missing = set(topics) - set(await admin.list_topics())
                if missing:
                    created = await admin.create_topics([self._new_topic(name, partitions) for name in sorted(missing)])
                    refused = [
                        (for_code(code), f"{name}: {message}")
                        for name, code, message in created.topic_errors
                        if code and for_code(code) is not TopicAlreadyExistsError
                    ]
                    if refused:
                        raise refused[0][0]("; ".join(text for _, text in refused))
        finally:
            await admin.close()

    def _new_topic(self, name: str, partitions: int | None) -> Any:
        return NewTopic(
            name,
            partitions or self._options.partitions,
            self._options.replication,
            # Only with an assignment, be it empty, does aiokafka let the broker choose the number of replicas.
            replica_assignments={} if self._options.replication == -1 else None,
            topic_configs={"max.message.bytes": str(self._options.max_message_bytes + OVERHEAD_BYTES)},
        )

    async def producer(self) -> KafkaProducer:
        return await self._clients.started(KafkaProducer(self._options))

    async def consumer(self, group: str, topics: Sequence[str], *, start_at: StartAt = "earliest") -> KafkaConsumer:
        return await self._clients.started(KafkaConsumer(self._options, group, topics, start_at))

    def read(self, topic: str) -> AsyncIterator[Record]:
        return read_topic(self._options, topic)

    async def missing_topics(self, topics: Sequence[str]) -> list[str]:
        try:
            found = await self._cluster()
        except Exception as error:
            raise Retryable(f"Kafka, look for topics: {error!r}") from error
        return [topic for topic in topics if not found.partitions_for_topic(topic)]

    def damaged_files(self) -> list[Path]:
        return []

    async def healthy(self) -> bool:
        try:
            await self._cluster()
        except Exception:
            return False
        return True

    async def _cluster(self) -> Any:
        """What the brokers show now."""
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                if self._probe is None:
                    probe = AIOKafkaClient(**self._options.connection())
                    self._probe = probe
                    await probe.bootstrap()
                return await self._probe.fetch_all_metadata()
        except BaseException:
            await self._end_probe()
            raise

    async def _end_probe(self) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            with suppress(Exception):
                await probe.close()

    async def close(self) -> None:
        await self._clients.close()
        await self._end_probe()
