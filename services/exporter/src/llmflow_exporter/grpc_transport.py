"""OTLP/gRPC, as the OpenTelemetry protocol specification 1.x defines it for clients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from llmflow_core.destinations.destination import Destination, Tls, grpc_metadata
from llmflow_exporter import metrics
from llmflow_exporter.transport import Reply, Verdict, excerpt, longest

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_DETAILS = "grpc-status-details-bin"
_CODES = grpc.StatusCode
# As the specification's table has them, except that a server that is out of resources gets the same again in any case.
_LATER = frozenset(
    {
        _CODES.CANCELLED,
        _CODES.DEADLINE_EXCEEDED,
        _CODES.RESOURCE_EXHAUSTED,
        _CODES.ABORTED,
        _CODES.OUT_OF_RANGE,
        _CODES.UNAVAILABLE,
        _CODES.DATA_LOSS,
    }
)
_BLOCKED = frozenset({_CODES.UNAUTHENTICATED, _CODES.PERMISSION_DENIED, _CODES.UNIMPLEMENTED, _CODES.NOT_FOUND})
_DOUBTFUL = frozenset({_CODES.INTERNAL, _CODES.UNKNOWN})
_LARGE = ("larger than max", "message too large", "max_receive_message_length")
#: So says gRPC itself of an answer that it does not take in, to a request that the server has taken.
_LONG_ANSWER = "client: received message larger than max"
_OPTIONS = (("grpc.max_reconnect_backoff_ms", 10_000), ("grpc.max_send_message_length", -1))


class GrpcTransport:
    """A `Transport` with one channel, which gRPC keeps connected."""

    def __init__(self, destination: Destination, *, timeout: float) -> None:
        parts = urlsplit(destination.url)
        target = parts.netloc if parts.port else f"{parts.netloc}:{443 if parts.scheme == 'https' else 4317}"
        compression = grpc.Compression.Gzip if destination.compression == "gzip" else grpc.Compression.NoCompression
        if parts.scheme == "https":
            self._channel = grpc.aio.secure_channel(
                target, _credentials(destination.tls), options=_OPTIONS, compression=compression
            )
        else:
            self._channel = grpc.aio.insecure_channel(target, options=_OPTIONS, compression=compression)
        self._export = self._channel.unary_unary(_METHOD, None, None)
        self._name = destination.name
        self._metadata = tuple(grpc_metadata(name, value) for name, value in destination.headers.items())
        self._timeout = timeout

    async def send(self, values: Sequence[bytes]) -> Reply:
        """Send `values` as one call: concatenated protobuf messages merge."""
        try:
            answer = await self._export(b"".join(values), timeout=self._timeout, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            metrics.REQUESTS.labels(self._name, error.code().name).inc()
            return reply_to(error)
        metrics.REQUESTS.labels(self._name, "OK").inc()
        try:
            partial = ExportTraceServiceResponse.FromString(answer).partial_success
        except DecodeError:
            return Reply(Verdict.TAKEN)
        return Reply(Verdict.TAKEN, excerpt(partial.error_message), rejected_spans=max(0, partial.rejected_spans))

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)


def reply_to(error: grpc.aio.AioRpcError) -> Reply:
    """What a status other than OK means; a RetryInfo among its details says how long to wait."""
    code = error.code()
    reason = f"gRPC {code.name}: {excerpt(error.details() or '')}"
    if code is _CODES.RESOURCE_EXHAUSTED and _LONG_ANSWER in reason.lower():
        return Reply(Verdict.TAKEN)
    if code is _CODES.RESOURCE_EXHAUSTED and any(words in reason.lower() for words in _LARGE):
        return Reply(Verdict.TOO_LARGE, reason)
    if code in _LATER:
        return Reply(Verdict.LATER, reason, _retry_delay(error))
    if code in _BLOCKED:
        return Reply(Verdict.BLOCKED, reason)
    return Reply(Verdict.DOUBTFUL if code in _DOUBTFUL else Verdict.REFUSED, reason)


def _retry_delay(error: grpc.aio.AioRpcError) -> float | None:
    metadata: Any = error.trailing_metadata() or ()  # pairs, which its type stub does not say
    details = dict(metadata).get(_DETAILS)
    if not isinstance(details, bytes):
        return None
    try:
        status = Status.FromString(details)
    except DecodeError:
        return None
    for detail in status.details:
        info = RetryInfo()
        if detail.Unpack(info):
            return longest(info.retry_delay.ToNanoseconds() / 1e9)
    return None


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    files = (tls.ca_file, tls.key_file, tls.cert_file)
    return grpc.ssl_channel_credentials(*(Path(file).read_bytes() if file else None for file in files))
