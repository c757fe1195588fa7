"""OTLP/gRPC to a real server: plain, TLS, mutual TLS, and what its statuses mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import yaml
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from llmflow_bus import Message, open_bus, topics
from llmflow_core.destinations.destination import Destination, Tls
from llmflow_core.dialects.rewriting import messages_of
from llmflow_exporter.grpc_transport import GrpcTransport
from llmflow_exporter.probe import probe, told
from llmflow_exporter.settings import ExporterSettings
from llmflow_exporter.supervisor import Supervisor
from llmflow_exporter.transport import Reply, Verdict
from llmflow_testkit.certificates import make_certificates
from llmflow_testkit.otlp_requests import otlp_request
from llmflow_testkit.polling import eventually

VALUES = [otlp_request([1]).SerializeToString(), otlp_request([2]).SerializeToString()]


@dataclass
class _Server:
    """Takes every export, or answers as told."""

    code: grpc.StatusCode | None = None
    details: str = ""
    retry_delay: float | None = None
    answer: ExportTraceServiceResponse = field(default_factory=ExportTraceServiceResponse)
    taken: list[ExportTraceServiceRequest] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)

    async def export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:
        self.metadata = dict(context.invocation_metadata())
        if self.code is not None:
            await context.abort(self.code, self.details, self._trailers())
        self.taken.append(request)
        return self.answer

    def _trailers(self) -> Sequence[tuple[str, bytes]]:
        if self.retry_delay is None:
            return ()
        detail = AnyMessage()
        detail.Pack(RetryInfo(retry_delay=Duration(nanos=int(self.retry_delay * 1e9))))
        return (("grpc-status-details-bin", Status(details=[detail]).SerializeToString()),)


@asynccontextmanager
async def _serving(server: _Server, credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[int]:
    running = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        server.export, ExportTraceServiceRequest.FromString, ExportTraceServiceResponse.SerializeToString
    )
    name = "opentelemetry.proto.collector.trace.v1.TraceService"
    running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Export": handler}),))
    port = (
        running.add_secure_port("127.0.0.1:0", credentials) if credentials else running.add_insecure_port("127.0.0.1:0")
    )
    await running.start()
    try:
        yield port
    finally:
        await running.stop(None)


async def _sent(url: str, **fields: Any) -> Reply:
    transport = GrpcTransport(Destination(name="g", url=url, protocol="otlp-grpc", **fields), timeout=30)
    try:
        return await transport.send(VALUES)
    finally:
        await transport.close()


@pytest.mark.parametrize("compression", ["gzip", "none"])
async def test_records_travel_as_one_call(compression: str) -> None:
    server = _Server()
    async with _serving(server) as port:
        reply = await _sent(f"http://127.0.0.1:{port}", headers={"x-key": "k"}, compression=compression)
    assert reply.verdict is Verdict.TAKEN
    assert server.taken == [ExportTraceServiceRequest.FromString(b"".join(VALUES))]
    assert server.metadata["x-key"] == "k"


@pytest.mark.parametrize("value", ["AP9r", "AP9rZQ==", "AP9rZQ"])
async def test_a_header_of_bytes_is_sent_as_such(value: str) -> None:
    server = _Server()
    async with _serving(server) as port:
        reply = await _sent(f"http://127.0.0.1:{port}", headers={"x-key-bin": value})
    assert reply.verdict is Verdict.TAKEN
    assert server.metadata["x-key-bin"] == b"\x00\xffke"[: len(value.rstrip("=")) * 3 // 4]


async def test_partial_success_is_passed_on() -> None:
    partial = ExportTracePartialSuccess(rejected_spans=1, error_message="too old")
    async with _serving(_Server(answer=ExportTraceServiceResponse(partial_success=partial))) as port:
        reply = await _sent(f"http://127.0.0.1:{port}")
    assert reply == Reply(Verdict.TAKEN, "too old", rejected_spans=1)


async def test_an_answer_that_is_too_long_is_one_all_the_same() -> None:
    partial = ExportTracePartialSuccess(error_message="x" * 5_000_000)
    async with _serving(_Server(answer=ExportTraceServiceResponse(partial_success=partial))) as port:
        reply = await _sent(f"http://127.0.0.1:{port}")
    assert reply == Reply(Verdict.TAKEN)


@pytest.mark.parametrize(
    ("code", "details", "verdict"),
    [
        (grpc.StatusCode.UNAVAILABLE, "starting", Verdict.LATER),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota", Verdict.LATER),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "received message larger than max (5 vs. 4)", Verdict.TOO_LARGE),
        (grpc.StatusCode.UNAUTHENTICATED, "no key", Verdict.BLOCKED),
        (grpc.StatusCode.UNIMPLEMENTED, "", Verdict.BLOCKED),
        (grpc.StatusCode.INTERNAL, "", Verdict.DOUBTFUL),
        (grpc.StatusCode.INVALID_ARGUMENT, "bad", Verdict.REFUSED),
    ],
)
async def test_statuses(code: grpc.StatusCode, details: str, verdict: Verdict) -> None:
    async with _serving(_Server(code=code, details=details)) as port:
        reply = await _sent(f"http://127.0.0.1:{port}")
    assert (reply.verdict, reply.retry_after) == (verdict, None)
    assert reply.reason == f"gRPC {code.name}: {details}"


async def test_retry_info_is_honoured() -> None:
    async with _serving(_Server(code=grpc.StatusCode.UNAVAILABLE, retry_delay=0.75)) as port:
        reply = await _sent(f"http://127.0.0.1:{port}")
    assert (reply.verdict, reply.retry_after) == (Verdict.LATER, 0.75)


async def test_nobody_there() -> None:
    async with _serving(_Server()) as port:
        pass
    assert (await _sent(f"http://127.0.0.1:{port}")).verdict is Verdict.LATER


async def test_mutual_tls(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    pem = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    credentials = grpc.ssl_server_credentials(
        [(pem["server.key"], pem["server.pem"])], pem["authority.pem"], require_client_auth=True
    )
    server = _Server()
    async with _serving(server, credentials) as port:
        url = f"https://localhost:{port}"
        ca_file = str(tmp_path / "authority.pem")
        assert (await _sent(url)).verdict is Verdict.LATER
        assert (await _sent(url, tls=Tls(ca_file=ca_file))).verdict is Verdict.LATER
        assert server.taken == []
        tls = Tls(ca_file=ca_file, cert_file=str(tmp_path / "client.pem"), key_file=str(tmp_path / "client.key"))
        assert (await _sent(url, tls=tls)).verdict is Verdict.TAKEN
    assert len(server.taken) == 1


async def test_a_destination_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "destinations.yaml"
    server = _Server()
    async with _serving(server) as port:
        entry = {"name": "g", "endpoint": f"127.0.0.1:{port}", "protocol": "otlp-grpc", "auth": {"bearer": "k"}}
        file.write_text(yaml.safe_dump({"destinations": [entry]}))
        [destination] = ExporterSettings(export_file=file).destinations()
        trace_id, reply = await probe(destination, timeout=30)
    assert f"look for trace {trace_id}" in told(destination, trace_id, reply)
    assert [span.trace_id.hex() for span in messages_of(server.taken[0])] == [trace_id]
    assert server.metadata["authorization"] == "Bearer k"


async def test_a_destination_that_cannot_be_begun_with_holds_up_no_other(tmp_path: Path) -> None:
    file = tmp_path / "destinations.yaml"
    server = _Server()
    async with _serving(server) as port:
        entries = [
            {"name": "bad", "endpoint": "https://h", "tls": {"ca_file": str(file)}},  # which is no certificate
            {"name": "good", "endpoint": f"http://127.0.0.1:{port}", "protocol": "otlp-grpc"},
        ]
        file.write_text(yaml.safe_dump({"destinations": entries}))
        bus = open_bus(f"embedded://{tmp_path}/log")
        await (await bus.producer()).publish(topics.SPANS, [Message(value) for value in VALUES])
        settings = ExporterSettings(export_file=file, export_batch_seconds=0, export_reload_seconds=0.05)
        supervisor, stop = Supervisor(settings, bus), asyncio.Event()
        running = asyncio.create_task(supervisor.run(stop, asyncio.Event()))

        async def forwarded() -> bool:
            found = {entry["name"]: entry for entry in supervisor.document()["destinations"]}
            return bool(found) and found["bad"]["state"] == "failed" and found["good"]["sent"] == len(VALUES)

        await eventually(forwarded, within=60)
        stop.set()
        await asyncio.wait_for(running, 60)
        await bus.close()
