"""Each preset against a receiver that is as strict as the backend's public documentation."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmflow_core.otlp import attributes_of
from llmflow_exporter.probe import probe, told
from llmflow_exporter.settings import ExporterSettings
from llmflow_exporter.transport import Verdict
from llmflow_testkit.otlp_receiver import Answer, OtlpReceiver, Wanted

PROTOBUF = ("application/x-protobuf",)
GZIP = (None, "gzip")


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


#: By preset: the path of the endpoint (what a self-hosted one or a region's would have), the options, what the backend
#: wants, and an attribute that it reads.
BACKENDS: dict[str, tuple[str, dict[str, str], Wanted, str]] = {
    "jaeger": ("", {}, Wanted(path="/v1/traces"), "gen_ai.request.model"),
    "tempo": ("", {"tenant": "t"}, Wanted(path="/v1/traces", headers={"x-scope-orgid": "t"}), "gen_ai.request.model"),
    "collector": ("", {}, Wanted(path="/v1/traces"), "gen_ai.request.model"),
    "zipkin": (
        "",
        {},
        Wanted(path="/api/v2/spans", content_types=("application/json",), encodings=GZIP),
        "gen_ai.request.model",
    ),
    "llmflow": (
        "",
        {"api_key": "llmflow-k", "project": "shop"},
        Wanted(path="/v1/traces", headers={"authorization": "Bearer llmflow-k", "x-llmflow-project": "shop"}),
        "gen_ai.request.model",
    ),
    "phoenix": (
        "",
        {"api_key": "k", "project": "shop"},
        Wanted(path="/v1/traces", headers={"authorization": "Bearer k"}, content_types=PROTOBUF, encodings=GZIP),
        "openinference.span.kind",
    ),
    "arize": (
        "/v1",
        {"api_key": "k", "space_id": "s", "project": "shop"},
        Wanted(path="/v1/traces", headers={"api_key": "k", "space_id": "s", "arize-space-id": "s"}, encodings=GZIP),
        "llm.input_messages.0.message.content",
    ),
    "langfuse": (
        "",
        {"public_key": "pk-lf-1", "secret_key": "sk-lf-1"},
        Wanted(
            path="/api/public/otel/v1/traces",
            headers={"authorization": _basic("pk-lf-1", "sk-lf-1"), "x-langfuse-ingestion-version": "4"},
            encodings=GZIP,
        ),
        "langfuse.observation.type",
    ),
    "opik": (
        "",
        {"api_key": "k", "workspace": "team", "project": "shop"},
        Wanted(
            path="/api/v1/private/otel/v1/traces",
            headers={"authorization": "k", "comet-workspace": "team", "projectname": "shop"},
            content_types=PROTOBUF,
            encodings=GZIP,
        ),
        "input.value",
    ),
    "langsmith": (
        "",
        {"api_key": "lsv2", "project": "shop"},
        Wanted(path="/otel/v1/traces", headers={"x-api-key": "lsv2", "langsmith-project": "shop"}, encodings=GZIP),
        "gen_ai.prompt.0.content",
    ),
    "datadog": (
        "",
        {"api_key": "k"},
        Wanted(
            path="/v1/traces",
            headers={"dd-api-key": "k", "dd-otlp-source": "llmobs"},
            content_types=PROTOBUF,
            encodings=GZIP,
        ),
        "gen_ai.input.messages",
    ),
    "honeycomb": (
        "",
        {"api_key": "k", "dataset": "llm"},
        Wanted(path="/v1/traces", headers={"x-honeycomb-team": "k", "x-honeycomb-dataset": "llm"}),
        "gen_ai.request.model",
    ),
    "grafana-cloud": (
        "",
        {"instance_id": "123", "api_key": "glc_k"},
        Wanted(path="/otlp/v1/traces", headers={"authorization": _basic("123", "glc_k")}, encodings=GZIP),
        "gen_ai.request.model",
    ),
    "new-relic": (
        "",
        {"api_key": "k"},
        Wanted(path="/v1/traces", headers={"api-key": "k"}, content_types=PROTOBUF, encodings=GZIP),
        "gen_ai.request.model",
    ),
    "xray": ("", {"region": "eu-west-1"}, Wanted(path="/v1/traces", encodings=GZIP), "gen_ai.request.model"),
    "traceloop": (
        "",
        {"api_key": "k"},
        Wanted(path="/v1/traces", headers={"authorization": "Bearer k"}, content_types=PROTOBUF),
        "gen_ai.prompt.0.content",
    ),
    "helicone": (
        "",
        {"api_key": "k"},
        Wanted(path="/v1/trace/log-python", headers={"authorization": "Bearer k"}, content_types=PROTOBUF),
        "gen_ai.completion.0.content",
    ),
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")


def _settings(folder: Path, **entry: Any) -> ExporterSettings:
    file = folder / "destinations.yaml"
    file.write_text(yaml.safe_dump({"destinations": [{"name": "d", **entry}]}))
    return ExporterSettings(export_file=file)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("preset", BACKENDS)
async def test_the_backend_gets_what_it_asks_for(tmp_path: Path, preset: str) -> None:
    path, options, wanted, attribute = BACKENDS[preset]
    with OtlpReceiver(wanted) as receiver:
        settings = _settings(tmp_path, preset=preset, endpoint=receiver.url + path, options=options)
        destination, trace_id, reply = await probe(settings, "d")
        assert receiver.violations == []
    assert reply.verdict is Verdict.TAKEN
    (received,) = receiver.taken
    (span,) = received.spans
    assert span.trace_id.hex() == trace_id
    assert attribute in attributes_of(span.attributes)
    resource = attributes_of(received.request.resource_spans[0].resource.attributes)
    assert resource.get("openinference.project.name") == ("shop" if preset in ("phoenix", "arize") else None)
    assert f"look for trace {trace_id}" in told(destination, trace_id, reply)


@pytest.mark.usefixtures("aws")
async def test_x_ray_is_signed_for(tmp_path: Path) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    with OtlpReceiver() as receiver:
        settings = _settings(tmp_path, preset="xray", endpoint=receiver.url, options={"region": "eu-west-1"})
        await probe(settings, "d")
    (received,) = receiver.taken
    headers = received.headers
    scope, signed, signature = headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    assert scope.startswith("Credential=AKIDEXAMPLE/")
    assert scope.endswith("/eu-west-1/xray/aws4_request")
    names = signed.removeprefix("SignedHeaders=").split(";")
    assert {"host", "x-amz-date", "x-amz-security-token"} <= set(names)
    # Signed again from what came over the wire: the same signature.
    request = AWSRequest(
        "POST",
        f"{receiver.url}/v1/traces",
        headers={name: headers[name] for name in names if name != "host"},
        data=received.sent,
    )
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "session"), "xray", "eu-west-1")
    assert signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request) == (
        signature.removeprefix("Signature=")
    )


async def test_a_refusal_is_told_without_the_key(tmp_path: Path) -> None:
    with OtlpReceiver() as receiver:
        receiver.script(Answer(401, body=b"unknown key lsv2_0123456789"))
        settings = _settings(
            tmp_path, preset="langsmith", endpoint=receiver.url, options={"api_key": "lsv2_0123456789"}, paused=True
        )
        destination, trace_id, reply = await probe(settings, "d")
    said = told(destination, trace_id, reply)
    assert "did not take the span: HTTP 401: unknown key [secret]" in said
    assert "lsv2_0123456789" not in said


@pytest.mark.parametrize("protocol", ["otlp-http", "otlp-http-json", "zipkin"])
@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
async def test_encodings(tmp_path: Path, protocol: str, compression: str) -> None:
    with OtlpReceiver() as receiver:
        settings = _settings(tmp_path, endpoint=receiver.url, protocol=protocol, compression=compression)
        _, trace_id, reply = await probe(settings, "d")
        assert receiver.violations == []
    assert reply.verdict is Verdict.TAKEN
    (received,) = receiver.taken
    assert received.headers.get("content-encoding") == (None if compression == "none" else compression)
    assert isinstance(received.request, ExportTraceServiceRequest)
    assert [span.trace_id.hex() for span in received.spans] == [trace_id]
