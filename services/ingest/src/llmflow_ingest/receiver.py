"""The one road of every transport: parse, check, fit to the log, wait for the log's acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from google.protobuf.message import Message

from llmflow_bus import Message as LogMessage
from llmflow_bus import topics
from llmflow_ingest import metrics
from llmflow_ingest.bodies import Encoding
from llmflow_ingest.log import Log
from llmflow_ingest.signals import TRACES, Signal
from llmflow_ingest.splitting import split

#: A request, and one line for each item that could not be made part of it.
Decoded: TypeAlias = tuple[Message, list[str]]
Translate: TypeAlias = Callable[[bytes], Decoded]

#: From this many bytes on, a body takes longer than others should wait.
_LARGE = 256 << 10


class Receiver:
    """Takes requests and answers once the log holds them."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._large = asyncio.Lock()

    async def export(self, signal: Signal, body: bytes, encoding: Encoding, project: str) -> Message:
        """Append the valid items of an OTLP request to the log; return OTLP's answer once it holds them durably.

        The answer's partial success counts the invalid items and names the first of them. Protobuf bytes go to the log
        as they came unless something had to be removed or the log's limit on a record asks for several.

        Raises Rejected when the body is no request, Retryable when the log cannot take it now; the client then sends
        the whole request again, which is harmless for spans, because they are unique by their ids.
        """
        unchanged = encoding is Encoding.PROTOBUF
        problems = await self._take(signal, body, lambda: signal.decode(body, encoding), project, unchanged=unchanged)
        response: Message = signal.response(problems)
        return response

    async def spans(self, body: bytes, translate: Translate, project: str) -> list[str]:
        """The same for spans of another format; return what is wrong, one line for each span that is left out."""

        def decode() -> Decoded:
            request, problems = translate(body)
            return request, problems + TRACES.check(request, {})

        return await self._take(TRACES, body, decode, project, unchanged=False)

    async def _take(
        self, signal: Signal, body: bytes, decode: Callable[[], Decoded], project: str, *, unchanged: bool
    ) -> list[str]:
        producer = await self._log.producer()
        serialized = body if unchanged else None

        def prepare() -> _Prepared:
            return _prepared(signal, *decode(), serialized, producer.max_message_bytes)

        if len(body) <= _LARGE:
            prepared = prepare()
        else:
            # In a thread, so that small ones go on; one at a time, because decoded it takes many times its size.
            async with self._large:
                prepared = await asyncio.to_thread(prepare)
        headers = {topics.PROJECT_HEADER: project}
        if prepared.values:
            await producer.publish(signal.topic, [LogMessage(value, headers=headers) for value in prepared.values])
        metrics.ITEMS.labels(signal.name, "accepted").inc(prepared.accepted)
        metrics.ITEMS.labels(signal.name, "rejected").inc(len(prepared.problems))
        return prepared.problems


class _Prepared(NamedTuple):
    values: list[bytes]
    accepted: int
    problems: list[str]


def _prepared(signal: Signal, request: Message, problems: list[str], serialized: bytes | None, limit: int) -> _Prepared:
    """What the log gets, in records of at most `limit` bytes; `serialized` is how the request came, if it may stay."""
    accepted = signal.count(request)
    if not accepted:
        return _Prepared([], 0, problems)
    value = request.SerializeToString() if serialized is None or problems else serialized
    values = [value] if len(value) <= limit else split(request, signal.layout, limit)
    return _Prepared(values, accepted, problems)
