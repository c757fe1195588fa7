"""OTLP/gRPC: the TraceService, served beside HTTP in the same process."""

from __future__ import annotations

from typing import NoReturn

import grpc
import grpc.aio

from llmflow_core.errors import ConfigError, LLMFlowError
from llmflow_core.projects import PROJECT_HEADER, project_named
from llmflow_ingest import metrics
from llmflow_ingest.bodies import Encoding
from llmflow_ingest.errors import Failure, failure_of
from llmflow_ingest.receiver import Receiver

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_CODES = {code.value[0]: code for code in grpc.StatusCode}

Context = grpc.aio.ServicerContext[bytes, bytes]


async def start_server(receiver: Receiver, *, host: str, port: int, max_body: int, shared: bool) -> grpc.aio.Server:
    """Listen for OTLP/gRPC; requests of more than `max_body` bytes, also when decompressed, are refused.

    `shared` lets several worker processes listen on the same port. Raises ConfigError when the port is taken.
    """
    server = grpc.aio.server(
        options=[("grpc.so_reuseport", int(shared)), ("grpc.max_receive_message_length", max_body)]
    )
    # No deserializer: the handler gets the bytes, which go to the log as they came.
    export: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_Traces(receiver).export)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {"Export": export}),))
    try:
        server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError:
        raise ConfigError([f"LLMFLOW_INGEST_GRPC_PORT: cannot listen on {host}:{port}, is it taken?"]) from None
    await server.start()
    return server


class _Traces:
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def export(self, body: bytes, context: Context) -> bytes:
        metrics.BYTES.labels("grpc").inc(len(body))
        project_header = dict(context.invocation_metadata() or ()).get(PROJECT_HEADER)
        try:
            project = project_named(project_header if isinstance(project_header, str) else None)
            response = await self._receiver.traces(body, Encoding.PROTOBUF, project)
        except LLMFlowError as error:
            await _abort(context, failure_of(error))
        metrics.REQUESTS.labels("grpc", "OK").inc()
        return response.SerializeToString()


async def _abort(context: Context, failure: Failure) -> NoReturn:
    code = _CODES[failure.code]
    metrics.REQUESTS.labels("grpc", code.name).inc()
    details = (("grpc-status-details-bin", failure.status().SerializeToString()),)
    await context.abort(code, failure.message, trailing_metadata=details)
