"""The YAML file of destinations: what it may say, and how mistakes in it are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from llmflow_core.destinations.destination import Destination, Selection, SigV4
from llmflow_core.destinations.presets import PRESETS
from llmflow_core.errors import ConfigError
from llmflow_exporter.destination_file import destinations_of


def _read(folder: Path, *entries: Any) -> list[Destination]:
    file = folder / "destinations.yaml"
    file.write_text(yaml.safe_dump({"destinations": list(entries)}))
    return destinations_of(file, variable="FILE")


def _problems(folder: Path, *entries: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        _read(folder, *entries)
    return str(caught.value)


def test_a_destination_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    (tmp_path / "password").write_text("hunter2\n")
    (destination,) = _read(
        tmp_path,
        {
            "name": "backend",
            "endpoint": "https://backend.example.com",
            "protocol": "otlp-http-json",
            "auth": {"basic": {"username": "ada", "password": f"${{file:{tmp_path}/password}}"}},
            "headers": {"X-Token": "${env:TOKEN}"},
            "compression": "zstd",
            "dialect": "genai",
            "filter": {"projects": ["a"], "services": ["web"], "llm_only": True, "errors_only": True},
            "sampling": 0.25,
            "content": "redacted",
            "start": "latest",
            "concurrency": 4,
            "timeout": 3,
            "batch_bytes": 5000,
            "batch_seconds": 0,
            "paused": True,
        },
    )
    assert destination == Destination(
        name="backend",
        url="https://backend.example.com/v1/traces",
        headers={"authorization": "Basic YWRhOmh1bnRlcjI=", "x-token": "s3cret"},
        protocol="otlp-http-json",
        compression="zstd",
        dialect="genai",
        selection=Selection(
            projects=frozenset({"a"}), services=frozenset({"web"}), llm_only=True, errors_only=True, sampling=0.25
        ),
        content="redacted",
        start="latest",
        concurrency=4,
        timeout=3,
        batch_bytes=5000,
        batch_seconds=0,
        paused=True,
    )


def test_every_mistake_is_told_at_once_by_destination_and_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret\nevil: 1")
    said = _problems(
        tmp_path,
        {"name": "A B", "endpoint": "http://h"},
        {"name": "nowhere"},
        {"name": "wrong", "endpoint": "ftp://s3cret", "sampling": 2, "colour": "s3cret"},
        {"name": "keys", "endpoint": "http://h", "headers": {"x-key": "${env:TOKEN}"}},
        {"name": "missing", "endpoint": "http://h", "auth": {"bearer": "${env:NOT_SET}"}},
        {"name": "twice", "endpoint": "http://h", "auth": {"bearer": "s3cret", "header": {"name": "a", "value": "b"}}},
        {"name": "preset", "preset": "jager"},
        {"name": "options", "preset": "langsmith", "options": {"space": "s3cret"}},
        {"name": "region", "preset": "xray"},
        {"name": "half", "preset": "langfuse", "endpoint": "http://h", "options": {"public_key": "s3cret"}},
        {"name": "query", "endpoint": "http://h", "filter": {"query": "colour:red"}},
        {"name": "tls", "endpoint": "http://h", "tls": {"cert_file": "/nowhere"}},
        {"name": "grpc", "endpoint": "h:1", "protocol": "otlp-grpc", "compression": "zstd", "tls": {"insecure": True}},
        {"name": "same", "endpoint": "http://h"},
        {"name": "same", "endpoint": "http://h"},
        {"name": "bin", "endpoint": "h:1", "protocol": "otlp-grpc", "headers": {"X-Key-Bin": "s3cret!", "grpc-a": "b"}},
        "s3cret",
    )
    for line in (
        "destination A B: name: ",
        "destination nowhere: endpoint: is needed where there is no preset",
        "destination wrong: sampling: ",
        "destination wrong: colour: ",
        "destination missing: auth.bearer: the environment variable NOT_SET is not set",
        "destination keys: headers: x-key has a value that HTTP does not allow",
        "destination twice: auth: must be one of",
        "destination preset: preset: must be one of jaeger, ",
        "destination options: options.space: the preset langsmith does not know it; it knows api_key, project",
        "destination options: options.api_key: the preset langsmith needs it",
        "destination region: options.region: the preset xray needs it",
        "destination half: options: public_key and secret_key belong together",
        "destination query: filter.query: filter: unknown field 'colour'",
        "destination tls: tls: cert_file and key_file belong together",
        "destination grpc: compression: gRPC has gzip and none",
        "destination grpc: tls.insecure: gRPC cannot leave the server unchecked",
        "destination same: name: another destination has it",
        "destination bin: headers: x-key-bin ends in -bin, so its value must be base64",
        "destination bin: headers: grpc-a has a name that gRPC does not allow",
        "destination 17: all of it: ",
    ):
        assert line in said
    assert "s3cret" not in said


@pytest.mark.parametrize("text", ["destinations: {a: 1}", "[]", "", "destinations: [", "\0"])
def test_what_is_no_list_of_destinations(tmp_path: Path, text: str) -> None:
    file = tmp_path / "destinations.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"FILE: .*destinations\.yaml: "):
        destinations_of(file, variable="FILE")


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: FileNotFoundError"):
        destinations_of(tmp_path / "none.yaml", variable="FILE")


@pytest.mark.parametrize(
    ("protocol", "endpoint", "url"),
    [
        ("otlp-grpc", "tempo:4317", "http://tempo:4317"),
        ("otlp-grpc", "https://tempo:4317/", "https://tempo:4317"),
        ("zipkin", "http://zipkin:9411", "http://zipkin:9411/api/v2/spans"),
        ("zipkin", "http://zipkin:9411/zipkin/api/v2/spans", "http://zipkin:9411/zipkin/api/v2/spans"),
        ("otlp-http-json", "http://h:4318/v1", "http://h:4318/v1/traces"),
    ],
)
def test_endpoints_by_protocol(tmp_path: Path, protocol: str, endpoint: str, url: str) -> None:
    (destination,) = _read(tmp_path, {"name": "d", "endpoint": endpoint, "protocol": protocol})
    assert destination.url == url


@pytest.mark.parametrize("endpoint", ["http://h:99999", "http://h:otlp", "http://h:0", "http://münchen.example"])
@pytest.mark.parametrize("protocol", ["otlp-http", "otlp-grpc", "zipkin"])
def test_endpoints_that_nothing_can_be_sent_to(tmp_path: Path, protocol: str, endpoint: str) -> None:
    assert "destination d: endpoint: " in _problems(tmp_path, {"name": "d", "endpoint": endpoint, "protocol": protocol})


OPTIONS: dict[str, Any] = {
    "api_key": "k-1",
    "public_key": "pk-1",
    "secret_key": "sk-1",
    "space_id": "space",
    "project": "shop",
    "workspace": "team",
    "zone": "prod-eu-west-2",
    "instance_id": 123456,
    "region": "eu-west-1",
    "dataset": "traces",
    "tenant": "t-1",
}


ADDRESSES = {
    "jaeger": "http://localhost:4318/v1/traces",
    "tempo": "http://localhost:4318/v1/traces",
    "zipkin": "http://localhost:9411/api/v2/spans",
    "phoenix": "http://localhost:6006/v1/traces",
    "mlflow": "http://localhost:5000/v1/traces",
    "arize": "https://otlp.arize.com/v1/traces",
    "langfuse": "https://cloud.langfuse.com/api/public/otel/v1/traces",
    "opik": "https://www.comet.com/opik/api/v1/private/otel/v1/traces",
    "langsmith": "https://api.smith.langchain.com/otel/v1/traces",
    "datadog": "https://otlp.datadoghq.com/v1/traces",
    "honeycomb": "https://api.honeycomb.io/v1/traces",
    "grafana-cloud": "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp/v1/traces",
    "new-relic": "https://otlp.nr-data.net/v1/traces",
    "xray": "https://xray.eu-west-1.amazonaws.com/v1/traces",
    "collector": "http://localhost:4318/v1/traces",
    "llmflow": "http://localhost:4318/v1/traces",
    "traceloop": "https://api.traceloop.com/v1/traces",
    "helicone": "https://api.helicone.ai/v1/trace/log-python",
}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_know_where_the_backend_is(tmp_path: Path, preset: str) -> None:
    options = {name: value for name, value in OPTIONS.items() if name in PRESETS[preset].options}
    (destination,) = _read(tmp_path, {"name": "d", "preset": preset, "options": options})
    assert destination.url == ADDRESSES[preset]
    assert destination.sigv4 == (SigV4(region="eu-west-1", service="xray") if preset == "xray" else None)


def test_numbers_are_texts(tmp_path: Path) -> None:
    options = {name: OPTIONS[name] for name in ("zone", "instance_id", "api_key")}
    (destination,) = _read(tmp_path, {"name": "d", "preset": "grafana-cloud", "options": options})
    assert destination.headers == {"authorization": "Basic MTIzNDU2OmstMQ=="}


@pytest.mark.parametrize(
    ("preset", "endpoint", "url"),
    [
        ("langfuse", "http://localhost:3000", "http://localhost:3000/api/public/otel/v1/traces"),
        ("opik", "http://localhost:5173/", "http://localhost:5173/api/v1/private/otel/v1/traces"),
        ("langsmith", "https://eu.api.smith.langchain.com", "https://eu.api.smith.langchain.com/otel/v1/traces"),
        ("langsmith", "https://ls.example.com/api/v1/otel", "https://ls.example.com/api/v1/otel/v1/traces"),
        ("datadog", "http://datadog-agent:4318", "http://datadog-agent:4318/v1/traces"),
        ("xray", "http://adot:4318", "http://adot:4318/v1/traces"),
        ("helicone", "https://eu.api.helicone.ai", "https://eu.api.helicone.ai/v1/trace/log-python"),
    ],
)
def test_presets_for_backends_of_one_s_own(tmp_path: Path, preset: str, endpoint: str, url: str) -> None:
    (destination,) = _read(tmp_path, {"name": "d", "preset": preset, "endpoint": endpoint})
    assert destination.url == url


def test_secrets_are_taken_out_of_what_a_destination_says() -> None:
    destination = Destination(
        name="d", url="https://u:passw0rd@h/?token=abcdefgh", headers={"authorization": "Bearer 0123456789"}
    )
    said = destination.scrubbed("no such key 0123456789, user u:passw0rd, ?token=abcdefgh")
    assert said == "no such key [secret], user u:[secret], ?[secret]"
    assert destination.scrubbed("no such key 0123456789, but 01234567") == "no such key [secret], but [secret]"
