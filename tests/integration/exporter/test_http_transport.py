"""What the transport makes of answers and addresses that are out of the ordinary."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from llmflow_core.destinations.destination import Destination
from llmflow_exporter.http_transport import HttpTransport
from llmflow_exporter.transport import Reply, Verdict
from llmflow_testkit.otlp_receiver import Answer, OtlpReceiver, Wanted
from llmflow_testkit.otlp_requests import otlp_request


async def _send(destination: Destination) -> Reply:
    transport = HttpTransport(destination, timeout=30)
    try:
        return await transport.send([otlp_request([1]).SerializeToString()])
    finally:
        await transport.close()


async def test_a_compressed_answer_is_read() -> None:
    partial = ExportTracePartialSuccess(rejected_spans=1, error_message="too old")
    body = gzip.compress(ExportTraceServiceResponse(partial_success=partial).SerializeToString())
    with OtlpReceiver() as receiver:
        receiver.script(Answer(headers={"content-encoding": "gzip"}, body=body))
        reply = await _send(Destination(name="d", url=f"{receiver.url}/v1/traces"))
    assert reply == Reply(Verdict.TAKEN, "too old", rejected_spans=1)


async def test_an_answer_without_end_takes_no_memory_and_no_time() -> None:
    endless = gzip.compress(bytes(200_000_000), compresslevel=1)
    with OtlpReceiver() as receiver:
        receiver.script(Answer(status=400, headers={"content-encoding": "gzip"}, body=endless))
        tracemalloc.start()
        try:
            reply = await _send(Destination(name="d", url=f"{receiver.url}/v1/traces"))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert reply.verdict is Verdict.REFUSED
    assert peak < 20_000_000


async def test_a_taken_request_is_not_sent_again_because_the_answer_breaks_off() -> None:
    with OtlpReceiver() as receiver:
        receiver.script(Answer(headers={"content-encoding": "gzip"}, body=b"no gzip"))
        reply = await _send(Destination(name="d", url=f"{receiver.url}/v1/traces"))
    assert reply == Reply(Verdict.TAKEN)


@pytest.mark.parametrize(
    ("headers", "sent"),
    [({}, "Basic dXNlcjpwdw=="), ({"authorization": "Bearer k"}, "Bearer k")],
    ids=["URL", "header"],
)
async def test_who_sends_is_told_once(headers: dict[str, str], sent: str) -> None:
    with OtlpReceiver(Wanted(path="/v1/traces", headers={"authorization": sent})) as receiver:
        url = receiver.url.replace("http://", "http://user:pw@")
        reply = await _send(Destination(name="d", url=f"{url}/v1/traces", headers=headers))
    assert (reply.verdict, receiver.violations) == (Verdict.TAKEN, [])


@pytest.mark.parametrize(
    ("not_for", "went_through"), [("", True), ("127.0.0.1", False)], ids=["for all", "not for this one"]
)
async def test_the_environments_proxy_is_used(
    monkeypatch: pytest.MonkeyPatch, not_for: str, went_through: bool
) -> None:
    with OtlpReceiver() as receiver, OtlpReceiver() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("http://", "http://user:pw@"))
        monkeypatch.setenv("no_proxy", not_for)
        reply = await _send(Destination(name="d", url=f"{receiver.url}/v1/traces"))
    assert reply.verdict is Verdict.TAKEN
    assert (len(proxy.requests), len(receiver.requests)) == ((1, 0) if went_through else (0, 1))
    if went_through:
        assert proxy.requests[0].path == f"{receiver.url}/v1/traces"
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic dXNlcjpwdw=="
