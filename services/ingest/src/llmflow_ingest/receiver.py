"""The one road of every transport: parse, check, fit to the log, wait for the log's acknowledgement."""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from llmflow_bus import Message, topics
from llmflow_core.otlp import check_traces
from llmflow_ingest import metrics
from llmflow_ingest.bodies import Encoding
from llmflow_ingest.log import Log
from llmflow_ingest.splitting import span_count, split

# Enough to find the fault; a request of a million bad spans must not get a million lines back.
_PROBLEMS_NAMED = 10


class Receiver:
    """Takes export requests and answers once the log holds them."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def traces(self, body: bytes, encoding: Encoding, project: str) -> ExportTraceServiceResponse:
        """Append the valid spans of a request to the log; return once it holds them durably.

        The answer's partial success counts the invalid spans and names the first of them. Protobuf bytes go to the log
        as they came unless something had to be removed or the log's limit on a record asks for several.

        Raises Rejected when the body is no request, Retryable when the log cannot take it now; the client then sends
        the whole request again, which is harmless, because spans are unique by their ids.
        """
        request = encoding.parse_traces(body)
        problems = check_traces(request)
        accepted = span_count(request)
        if accepted:
            unchanged = encoding is Encoding.PROTOBUF and not problems
            await self._publish(request, body if unchanged else None, project)
        metrics.SPANS.labels("accepted").inc(accepted)
        metrics.SPANS.labels("rejected").inc(len(problems))
        return _response(problems)

    async def _publish(self, request: ExportTraceServiceRequest, serialized: bytes | None, project: str) -> None:
        producer = await self._log.producer()
        value = request.SerializeToString() if serialized is None else serialized
        limit = producer.max_message_bytes
        values = [value] if len(value) <= limit else split(request, limit)
        headers = {topics.PROJECT_HEADER: project}
        await producer.publish(topics.SPANS, [Message(value, headers=headers) for value in values])


def _response(problems: list[str]) -> ExportTraceServiceResponse:
    if not problems:
        return ExportTraceServiceResponse()
    named = problems[:_PROBLEMS_NAMED]
    more = [f"and {len(problems) - len(named)} more"] if len(problems) > len(named) else []
    return ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(rejected_spans=len(problems), error_message="; ".join(named + more))
    )
