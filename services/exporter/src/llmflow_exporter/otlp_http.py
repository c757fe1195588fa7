"""OTLP/HTTP with protobuf, as the OpenTelemetry protocol specification 1.x defines it for clients."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from llmflow_exporter import metrics
from llmflow_exporter.destinations import Destination
from llmflow_exporter.transport import Reply, Verdict

logger = logging.getLogger(__name__)

_OVERLOADED = frozenset({408, 429, 502, 503, 504})
# Answers that say nothing about the spans: the key, the quota, the address or the protocol has to be put right first.
_BLOCKED = frozenset({401, 402, 403, 404, 405, 407, 415})
_LONGEST_RETRY_AFTER = 3600.0
_REASON_CHARACTERS = 300


class OtlpHttp:
    """A `Transport` with one kept connection."""

    def __init__(self, destination: Destination, *, timeout: float) -> None:
        self._destination = destination
        self._client = httpx.AsyncClient(
            headers={
                "user-agent": "llmflow-exporter",
                **destination.headers,
                "content-type": "application/x-protobuf",
                "content-encoding": "gzip",
            },
            timeout=timeout,
        )

    async def send(self, values: Sequence[bytes]) -> Reply:
        """Post `values` as one request: concatenated protobuf messages merge, so nothing is parsed or encoded again."""
        body = gzip.compress(b"".join(values), compresslevel=1)
        try:
            response = await self._client.post(self._destination.url, content=body)
        except httpx.HTTPError as error:
            metrics.REQUESTS.labels(self._destination.name, "none").inc()
            return Reply(Verdict.LATER, f"{type(error).__name__}: {error}")
        metrics.REQUESTS.labels(self._destination.name, str(response.status_code)).inc()
        if response.is_success:
            self._note_partial_success(response.content)
        return reply_to(response)

    def _note_partial_success(self, body: bytes) -> None:
        try:
            partial = ExportTraceServiceResponse.FromString(body).partial_success
        except DecodeError:
            return  # some backends answer 200 with JSON or text: they took the spans all the same
        if partial.rejected_spans:
            metrics.REJECTED_SPANS.labels(self._destination.name).inc(partial.rejected_spans)
        if partial.rejected_spans or partial.error_message:
            message = partial.error_message[:_REASON_CHARACTERS]
            logger.warning("%s rejected %d spans: %s", self._destination.name, partial.rejected_spans, message)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()


def reply_to(response: httpx.Response) -> Reply:
    """What an answer means.

    The specification has only 429, 502, 503 and 504 retried; 408 says the same thing, and other server errors are often
    a backend that is starting, so they are doubtful. What only an operator can put right never counts as refused, so
    that no span is lost to an expired key.
    """
    status = response.status_code
    if response.is_success:
        return Reply(Verdict.TAKEN)
    reason = f"HTTP {status}: {_excerpt(response)}"
    if status in _OVERLOADED:
        return Reply(Verdict.LATER, reason, _retry_after(response.headers.get("retry-after")))
    if status in _BLOCKED or response.is_redirect:
        return Reply(Verdict.BLOCKED, reason)
    if response.is_server_error:
        return Reply(Verdict.DOUBTFUL, reason, _retry_after(response.headers.get("retry-after")))
    return Reply(Verdict.REFUSED, reason)


def _excerpt(response: httpx.Response) -> str:
    printable = "".join(character if character.isprintable() else " " for character in response.text)
    return " ".join(printable.split())[:_REASON_CHARACTERS]


def _retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (a number or a date), at most an hour; None when it says nothing."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER) if seconds == seconds else None
