"""The Helm chart: linted, rendered for several sets of values, and checked against Kubernetes and the services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from llmflow_bus import topics
from llmflow_core.config import load_settings
from llmflow_core.serving import END_SECONDS, GRACE_SECONDS
from llmflow_exporter.destination_file import destinations_of
from llmflow_testkit.chart import SETTINGS, variables_of
from llmflow_testkit.helm import helm, render
from llmflow_writer.price_list import read_prices

#: On a new machine the first test builds Helm.
pytestmark = pytest.mark.timeout(1500)

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "llmflow"
#: The oldest version that the chart allows, and the newest whose schemas the tests have.
KUBERNETES = OLDEST, LATEST = "1.30", "1.37"

EXTERNAL = {
    "kafka": {"external": {"enabled": True, "existingSecret": "my-kafka"}},
    "timescaledb": {
        "external": {"enabled": True, "host": "db.example", "existingSecret": "my-db", "sslMode": "verify-full"}
    },
    "auth": {"existingSecret": "my-login"},
    "keys": {"existingSecret": "my-keys"},
    "authorities": {"existingSecret": "my-authorities", "existingSecretKey": "company.pem"},
    "serviceAccount": {"create": False, "name": "mine"},
    "exporter": {"enabled": False},
}
_POD = {"affinity": {"podAntiAffinity": {}}, "replicas": 2}
_SCALED = {**_POD, "autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 5, "targetCPU": 60}}
_SECRET_ENV = {"envFrom": [{"secretRef": {"name": "keys"}}]}
EVERYTHING = {
    "image": {"registry": "registry.example:5000", "tag": "9.9.9", "pullSecrets": [{"name": "login"}]},
    "verbose": True,
    "auth": {"username": "admin", "password": "correct horse"},
    "keys": {"required": True, "token": "a token of thirty-two characters"},
    "serviceAccount": {"annotations": {"a/b": "c"}},
    "podAnnotations": {"note": "x"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "priorityClassName": "high",
    "proxy": {
        **_SCALED,
        **_SECRET_ENV,
        "workers": 2,
        "env": {"OPENAI_BASE_URL": "http://vllm:8000/v1", "MAX_RESPONSE_SIZE": "2MB"},
        "service": {"type": "LoadBalancer", "annotations": {"lb": "internal"}},
    },
    "ingest": {**_SCALED, **_SECRET_ENV, "env": {"LLMFLOW_INGEST_MAX_BODY": "1000000"}},
    "writer": {
        **_POD,
        **_SECRET_ENV,
        "prices": [{"name": "house-models", "model": "house-.*", "from": "2025-07-01", "input": 2, "output": 8.5}],
    },
    "exporter": {
        **_POD,
        "destinations": [
            {"name": "langsmith", "preset": "langsmith", "options": {"api_key": "${env:LANGSMITH_API_KEY}"}},
            {"name": "tempo", "preset": "tempo", "endpoint": "http://tempo:4318", "filter": {"errors_only": True}},
        ],
        "env": {
            "OTLP_EXPORT_ENABLED": "true",
            "OTLP_EXPORT_ENDPOINT": "http://tempo:4318",
            "OTEL_TRACES_EXPORTER": "none",
        },
        "envFrom": [{"secretRef": {"name": "destination-keys"}}],
    },
    "queryApi": {**_POD, "env": {"LLMFLOW_SESSION_HOURS": "24"}},
    "frontend": {**_POD, "trustedProxy": "10.0.0.0/8"},
    "networkPolicy": {"enabled": True},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "annotations": {"a": "b"},
        "host": "llmflow.example",
        "proxyHost": "llm.example",
        "tlsSecret": "cert",
    },
    "kafka": {"storage": {"className": "fast", "size": "5Gi"}, "affinity": {"nodeAffinity": {}}, "partitions": 12},
    "timescaledb": {"storage": {"className": "fast"}, "password": "p@ss/w:rd", "affinity": {"nodeAffinity": {}}},
}
VALUES: dict[str, dict[str, Any]] = {"defaults": {}, "external": EXTERNAL, "everything": EVERYTHING}
#: Component, block of values.yaml, and the ports that its settings must agree on.
SERVICES = {
    "proxy": ("proxy", {"port": "http"}),
    "ingest": ("ingest", {"ingest_http_port": "http", "ingest_grpc_port": "grpc", "ingest_zipkin_port": "zipkin"}),
    "writer": ("writer", {"health_port": "health"}),
    "exporter": ("exporter", {"health_port": "health"}),
    "query-api": ("queryApi", {"port": "http"}),
}

Object = dict[str, Any]


def install(values: Object) -> list[Object]:
    """The objects that an install on the newest Kubernetes creates."""
    return render(CHART, values, kubernetes=LATEST)


@pytest.fixture(scope="module", params=VALUES)
def rendered(request: pytest.FixtureRequest) -> list[Object]:
    return install(VALUES[request.param])


@pytest.fixture(scope="module")
def everything() -> list[Object]:
    return install(EVERYTHING)


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Each object that has pods, by its kind and name, with their specification."""
    for item in objects:
        name = f"{item['kind']}/{item['metadata']['name']}"
        if item["kind"] == "Pod":
            yield name, item["spec"]
        elif "template" in item.get("spec", {}):
            yield name, item["spec"]["template"]["spec"]


def named(objects: list[Object], kind: str, component: str) -> Object:
    (found,) = [
        o
        for o in objects
        if o["kind"] == kind and o["metadata"]["labels"].get("app.kubernetes.io/component") == component
    ]
    return found


def environment(objects: list[Object], component: str) -> dict[str, str]:
    """The variables of a component's container; what comes from a Secret of the user's is shown as secret:NAME/KEY."""
    (container,) = named(objects, "Deployment", component)["spec"]["template"]["spec"]["containers"]
    secrets = {o["metadata"]["name"]: o["stringData"] for o in objects if o["kind"] == "Secret"}
    found = {}
    for entry in container.get("env", []):
        if "value" in entry:
            found[entry["name"]] = entry["value"]
        else:
            name, key = (entry["valueFrom"]["secretKeyRef"][part] for part in ("name", "key"))
            found[entry["name"]] = secrets[name][key] if name in secrets else f"secret:{name}/{key}"
    return found


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_lint_is_content(values: Object) -> None:
    done = helm("lint", "--strict", CHART, values=values)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_kubernetes_would_accept_every_object(values: Object, version: str) -> None:
    objects = render(CHART, values, kubernetes=version)
    assert len(objects) > 10
    for item in objects:
        assert kubernetes_validate.validate(item, version, strict=True).startswith(version)


def test_kubernetes_would_not_accept_a_mistake() -> None:
    deployment = named(install({}), "Deployment", "proxy")
    deployment["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(deployment, LATEST, strict=True)


def test_no_two_objects_share_a_name(rendered: list[Object]) -> None:
    names = [(o["kind"], o["metadata"]["name"]) for o in rendered]
    assert len(names) == len(set(names))
    assert {o["metadata"]["namespace"] for o in rendered} == {"observability"}


def test_pods_are_locked_down(rendered: list[Object]) -> None:
    writable = []
    for name, pod in pods(rendered):
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert {"requests", "limits"} <= container["resources"].keys(), name
            if not security["readOnlyRootFilesystem"]:
                writable.append(name)
    assert writable in ([], ["StatefulSet/demo-llmflow-kafka"])


@pytest.mark.parametrize("component", SERVICES)
def test_environment_is_what_the_service_reads(
    component: str, everything: list[Object], monkeypatch: pytest.MonkeyPatch
) -> None:
    block, ports = SERVICES[component]
    known = variables_of(block)
    given = environment(everything, component)
    assert {name for name in given if name not in known} <= {
        "FORWARDED_ALLOW_IPS",
        "OTEL_TRACES_EXPORTER",
        "PGPASSWORD",
    }
    for variable in known:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings(SETTINGS[block])
    (container,) = named(everything, "Deployment", component)["spec"]["template"]["spec"]["containers"]
    listening = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert listening == {name: getattr(settings, field) for field, name in ports.items()}
    assert settings.model_dump()["verbose"] is True
    assert given.get("AUTH_PASSWORD", "correct horse") == "correct horse"
    assert given.get("PGPASSWORD", "p@ss/w:rd") == "p@ss/w:rd"


def test_probes_and_services_lead_to_ports_that_exist(rendered: list[Object]) -> None:
    listening: dict[str, set[str]] = {}
    for item in rendered:
        if item["kind"] in ("Deployment", "StatefulSet"):
            (container,) = item["spec"]["template"]["spec"]["containers"]
            component = item["metadata"]["labels"]["app.kubernetes.io/component"]
            listening[component] = {port["name"] for port in container["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = container[probe].get("httpGet") or container[probe].get("tcpSocket")
                assert asked is None or asked["port"] in listening[component]
            assert (
                item["spec"]["selector"]["matchLabels"].items()
                <= item["spec"]["template"]["metadata"]["labels"].items()
            )
    services = [item for item in rendered if item["kind"] == "Service"]
    assert services
    for service in services:
        component = service["spec"]["selector"]["app.kubernetes.io/component"]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= listening[component]


def test_proxy_stays_in_service_while_the_message_log_is_away(everything: list[Object]) -> None:
    (container,) = named(everything, "Deployment", "proxy")["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"


def test_exporter_finds_its_destinations(
    everything: list[Object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_API_KEY", "k")
    config = named(everything, "ConfigMap", "exporter")
    pod = named(everything, "Deployment", "exporter")["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if "configMap" in volume]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == volume["name"]]
    ((name, content),) = config["data"].items()
    assert environment(everything, "exporter")["LLMFLOW_EXPORT_FILE"] == f"{mount['mountPath']}/{name}"
    (tmp_path / name).write_text(content)
    destinations = destinations_of(tmp_path / name, variable="LLMFLOW_EXPORT_FILE")
    assert [destination.name for destination in destinations] == ["langsmith", "tempo"]
    assert destinations[0].headers == {"x-api-key": "k"}


def test_writer_finds_its_prices(everything: list[Object], tmp_path: Path) -> None:
    config = named(everything, "ConfigMap", "writer")
    pod = named(everything, "Deployment", "writer")["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if "configMap" in volume]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == volume["name"]]
    ((name, content),) = config["data"].items()
    assert environment(everything, "writer")["LLMFLOW_PRICES_FILE"] == f"{mount['mountPath']}/{name}"
    (tmp_path / name).write_text(content)
    assert [price.name for price in read_prices(tmp_path / name)] == ["house-models"]


def test_frontend_is_told_where_the_services_are(everything: list[Object]) -> None:
    addresses = environment(everything, "frontend")
    assert addresses == {
        "LLMFLOW_QUERY_API": "demo-llmflow-query-api:3000",
        "LLMFLOW_INGEST": "demo-llmflow-ingest:4318",
        "LLMFLOW_TRUSTED_PROXY": "10.0.0.0/8",
    }
    services = {
        f"{o['metadata']['name']}:{port['port']}"
        for o in everything
        if o["kind"] == "Service"
        for port in o["spec"]["ports"]
    }
    assert {addresses[name] for name in ("LLMFLOW_QUERY_API", "LLMFLOW_INGEST")} <= services


def test_secrets_that_pods_need_are_made_or_named_in_the_values(rendered: list[Object]) -> None:
    made = {(o["metadata"]["name"], key) for o in rendered if o["kind"] == "Secret" for key in o["stringData"]} | {
        ("my-kafka", "url"),
        ("my-db", "password"),
        ("my-login", "username"),
        ("my-login", "password"),
        ("my-keys", "token"),
        ("my-keys", "secretKey"),
    }
    needed = {
        (reference["name"], reference["key"])
        for _, pod in pods(rendered)
        for container in pod["containers"]
        for entry in container.get("env", [])
        if (reference := entry.get("valueFrom", {}).get("secretKeyRef"))
    }
    assert needed
    assert needed <= made


def test_external_backends_replace_the_built_in_ones() -> None:
    objects = install(EXTERNAL)
    assert [o for o in objects if o["kind"] in ("StatefulSet", "Secret", "ServiceAccount")] == []
    writer = environment(objects, "writer")
    assert writer["LLMFLOW_BUS_URL"] == "secret:my-kafka/url"
    assert writer["LLMFLOW_DATABASE_URL"] == "postgresql://llmflow@db.example:5432/llmflow?sslmode=verify-full"
    assert writer["PGPASSWORD"] == "secret:my-db/password"
    assert environment(objects, "query-api")["AUTH_PASSWORD"] == "secret:my-login/password"
    assert {pod["serviceAccountName"] for _, pod in pods(objects)} == {"mine"}


def test_passwords_are_made_up_and_never_the_default_one() -> None:
    first, second = (
        {
            o["metadata"]["name"]: o["stringData"].get("password") or o["stringData"]["token"]
            for o in install({})
            if o["kind"] == "Secret"
        }
        for _ in range(2)
    )
    assert first.keys() == second.keys() == {"demo-llmflow-auth", "demo-llmflow-keys", "demo-llmflow-timescaledb"}
    passwords = [*first.values(), *second.values()]
    assert len(set(passwords)) == 6
    assert min(map(len, passwords)) == 32


@pytest.mark.parametrize(("values", "required"), [({}, None), (EVERYTHING, "1")])
def test_services_share_one_token_for_the_keys(values: Object, required: str | None) -> None:
    objects = install(values)
    found = {component: environment(objects, component) for component in ("proxy", "ingest", "query-api")}
    assert len({variables["LLMFLOW_KEYS_TOKEN"] for variables in found.values()}) == 1
    for component in ("proxy", "ingest"):
        assert found[component]["LLMFLOW_KEYS_URL"] == "http://demo-llmflow-query-api:3000"
        assert found[component].get("LLMFLOW_KEYS_REQUIRED") == required


def test_the_page_shows_what_the_ingress_publishes(everything: list[Object]) -> None:
    shown = environment(everything, "query-api")
    assert (shown["LLMFLOW_PUBLIC_URL"], shown["LLMFLOW_PROXY_ADDRESS"], shown["LLMFLOW_OTLP_ADDRESS"]) == (
        "https://llmflow.example",
        "https://llm.example",
        "https://llmflow.example",
    )
    own = {"LLMFLOW_OTLP_ADDRESS": "https://otlp.example"}
    objects = install({"ingress": {"enabled": True, "host": "h.example"}, "queryApi": {"env": own}})
    shown = environment(objects, "query-api")
    assert shown["LLMFLOW_PUBLIC_URL"] == "http://h.example"
    assert shown["LLMFLOW_OTLP_ADDRESS"] == "https://otlp.example"
    assert "LLMFLOW_PROXY_ADDRESS" not in shown


@pytest.mark.parametrize(("env", "access"), [({}, "nobody"), ({"LLMFLOW_METRICS_ACCESS": "everybody"}, "everybody")])
def test_the_metrics_want_credentials_unless_the_values_say_otherwise(env: Object, access: str) -> None:
    assert environment(install({"queryApi": {"env": env}}), "query-api")["LLMFLOW_METRICS_ACCESS"] == access


@pytest.mark.parametrize(("values", "given"), [({}, None), ({"keys": {"secretKey": "k" * 16}}, "k" * 16)])
def test_the_exporter_opens_what_the_query_api_seals(values: Object, given: str | None) -> None:
    objects = install(values)
    exporter, query_api = (environment(objects, component) for component in ("exporter", "query-api"))
    assert exporter["LLMFLOW_SECRET_KEY"] == query_api["LLMFLOW_SECRET_KEY"]
    assert exporter["LLMFLOW_KEYS_TOKEN"] == query_api["LLMFLOW_KEYS_TOKEN"]
    assert exporter["LLMFLOW_KEYS_URL"] == "http://demo-llmflow-query-api:3000"
    (secret,) = (o["stringData"]["secretKey"] for o in objects if o["metadata"]["name"] == "demo-llmflow-keys")
    assert secret == given or (given is None and len(secret) == 32)


def test_what_the_database_needs_outlives_the_release_as_its_volume_does() -> None:
    kept = {
        o["metadata"]["name"]
        for o in install({})
        if o["metadata"].get("annotations") == {"helm.sh/resource-policy": "keep"}
    }
    assert kept == {"demo-llmflow-timescaledb", "demo-llmflow-keys"}


def test_certificates_of_own_authorities_are_where_clients_look() -> None:
    objects = install(EXTERNAL)
    using = {name: pod for name, pod in pods(objects) if name.split("-")[-1] in ("proxy", "ingest", "writer", "api")}
    (job,) = [(name, pod) for name, pod in pods(objects) if name.startswith("Job/")]
    for name, pod in (*using.items(), job):
        (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "authorities"]
        assert volume["secret"] == {
            "secretName": "my-authorities",
            "items": [{"key": "company.pem", "path": "ca.crt"}],
        }, name
        mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        assert mounts["authorities"] == "/etc/llmflow-authorities", name
    assert len(using) == 4
    assert environment(objects, "writer")["PGSSLROOTCERT"] == "/etc/llmflow-authorities/ca.crt"
    public = {**EXTERNAL, "authorities": {"existingSecret": ""}}
    assert environment(install(public), "writer")["PGSSLROOTCERT"] == "/etc/ssl/certs/ca-certificates.crt"


def test_only_the_release_reaches_what_asks_nobody_who_he_is(everything: list[Object]) -> None:
    policies = [o for o in everything if o["kind"] == "NetworkPolicy"]
    assert [o["metadata"]["name"] for o in policies] == ["demo-llmflow-kafka", "demo-llmflow-timescaledb"]
    for policy in policies:
        ((rule,),) = (way["from"] for way in policy["spec"]["ingress"])
        allowed = rule["podSelector"]["matchLabels"].items()
        guarded = policy["spec"]["podSelector"]["matchLabels"]
        for item in everything:
            labels = item.get("spec", {}).get("template", {}).get("metadata", {}).get("labels")
            if labels is not None:
                assert allowed <= labels.items()
                own = labels["app.kubernetes.io/component"] == guarded["app.kubernetes.io/component"]
                assert (guarded.items() <= labels.items()) == own
    assert not [o for o in install({**EXTERNAL, "networkPolicy": {"enabled": True}}) if o["kind"] == "NetworkPolicy"]


def test_what_the_built_in_kafka_keeps_fits_into_its_volume() -> None:
    broker = named(install({}), "StatefulSet", "kafka")["spec"]
    variables = {entry["name"]: entry["value"] for entry in broker["template"]["spec"]["containers"][0]["env"]}
    partition = int(variables["KAFKA_LOG_RETENTION_BYTES"]) + int(variables["KAFKA_LOG_SEGMENT_BYTES"])
    (claim,) = broker["volumeClaimTemplates"]
    size = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) << 30
    url = environment(install({}), "writer")["LLMFLOW_BUS_URL"]
    partitions = len(topics.ALL) * int(url.partition("partitions=")[2])
    assert partitions * partition < 0.95 * size


def test_there_is_time_to_finish_what_is_in_flight(rendered: list[Object]) -> None:
    for item in rendered:
        if item["kind"] == "Deployment" and "frontend" not in item["metadata"]["name"]:
            pod = item["spec"]["template"]["spec"]
            container = pod["containers"][0]
            before = container["lifecycle"]["preStop"]["sleep"]["seconds"] if "lifecycle" in container else 0
            assert pod["terminationGracePeriodSeconds"] >= before + GRACE_SECONDS + END_SECONDS + 5


def test_the_proxy_is_given_the_time_that_its_calls_have() -> None:
    patient = named(install({"proxy": {"env": {"LLMFLOW_STOP_TIMEOUT": "600"}}}), "Deployment", "proxy")
    assert patient["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 5 + 600 + END_SECONDS + 5


def test_autoscaling_decides_the_replicas_and_several_replicas_get_a_budget(everything: list[Object]) -> None:
    for component in ("proxy", "ingest"):
        assert "replicas" not in named(everything, "Deployment", component)["spec"]
        assert named(everything, "HorizontalPodAutoscaler", component)["spec"]["minReplicas"] == 3
    budgets = {
        o["metadata"]["name"].removeprefix("demo-llmflow-") for o in everything if o["kind"] == "PodDisruptionBudget"
    }
    assert budgets == {*SERVICES, "frontend"}
    assert {o["kind"] for o in install({})} & {
        "PodDisruptionBudget",
        "HorizontalPodAutoscaler",
        "Ingress",
    } == set()


def test_another_version_or_database_is_another_migration() -> None:
    def job(values: Object) -> str:
        (found,) = [o for o in install(values) if o["kind"] == "Job"]
        assert found["spec"]["template"]["spec"]["containers"][0]["command"] == [
            "python",
            "-m",
            "llmflow_store",
            "migrate",
        ]
        assert "annotations" not in found["metadata"]
        return str(found["metadata"]["name"])

    same = job({})
    assert job({"proxy": {"replicas": 3}}) == same
    assert len({same, job({"image": {"tag": "0.2.0"}}), job(EXTERNAL)}) == 3


def test_a_change_of_a_password_restarts_who_uses_it() -> None:
    def checksums(values: Object) -> dict[str, str]:
        objects = install(values)
        return {
            component: named(objects, "Deployment", component)["spec"]["template"]["metadata"].get("annotations", {})
            for component in ("query-api", "writer")
        }

    before, after = checksums({}), checksums({"auth": {"password": "another one"}})
    assert before["query-api"] != after["query-api"]
    assert before["writer"] == after["writer"]


def test_names_stay_within_the_limit_for_the_longest_release_name() -> None:
    done = helm("template", "r" * 53, CHART, "--kube-version", LATEST)
    names = [document["metadata"]["name"] for document in yaml.safe_load_all(done.stdout) if document]
    assert max(map(len, names)) <= 63


def test_notes_tell_how_to_reach_it(tmp_path: Path) -> None:
    # `helm template` does not print the notes, so a second chart shows them in an object.
    chart = tmp_path / "llmflow"
    (chart / "templates").mkdir(parents=True)
    for file in ("Chart.yaml", "values.yaml", "templates/_names.tpl"):
        (chart / file).write_text((CHART / file).read_text())
    (chart / "notes").write_text((CHART / "templates" / "NOTES.txt").read_text())
    (chart / "templates" / "notes.yaml").write_text('notes: {{ tpl (.Files.Get "notes") . | toJson }}')

    (plain,) = render(chart, {}, kubernetes=LATEST)
    for service, port in (("frontend", 3000), ("proxy", 8080), ("ingest", 4318)):
        assert (
            f"kubectl --namespace observability port-forward service/demo-llmflow-{service} {port}\n" in plain["notes"]
        )
    assert "get secret demo-llmflow-auth" in plain["notes"]
    (published,) = render(chart, EVERYTHING, kubernetes=LATEST)
    assert "https://llmflow.example" in published["notes"]
