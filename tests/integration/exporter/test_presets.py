"""Each preset against a receiver that is as strict as the backend's public documentation."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmflow_core.destinations.destination import Destination
from llmflow_core.otlp import attributes_of
from llmflow_exporter.probe import probe, told
from llmflow_exporter.settings import ExporterSettings
from llmflow_exporter.transport import Verdict
from llmflow_testkit.otlp_receiver import Answer, OtlpReceiver, Wanted

PROTOBUF = ("application/x-protobuf",)
GZIP = (None, "gzip")


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


_ASKED, _ANSWERED = "Does this arrive?", "It does."
#: What the probe's span says in each dialect, of what backends document that they read.
_GENAI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "llmflow",
    "gen_ai.request.model": "llmflow-test",
    "gen_ai.usage.input_tokens": 1,
    "gen_ai.usage.output_tokens": 1,
    "gen_ai.input.messages": f'[{{"role":"user","parts":[{{"type":"text","content":"{_ASKED}"}}]}}]',
    "gen_ai.output.messages": f'[{{"role":"assistant","parts":[{{"type":"text","content":"{_ANSWERED}"}}]}}]',
}
_OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "llmflow-test",
    "llm.provider": "llmflow",
    "llm.token_count.prompt": 1,
    "llm.token_count.completion": 1,
    "llm.token_count.total": 2,
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": _ASKED,
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": _ANSWERED,
    "output.value": _ANSWERED,
}
_OPENLLMETRY = {
    "llm.request.type": "chat",
    "gen_ai.system": "llmflow",
    "gen_ai.request.model": "llmflow-test",
    "gen_ai.usage.input_tokens": 1,
    "gen_ai.usage.output_tokens": 1,
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": _ASKED,
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": _ANSWERED,
}
_LANGFUSE = {
    **_GENAI,
    "langfuse.observation.type": "generation",
    "langfuse.observation.usage_details": '{"input":1,"output":1}',
}

#: By preset: the path of the endpoint (what a self-hosted one or a region's would have), the options, what the backend
#: wants, and attributes that it reads.
BACKENDS: dict[str, tuple[str, dict[str, str], Wanted, dict[str, Any]]] = {
    "jaeger": ("", {}, Wanted(path="/v1/traces"), _GENAI),
    "tempo": ("", {"tenant": "t"}, Wanted(path="/v1/traces", headers={"x-scope-orgid": "t"}), _GENAI),
    "collector": ("", {}, Wanted(path="/v1/traces"), _GENAI),
    "zipkin": (
        "",
        {},
        Wanted(path="/api/v2/spans", content_types=("application/json",), encodings=GZIP),
        _GENAI,
    ),
    "llmflow": (
        "",
        {"api_key": "llmflow-k", "project": "shop"},
        Wanted(path="/v1/traces", headers={"authorization": "Bearer llmflow-k", "x-llmflow-project": "shop"}),
        _GENAI,
    ),
    "phoenix": (
        "",
        {"api_key": "k", "project": "shop"},
        Wanted(path="/v1/traces", headers={"authorization": "Bearer k"}, content_types=PROTOBUF, encodings=GZIP),
        _OPENINFERENCE,
    ),
    "mlflow": (
        "",
        {"experiment_id": "7"},
        Wanted(path="/v1/traces", headers={"x-mlflow-experiment-id": "7"}, encodings=GZIP),
        _GENAI,
    ),
    "arize": (
        "/v1",
        {"api_key": "k", "space_id": "s", "project": "shop"},
        Wanted(path="/v1/traces", headers={"api_key": "k", "space_id": "s", "arize-space-id": "s"}, encodings=GZIP),
        _OPENINFERENCE,
    ),
    "langfuse": (
        "",
        {"public_key": "pk-lf-1", "secret_key": "sk-lf-1"},
        Wanted(
            path="/api/public/otel/v1/traces",
            headers={"authorization": _basic("pk-lf-1", "sk-lf-1"), "x-langfuse-ingestion-version": "4"},
            encodings=GZIP,
        ),
        _LANGFUSE,
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
        _OPENINFERENCE,
    ),
    "langsmith": (
        "",
        {"api_key": "lsv2", "project": "shop"},
        Wanted(path="/otel/v1/traces", headers={"x-api-key": "lsv2", "langsmith-project": "shop"}, encodings=GZIP),
        _OPENLLMETRY,
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
        _GENAI,
    ),
    "honeycomb": (
        "",
        {"api_key": "k", "dataset": "llm"},
        Wanted(path="/v1/traces", headers={"x-honeycomb-team": "k", "x-honeycomb-dataset": "llm"}),
        _GENAI,
    ),
    "grafana-cloud": (
        "",
        {"instance_id": "123", "api_key": "glc_k"},
        Wanted(path="/otlp/v1/traces", headers={"authorization": _basic("123", "glc_k")}, encodings=GZIP),
        _GENAI,
    ),
    "new-relic": (
        "",
        {"api_key": "k"},
        Wanted(path="/v1/traces", headers={"api-key": "k"}, content_types=PROTOBUF, encodings=GZIP),
        _GENAI,
    ),
    "xray": ("", {"region": "eu-west-1"}, Wanted(path="/v1/traces", encodings=GZIP), _GENAI),
    "traceloop": (
        "",
        {"api_key": "k"},
        Wanted(path="/v1/traces", headers={"authorization": "Bearer k"}, content_types=PROTOBUF),
        _OPENLLMETRY,
    ),
    "helicone": (
        "",
        {"api_key": "k"},
        Wanted(path="/v1/trace/log-python", headers={"authorization": "Bearer k"}, content_types=PROTOBUF),
        _OPENLLMETRY,
    ),
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")


def _destination(folder: Path, **entry: Any) -> Destination:
    file = folder / "destinations.yaml"
    file.write_text(yaml.safe_dump({"destinations": [{"name": "d", **entry}]}))
    [destination] = ExporterSettings(export_file=file).destinations()
    return destination


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("preset", BACKENDS)
async def test_the_backend_gets_what_it_asks_for(tmp_path: Path, preset: str) -> None:
    path, options, wanted, said = BACKENDS[preset]
    with OtlpReceiver(wanted) as receiver:
        destination = _destination(tmp_path, preset=preset, endpoint=receiver.url + path, options=options)
        trace_id, reply = await probe(destination, timeout=30)
        assert receiver.violations == []
    assert reply.verdict is Verdict.TAKEN
    (received,) = receiver.taken
    (span,) = received.spans
    assert span.trace_id.hex() == trace_id
    found = attributes_of(span.attributes)
    assert {name: found.get(name) for name in said} == (said if preset != "zipkin" else _as_tags(said))
    resource = attributes_of(received.request.resource_spans[0].resource.attributes)
    assert resource.get("openinference.project.name") == ("shop" if preset in ("phoenix", "arize") else None)
    assert f"look for trace {trace_id}" in told(destination, trace_id, reply)


def _as_tags(said: dict[str, Any]) -> dict[str, str]:
    """Zipkin has text only."""
    return {name: str(value) for name, value in said.items()}


@pytest.mark.usefixtures("aws")
async def test_x_ray_is_signed_for(tmp_path: Path) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    with OtlpReceiver() as receiver:
        destination = _destination(tmp_path, preset="xray", endpoint=receiver.url, options={"region": "eu-west-1"})
        await probe(destination, timeout=30)
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
        destination = _destination(
            tmp_path, preset="langsmith", endpoint=receiver.url, options={"api_key": "lsv2_0123456789"}, paused=True
        )
        trace_id, reply = await probe(destination, timeout=30)
    said = told(destination, trace_id, reply)
    assert "did not take the span: HTTP 401: unknown key [secret]" in said
    assert "lsv2_0123456789" not in said


@pytest.mark.parametrize("protocol", ["otlp-http", "otlp-http-json", "zipkin"])
@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
async def test_encodings(tmp_path: Path, protocol: str, compression: str) -> None:
    with OtlpReceiver() as receiver:
        destination = _destination(tmp_path, endpoint=receiver.url, protocol=protocol, compression=compression)
        trace_id, reply = await probe(destination, timeout=30)
        assert receiver.violations == []
    assert reply.verdict is Verdict.TAKEN
    (received,) = receiver.taken
    assert received.headers.get("content-encoding") == (None if compression == "none" else compression)
    assert isinstance(received.request, ExportTraceServiceRequest)
    assert [span.trace_id.hex() for span in received.spans] == [trace_id]
