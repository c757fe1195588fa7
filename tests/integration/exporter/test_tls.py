"""OTLP/HTTP over TLS: whom the exporter trusts, and what it shows."""

from __future__ import annotations

import ssl
from pathlib import Path

from llmflow_core.destinations.destination import Destination, Tls
from llmflow_exporter.http_transport import HttpTransport
from llmflow_exporter.transport import Verdict
from llmflow_testkit.certificates import make_certificates
from llmflow_testkit.otlp_receiver import OtlpReceiver
from llmflow_testkit.otlp_requests import otlp_request


async def _verdict(receiver: OtlpReceiver, tls: Tls) -> Verdict:
    transport = HttpTransport(Destination(name="d", url=f"{receiver.url}/v1/traces", tls=tls), timeout=30)
    try:
        return (await transport.send([otlp_request([1]).SerializeToString()])).verdict
    finally:
        await transport.close()


async def test_mutual_tls(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    ca_file, pem, key = (str(tmp_path / name) for name in ("authority.pem", "client.pem", "client.key"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    with OtlpReceiver(tls=context) as receiver:
        assert await _verdict(receiver, Tls()) is Verdict.LATER
        assert await _verdict(receiver, Tls(ca_file=ca_file)) is Verdict.LATER
        assert receiver.taken == []
        assert await _verdict(receiver, Tls(ca_file=ca_file, cert_file=pem, key_file=key)) is Verdict.TAKEN
        assert await _verdict(receiver, Tls(insecure=True, cert_file=pem, key_file=key)) is Verdict.TAKEN
        assert len(receiver.taken) == 2
