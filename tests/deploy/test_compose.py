"""docker-compose.yml, as Docker Compose itself reads it, against the services' own settings."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmflow_core.config import load_settings
from llmflow_core.serving import END_SECONDS, GRACE_SECONDS
from llmflow_store.settings import MigrateSettings
from llmflow_testkit.chart import DECIDED, SETTINGS, variables_of
from llmflow_testkit.clusters.availability import available
from llmflow_testkit.compose import find_compose_loader

#: On a new machine the first test builds Docker Compose's loader.
pytestmark = pytest.mark.timeout(1500)

ROOT = Path(__file__).parents[2]
#: Each service, its block in the chart's values, and the ports that it listens on by default.
SERVICES = {
    "proxy": ("proxy", {"port": 8080}),
    "ingest": ("ingest", {"ingest_http_port": 4318, "ingest_grpc_port": 4317, "ingest_zipkin_port": 9411}),
    "writer": ("writer", {"health_port": 9101}),
    "exporter": ("exporter", {"health_port": 9102}),
    "query-api": ("queryApi", {"port": 3000}),
}
#: Read by libraries: asyncpg takes the password that the URL lacks, uvicorn whom to believe where requests came from.
LIBRARY_VARIABLES = {"FORWARDED_ALLOW_IPS", "PGPASSWORD"}

Model = dict[str, Any]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    """The compose file as Docker Compose loads it with `environment`; raises AssertionError with its complaint."""
    loader = available(find_compose_loader)
    folder = tmp_path_factory.mktemp("compose")

    def load(environment: Mapping[str, str] | None = None) -> Model:
        (folder / "environment").write_text("".join(f"{k}={v}\n" for k, v in (environment or {}).items()))
        outer = {"include": [{"path": str(ROOT / "docker-compose.yml"), "env_file": str(folder / "environment")}]}
        (folder / "compose.yml").write_text(yaml.safe_dump(outer))
        done = subprocess.run(
            [loader, "--format", "json", "compose.yml"], cwd=folder, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        model: Model = json.loads(done.stdout)
        return model

    return load


@pytest.fixture(scope="module")
def services(load: Callable[..., Model]) -> Model:
    loaded: Model = load()["services"]
    return loaded


def test_has_every_part_of_the_system(services: Model) -> None:
    assert set(services) == {*SERVICES, "kafka", "timescaledb", "migrate", "frontend"}


@pytest.mark.parametrize("name", SERVICES)
def test_environment_is_what_the_service_reads(name: str, services: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    block, ports = SERVICES[name]
    environment = services[name]["environment"]
    assert set(environment) - LIBRARY_VARIABLES <= set(variables_of(block))
    for variable in variables_of(block):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings(SETTINGS[block])
    assert {port: getattr(settings, port) for port in ports} == ports
    assert settings.model_dump().get("host") == "0.0.0.0"
    assert settings.model_dump().get("bus_url", "kafka://kafka:9092") == "kafka://kafka:9092"


def test_migration_is_told_the_same_database_as_the_services(services: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    environments = [services[name]["environment"] for name in ("migrate", "writer", "query-api")]
    assert len({(e["LLMFLOW_DATABASE_URL"], e["PGPASSWORD"]) for e in environments}) == 1
    assert environments[0]["PGPASSWORD"] == services["timescaledb"]["environment"]["POSTGRES_PASSWORD"]
    monkeypatch.setenv("LLMFLOW_DATABASE_URL", environments[0]["LLMFLOW_DATABASE_URL"])
    assert load_settings(MigrateSettings).database_url == "postgresql://llmflow@timescaledb:5432/llmflow"
    assert services["migrate"]["command"] == ["python", "-m", "llmflow_store", "migrate"]
    assert find_spec("llmflow_store.__main__") is not None
    assert services["migrate"]["image"] == services["writer"]["image"]


@pytest.mark.parametrize("name", SERVICES)
def test_healthcheck_asks_a_port_of_the_service(name: str, services: Model) -> None:
    url = re.search(r"http://127\.0\.0\.1:(\d+)/(healthz|readyz)", " ".join(services[name]["healthcheck"]["test"]))
    assert url is not None
    assert int(url[1]) in SERVICES[name][1].values()


def test_everything_that_stays_up_has_a_healthcheck_and_is_restarted(services: Model) -> None:
    lasting = {name: service for name, service in services.items() if name != "migrate"}
    assert [name for name, service in lasting.items() if "healthcheck" not in service] == []
    assert {service["restart"] for service in lasting.values()} == {"unless-stopped"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_stopping_service_has_the_time_that_it_takes(name: str, services: Model) -> None:
    minutes, seconds = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", services[name]["stop_grace_period"]).groups()  # type: ignore[union-attr]
    assert 60 * int(minutes or 0) + int(seconds or 0) > GRACE_SECONDS + END_SECONDS


def test_images_are_pinned_or_built_here(services: Model) -> None:
    for name, service in services.items():
        assert re.fullmatch(r"[\w./-]+:\d+(\.\d+)+(-\w+)?", service["image"]), name
        if build := service.get("build"):
            assert (ROOT / build["dockerfile"]).is_file()
            folder = build.get("args", {}).get("SERVICE", "../frontend")
            assert (ROOT / "services" / folder).is_dir()
            assert service["image"].split(":")[0] == f"llmflow/{Path(folder).name}"


def test_data_is_on_named_volumes(load: Callable[..., Model]) -> None:
    model = load()
    mounted = {v["source"] for s in model["services"].values() for v in s.get("volumes", [])}
    assert mounted == set(model["volumes"]) == {"proxy", "kafka", "timescaledb"}


def _published(model: Model) -> dict[str, set[str]]:
    ports: dict[str, set[str]] = {}
    for service in model["services"].values():
        for port in service.get("ports", []):
            ports.setdefault(port["host_ip"], set()).add(f"{port['published']}:{port['target']}")
    return ports


def test_is_reachable_on_this_machine_only(load: Callable[..., Model]) -> None:
    ports = {"3000:3000", "8080:8080", "4318:4318", "4317:4317", "9411:9411"}
    assert _published(load()) == {"127.0.0.1": ports}


def test_known_variables_move_the_published_ports(load: Callable[..., Model]) -> None:
    ports = {
        "PORT": "3300",
        "PROXY_PORT": "8800",
        "LLMFLOW_INGEST_HTTP_PORT": "4300",
        "LLMFLOW_INGEST_GRPC_PORT": "4301",
        "LLMFLOW_INGEST_ZIPKIN_PORT": "9400",
    }
    published = {"3300:3000", "8800:8080", "4300:4318", "4301:4317", "9400:9411"}
    assert _published(load(ports)) == {"127.0.0.1": published}


def test_beyond_this_machine_only_with_a_password_of_ones_own(load: Callable[..., Model]) -> None:
    with pytest.raises(AssertionError, match="set a password of your own before LLMFLOW_BIND publishes"):
        load({"LLMFLOW_BIND": "0.0.0.0"})
    model = load({"LLMFLOW_BIND": "0.0.0.0", "AUTH_PASSWORD": "correct horse"})
    assert set(_published(model)) == {"0.0.0.0"}
    assert model["services"]["query-api"]["environment"]["AUTH_PASSWORD"] == "correct horse"


def test_services_share_one_token_for_the_keys(load: Callable[..., Model]) -> None:
    for given in ({}, {"LLMFLOW_KEYS_TOKEN": "t" * 32}):
        services = load(given)["services"]
        tokens = {name: s["environment"].get("LLMFLOW_KEYS_TOKEN") for name, s in services.items() if name in SERVICES}
        (token,) = {tokens.pop(name) for name in ("proxy", "ingest", "exporter", "query-api")}
        assert token
        assert token == given.get("LLMFLOW_KEYS_TOKEN", token)
        assert set(tokens.values()) == {None}
        for name in ("proxy", "ingest", "exporter"):
            assert services[name]["environment"]["LLMFLOW_KEYS_URL"] == "http://query-api:3000"


def test_settings_of_the_user_reach_the_services(load: Callable[..., Model]) -> None:
    given = {
        "AUTH_USERNAME": "me",
        "OTLP_EXPORT_ENABLED": "true",
        "OTLP_EXPORT_ENDPOINT": "http://tempo:4318",
        "OTLP_EXPORT_HEADERS": "a=b",
        "OPENAI_BASE_URL": "http://vllm:8000/v1",
        "ANTHROPIC_BASE_URL": "http://claude:1",
        "MAX_RESPONSE_SIZE": "2MB",
        "POSTGRES_PASSWORD": "p@ss/w:rd",
        "LLMFLOW_SECRET_KEY": "k" * 16,
        "VERBOSE": "1",
    }
    services = load(given)["services"]
    for name in ("exporter", "query-api"):
        assert services[name]["environment"]["LLMFLOW_SECRET_KEY"] == "k" * 16
    reached: dict[str, str] = {}
    for service in services.values():
        reached |= {name: value for name, value in service.get("environment", {}).items() if name in given}
    assert reached == given
    assert services["writer"]["environment"]["PGPASSWORD"] == "p@ss/w:rd"


@pytest.mark.parametrize("service", [*SERVICES, "migrate"])
def test_every_setting_reaches_the_service(load: Callable[..., Model], service: str) -> None:
    passed_on = {"AUTH_PASSWORD", "AUTH_USERNAME", "LLMFLOW_KEYS_REQUIRED", "LLMFLOW_KEYS_TOKEN", "VERBOSE"}
    decided = DECIDED - passed_on | {"LLMFLOW_KEYS_FILE", "LLMFLOW_SPOOL_DIR"}
    # They are about files, which an override of the compose file has to mount as well.
    decided |= {"LLMFLOW_PROVIDERS_FILE", "LLMFLOW_EXPORT_RELOAD_SECONDS", "LLMFLOW_PRICES_RELOAD_SECONDS"}
    block = SERVICES[service][0] if service in SERVICES else service
    given = {name: f"value of {name}" for name in variables_of(block) if name not in decided}
    assert given
    environment = load(given)["services"][service]["environment"]
    assert {name: environment.get(name) for name in given} == given


def test_every_variable_is_in_the_guide() -> None:
    variables = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    guide = (ROOT / "docs" / "deploy.md").read_text()
    assert {"AUTH_PASSWORD", "PORT"} <= variables
    # One row of the guide is for all providers.
    variables = {re.sub(r"^[A-Z]+(?=_BASE_URL$|_DEFAULT_HEADERS$)", "<PROVIDER>", name) for name in variables}
    assert [name for name in sorted(variables) if f"`{name}`" not in guide] == []


def test_a_mistake_would_be_noticed(load: Callable[..., Model], tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text("services: {a: {image: b, helthcheck: {}}}")
    done = subprocess.run(
        [find_compose_loader(), "compose.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "helthcheck" in done.stderr
