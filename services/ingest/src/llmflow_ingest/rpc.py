"""OTLP/gRPC: the services of all signals, beside HTTP in the same process."""

from __future__ import annotations

from typing import NoReturn

import grpc
import grpc.aio

from llmflow_core.errors import ConfigError, LLMFlowError, Rejected
from llmflow_ingest import metrics
from llmflow_ingest.access import Access
from llmflow_ingest.bodies import Encoding
from llmflow_ingest.errors import Failure, TooSlow, failure_of
from llmflow_ingest.limits import Limits, Slots
from llmflow_ingest.receiver import Receiver
from llmflow_ingest.signals import SIGNALS, Signal

_CODES = {code.value[0]: code for code in grpc.StatusCode}

#: How long a message may go on arriving while others wait to be read.
_PATIENCE_SECONDS = 5.0

Context = grpc.aio.ServicerContext[bytes, bytes]


async def start_server(
    receiver: Receiver, access: Access, limits: Limits, *, host: str, port: int, shared: bool
) -> grpc.aio.Server:
    """Listen for OTLP/gRPC; requests of more than `limits.max_body` bytes, also when decompressed, are refused.

    `shared` lets several worker processes listen on the same port. Raises ConfigError when the port is taken.
    """
    server = grpc.aio.server(
        options=[("grpc.so_reuseport", int(shared)), ("grpc.max_receive_message_length", limits.max_body)]
    )
    reading = Slots(limits.in_flight.limit // limits.max_body, timeout=limits.body_timeout, patience=_PATIENCE_SECONDS)
    for signal in SIGNALS:
        exporter = _Exporter(signal, receiver, access, limits, reading)
        # As a stream, because a unary handler is called after its message was taken in: too late to bound the memory.
        # On the wire there is no difference. No deserializer: the bytes go to the log as they came.
        method: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(exporter.export)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(signal.service, {"Export": method}),))
    try:
        server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError:
        raise ConfigError([f"LLMFLOW_INGEST_GRPC_PORT: cannot listen on {host}:{port}, is it taken?"]) from None
    await server.start()
    return server


class _Exporter:
    def __init__(self, signal: Signal, receiver: Receiver, access: Access, limits: Limits, reading: Slots) -> None:
        self._signal = signal
        self._receiver = receiver
        self._access = access
        self._limits = limits
        self._reading = reading

    async def export(self, _: object, context: Context) -> bytes:
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        try:
            project = await self._access.project(metadata)
            with self._limits.in_flight.request() as hold:
                body = await self._body(context)
                hold.add(len(body))
                metrics.BYTES.labels("grpc").inc(len(body))
                response = await self._receiver.export(self._signal, body, Encoding.PROTOBUF, project)
        except LLMFlowError as error:
            await _abort(context, failure_of(error))
        metrics.REQUESTS.labels("grpc", "OK").inc()
        return response.SerializeToString()

    async def _body(self, context: Context) -> bytes:
        """A request's message; only as many are read at a time as the limit holds if all are of the largest size."""
        try:
            async with self._reading.one():
                message = await context.read()
        except TimeoutError:
            timeout = self._limits.body_timeout
            raise TooSlow(
                f"the request did not arrive within {timeout:g} s, or {_PATIENCE_SECONDS:g} s while others wait"
            ) from None
        if not isinstance(message, bytes):
            raise Rejected("is missing", field="body")
        return message


async def _abort(context: Context, failure: Failure) -> NoReturn:
    code = _CODES[failure.code]
    metrics.REQUESTS.labels("grpc", code.name).inc()
    details = (("grpc-status-details-bin", failure.status().SerializeToString()),)
    await context.abort(code, failure.message, trailing_metadata=details)
