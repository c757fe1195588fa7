"""Kafka's producer."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    KafkaError,
    KafkaTimeoutError,
    ProducerClosed,
    TopicAuthorizationFailedError,
)
from aiokafka.partitioner import DefaultPartitioner  # type: ignore[import-untyped]

from llmflow_bus.kafka.guard import TOO_LARGE, no_topics, outcome, stopped, translated
from llmflow_bus.kafka.options import OVERHEAD_BYTES, KafkaOptions
from llmflow_bus.port import Message
from llmflow_core.errors import Permanent, Retryable

_log = logging.getLogger(__name__)

_partitioner = DefaultPartitioner()

_BATCH_BYTES = 256 * 1024
_BESIDE_BYTES = OVERHEAD_BYTES - 1024
_STOP_SECONDS = 3.0


class KafkaProducer:
    """Its promises are those of `llmflow_bus.port.Producer`.

    Idempotent, acks=all. A call that waits longer than the timeout raises Retryable, but its messages stay in the
    buffer and are sent once the brokers are back.
    """

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._kafka: Any = None
        self._connecting = asyncio.Lock()
        self._stopping: set[asyncio.Task[None]] = set()
        self._calls: set[asyncio.Future[None]] = set()
        self._turns: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._rotation = random.randrange(1 << 16)  # noqa: S311 - only spreads the load
        self._buffered = 0
        self._closed = False

    @property
    def max_message_bytes(self) -> int:
        return self._options.max_message_bytes

    async def start(self) -> None:
        """Connect. Raises Retryable."""
        await self._connected()

    async def _connected(self) -> Any:
        async with self._connecting:
            if self._kafka is None:
                self._kafka = await self._connect()
        return self._kafka

    async def _connect(self) -> Any:
        kafka = AIOKafkaProducer(
            **self._options.connection(),
            acks="all",
            enable_idempotence=True,
            compression_type=None if self._options.compression == "none" else self._options.compression,
            linger_ms=self._options.linger_ms,
            max_batch_size=_BATCH_BYTES,
            max_request_size=self._options.max_message_bytes + OVERHEAD_BYTES,
        )
        try:
            async with translated("connect a producer", self._options.timeout):
                await kafka.start()
        except BaseException:
            await _stop(kafka)
            raise
        return kafka

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        if self._closed:
            raise Retryable("this producer is closed")
        size = sum(self._size(message) for message in messages)
        if self._buffered and self._buffered + size > self._options.buffer_bytes:
            raise Retryable(f"{self._buffered} bytes are waiting for Kafka already", retry_after=1)
        call = asyncio.get_running_loop().create_future()
        self._calls.add(call)
        self._buffered += size
        sent: list[asyncio.Future[Any]] = []
        try:
            kafka = await self._connected()
            async with translated(f"publish to {topic}", self._options.timeout):
                await self._send(kafka, topic, messages, sent)
        except Permanent as error:
            if isinstance(error.__cause__, TOO_LARGE):
                raise
            # Wrong credentials, say: no fault of these messages, which are to be kept until it is mended.
            raise Retryable(str(error)) from error
        except Retryable as error:
            if self._kafka is not None and not self._kafka.client.cluster.partitions_for_topic(topic):
                raise no_topics(error, [topic]) from error
            raise
        finally:
            self._calls.remove(call)
            call.set_result(None)
            self._release(size, sent)

    def _release(self, size: int, sent: Sequence[asyncio.Future[Any]]) -> None:
        """Free a call's share of the buffer, at once or when aiokafka lets go of the last of its messages."""

        def release(_: object = None) -> None:
            self._buffered -= size

        pending = [future for future in sent if not future.done()]
        if pending:
            asyncio.gather(*pending, return_exceptions=True).add_done_callback(release)
        else:
            release()

    def _size(self, message: Message) -> int:
        if len(message.value) > self.max_message_bytes:
            raise Permanent(f"a message has {len(message.value)} bytes, {self.max_message_bytes} are allowed")
        beside = len(message.key or b"") + sum(
            len(k.encode()) + len(v.encode()) + 8 for k, v in message.headers.items()
        )
        if beside > _BESIDE_BYTES:
            raise Permanent(f"a message's key and headers have {beside} bytes, {_BESIDE_BYTES} are allowed")
        return len(message.value) + beside

    async def _send(self, kafka: Any, topic: str, messages: Sequence[Message], sent: list[asyncio.Future[Any]]) -> None:
        """Put the messages into aiokafka's buffer, a future of each into `sent`, and wait for all."""
        try:
            for partition, placed in (await self._place(kafka, topic, messages)).items():
                # aiokafka wakes everyone who waits for room in a partition at once; in turns it stays cheap.
                async with self._turns[topic, partition]:
                    for message in placed:
                        headers = [(name, value.encode()) for name, value in message.headers.items()]
                        sent.append(await kafka.send(topic, message.value, message.key, partition, headers=headers))
            if sent:
                # Unlike gather, wait leaves the futures alone when time is up: they stand for bytes still buffered.
                await asyncio.wait(sent)
            for error in [future.exception() for future in sent]:
                if error is not None:
                    raise error
        except KafkaError as error:
            self._replace_if_broken(kafka, error)
            raise

    async def _place(self, kafka: Any, topic: str, messages: Sequence[Message]) -> dict[int, list[Message]]:
        """Which messages go to which partition; those of a call that have no key go together, for larger batches."""
        partitions = sorted(await kafka.partitions_for(topic))
        available = sorted(kafka.client.cluster.available_partitions_for_topic(topic) or partitions)
        self._rotation += 1
        placed: dict[int, list[Message]] = {}
        for message in messages:
            if message.key is None:
                partition = available[self._rotation % len(available)]
            else:
                partition = _partitioner(message.key, partitions, available)
            placed.setdefault(partition, []).append(message)
        return placed

    def _replace_if_broken(self, kafka: Any, error: Any) -> None:
        """Drop a producer whose sending task may have ended: aiokafka never starts it again."""
        if error.retriable or isinstance(error, KafkaTimeoutError | TopicAuthorizationFailedError):
            return
        # What a broker has refused leaves a hole in the sequence numbers, for which it refuses the next batch as well.
        if isinstance(outcome("publish", error), Permanent) and not isinstance(error, TOO_LARGE):
            return
        if self._kafka is not kafka:
            return
        _log.warning("the Kafka producer is replaced after %r", error)
        self._kafka = None
        stopping = asyncio.create_task(_stop(kafka))
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)

    async def close(self) -> None:
        self._closed = True
        if self._calls:
            await asyncio.wait(self._calls)
        kafka, self._kafka = self._kafka, None
        if kafka is not None:
            await _stop(kafka)
        if self._stopping:
            await asyncio.wait(self._stopping)


async def _stop(kafka: Any) -> None:
    """Stop an aiokafka producer, also one that still has messages for brokers that are away."""
    if await stopped(kafka):
        return
    _log.warning("a Kafka producer ends with messages that were not acknowledged")
    sender = kafka._sender.sender_task
    if sender is not None:
        sender.cancel()
        await asyncio.wait([sender], timeout=_STOP_SECONDS)
    kafka._message_accumulator.fail_all(ProducerClosed())
    await kafka.client.close()
