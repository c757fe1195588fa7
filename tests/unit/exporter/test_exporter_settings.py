"""The exporter's environment variables."""

from __future__ import annotations

import pytest

from llmflow_core.config import load_settings
from llmflow_core.destinations.destination import Destination
from llmflow_core.errors import ConfigError
from llmflow_exporter.settings import ExporterSettings


def test_nothing_is_exported_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(ExporterSettings).destinations() == []
    monkeypatch.setenv("OTLP_EXPORT_ENDPOINT", "http://localhost:4318")
    assert load_settings(ExporterSettings).destinations() == []


def test_the_three_variables_make_one_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTLP_EXPORT_ENABLED", "true")
    monkeypatch.setenv("OTLP_EXPORT_ENDPOINT", "http://jaeger:4318/v1/traces")
    monkeypatch.setenv("OTLP_EXPORT_HEADERS", "authorization=Basic%20cGs6c2s=")
    (destination,) = load_settings(ExporterSettings).destinations()
    assert destination == Destination(
        name="default", url="http://jaeger:4318/v1/traces", headers={"authorization": "Basic cGs6c2s="}
    )
    assert destination.group == "llmflow-exporter-default"


def test_enabled_without_an_endpoint_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTLP_EXPORT_ENABLED", "true")
    with pytest.raises(ConfigError, match="OTLP_EXPORT_ENABLED needs OTLP_EXPORT_ENDPOINT"):
        load_settings(ExporterSettings)


def test_every_mistake_is_named_and_no_secret_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTLP_EXPORT_ENDPOINT", "localhost:4318")
    monkeypatch.setenv("OTLP_EXPORT_HEADERS", "s3cret")
    with pytest.raises(ConfigError) as caught:
        load_settings(ExporterSettings)
    message = str(caught.value)
    assert "OTLP_EXPORT_ENDPOINT: " in message
    assert "OTLP_EXPORT_HEADERS: " in message
    assert "s3cret" not in message
