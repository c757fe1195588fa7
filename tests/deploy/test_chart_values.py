"""The chart's values: what is refused, and that all of them are described."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmflow_testkit.chart import with_settings
from llmflow_testkit.helm import helm

#: On a new machine the first test builds Helm.
pytestmark = pytest.mark.timeout(1500)

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "llmflow"

Object = dict[str, Any]


def complaint(values: Object) -> str:
    """What Helm says when it refuses `values`."""
    done = helm("template", "demo", CHART, "--kube-version", "1.37", values=values)
    assert done.returncode != 0
    return done.stderr


@pytest.fixture(scope="module")
def schema() -> Object:
    loaded: Object = json.loads((CHART / "values.schema.json").read_text())
    return loaded


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kafka": {"external": {"enabled": True}}}, "kafka.external.enabled needs kafka.external.url"),
        ({"kafka": {"external": {"url": "kafka://k:9092"}}}, "kafka.external.enabled is false"),
        ({"kafka": {"external": {"enabled": True, "url": "k:9092"}}}, "kafka.external.url|/kafka/external/url"),
        ({"timescaledb": {"external": {"enabled": True, "password": "x"}}}, "needs timescaledb.external.host"),
        ({"nameOverride": "Foo_Bar"}, "nameOverride"),
        ({"timescaledb": {"external": {"enabled": True, "host": "db"}}}, "needs timescaledb.external.existingSecret"),
        ({"timescaledb": {"external": {"host": "db"}}}, "timescaledb.external.enabled is false"),
        ({"ingress": {"enabled": True}}, "ingress.enabled needs ingress.host"),
        ({"auth": {"password": "password"}}, "auth.password is the one that everybody knows"),
        ({"proxy": {"autoscaling": {"enabled": True, "minReplicas": 20}}}, "minReplicas is more than"),
        ({"proxy": {"replicas": 0}}, "/proxy/replicas"),
        ({"proxy": {"replicaCount": 2}}, "replicaCount"),
        ({"prxy": {}}, "prxy"),
        ({"proxy": {"env": {"OPENAI_BASE_ULR": "http://x"}}}, "OPENAI_BASE_ULR"),
        ({"proxy": {"env": {"LLMFLOW_READ_TIMEOUT": 30}}}, "LLMFLOW_READ_TIMEOUT"),
        ({"queryApi": {"env": {"AUTH_PASSWORD": "x"}}}, "AUTH_PASSWORD"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"kafka": {"heap": "lots"}}, "heap"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_values_are_refused_with_a_reason(values: Object, message: str) -> None:
    assert re.search(message, complaint(values))


def test_several_wrong_values_are_named_at_once() -> None:
    said = complaint({"ingress": {"enabled": True}, "kafka": {"external": {"enabled": True}}})
    assert "ingress.host" in said
    assert "kafka.external.url" in said


def _undescribed(node: Object, definitions: Object, path: str) -> Iterator[str]:
    for name, child in node.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        if not child.get("description", "").endswith("."):
            yield here
        target = definitions[child["$ref"].rsplit("/", 1)[-1]] if "$ref" in child else child
        if not here.endswith(".env"):
            yield from _undescribed(target, definitions, here)


def _paths(node: Object, definitions: Object, path: str = "") -> Iterator[str]:
    target = definitions[node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else node
    for name, child in target.get("properties", {}).items():
        yield f"{path}.{name}".lstrip(".")
        if not f".{name}".endswith((".env", ".requests", ".limits")):
            yield from _paths(child, definitions, f"{path}.{name}")


def _given(values: Object, known: set[str], path: str = "") -> Iterator[str]:
    for name, value in values.items():
        here = f"{path}.{name}".lstrip(".")
        yield here
        if isinstance(value, dict) and any(other.startswith(f"{here}.") for other in known):
            yield from _given(value, known, here)


def test_every_value_is_described(schema: Object) -> None:
    assert list(_undescribed(schema, schema["definitions"], "")) == []


def test_every_value_has_a_default_and_every_default_is_a_value(schema: Object) -> None:
    described = set(_paths(schema, schema["definitions"])) - {"global"}
    defaults = set(_given(yaml.safe_load((CHART / "values.yaml").read_text()), described))
    assert defaults == described


def test_settings_in_the_schema_are_the_services_settings(schema: Object) -> None:
    assert schema == with_settings(schema), "run python -m llmflow_testkit.chart"


def test_chart_and_packages_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    packages = {
        re.search(r'^version = "(.+)"$', file.read_text(), re.MULTILINE)[1]  # type: ignore[index]
        for file in (CHART.parents[2] / "services").glob("*/pyproject.toml")
    }
    assert {chart["version"], chart["appVersion"]} == packages
