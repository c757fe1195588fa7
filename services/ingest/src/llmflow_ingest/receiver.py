"""The one road of every transport: parse, check, fit to the log, wait for the log's acknowledgement."""

from __future__ import annotations

from google.protobuf.message import Message

from llmflow_bus import Message as LogMessage
from llmflow_bus import topics
from llmflow_ingest import metrics
from llmflow_ingest.bodies import Encoding
from llmflow_ingest.log import Log
from llmflow_ingest.signals import Signal
from llmflow_ingest.splitting import split


class Receiver:
    """Takes export requests and answers once the log holds them."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def export(self, signal: Signal, body: bytes, encoding: Encoding, project: str) -> Message:
        """Append the valid items of a request to the log; return OTLP's answer once it holds them durably.

        The answer's partial success counts the invalid items and names the first of them. Protobuf bytes go to the log
        as they came unless something had to be removed or the log's limit on a record asks for several.

        Raises Rejected when the body is no request, Retryable when the log cannot take it now; the client then sends
        the whole request again, which is harmless for spans, because they are unique by their ids.
        """
        request = signal.parse(body, encoding)
        return signal.response(await self.accept(signal, request, project, body, encoding))

    async def accept(
        self,
        signal: Signal,
        request: Message,
        project: str,
        body: bytes | None = None,
        encoding: Encoding = Encoding.PROTOBUF,
    ) -> list[str]:
        """The same for a request that is decoded, from `body` if there is one; return what is wrong, a line an item."""
        problems = signal.check(request)
        accepted = signal.count(request)
        if accepted:
            unchanged = encoding is Encoding.PROTOBUF and not problems
            await self._publish(signal, request, body if unchanged else None, project)
        metrics.ITEMS.labels(signal.name, "accepted").inc(accepted)
        metrics.ITEMS.labels(signal.name, "rejected").inc(len(problems))
        return problems

    async def _publish(self, signal: Signal, request: Message, serialized: bytes | None, project: str) -> None:
        producer = await self._log.producer()
        value = request.SerializeToString() if serialized is None else serialized
        limit = producer.max_message_bytes
        values = [value] if len(value) <= limit else split(request, signal.layout, limit)
        headers = {topics.PROJECT_HEADER: project}
        await producer.publish(signal.topic, [LogMessage(value, headers=headers) for value in values])
