"""The settings: which are refused, and that the message says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError
from llmflow_query_api.settings import QueryApiSettings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLMFLOW_HOST", "AUTH_USERNAME", "AUTH_PASSWORD", "LLMFLOW_ALLOW_DEFAULT_PASSWORD", "PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "llmflow.example.com"])
@pytest.mark.parametrize("password", [None, "password"])
def test_the_default_password_is_refused_where_others_can_reach_it(
    monkeypatch: pytest.MonkeyPatch, host: str, password: str | None
) -> None:
    monkeypatch.setenv("LLMFLOW_HOST", host)
    if password:
        monkeypatch.setenv("AUTH_PASSWORD", password)
    with pytest.raises(ConfigError) as refused:
        load_settings(QueryApiSettings)
    (problem,) = refused.value.problems
    assert problem.startswith("AUTH_PASSWORD: ")
    assert "LLMFLOW_ALLOW_DEFAULT_PASSWORD=1" in problem


@pytest.mark.parametrize(
    "environment",
    [
        {"LLMFLOW_HOST": "127.0.0.1"},
        {"LLMFLOW_HOST": "::1"},
        {"LLMFLOW_HOST": "localhost"},
        {"LLMFLOW_ALLOW_DEFAULT_PASSWORD": "1"},
        {"AUTH_PASSWORD": "another"},
    ],
)
def test_it_is_accepted_elsewhere_and_another_everywhere(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(QueryApiSettings)
    assert settings.auth_password.get_secret_value() == environment.get("AUTH_PASSWORD", "password")
    assert f"'{settings.auth_password.get_secret_value()}'" not in repr(settings)


def test_a_folder_without_the_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"LLMFLOW_FRONTEND_DIR: .*index\.html"):
        load_settings(QueryApiSettings, host="127.0.0.1", frontend_dir=tmp_path)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PORT", "0"), ("AUTH_USERNAME", "a:b"), ("LLMFLOW_SESSION_SECRET", "short"), ("LLMFLOW_INGEST_URL", "ingest")],
)
def test_wrong_values_are_refused_by_name(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv("LLMFLOW_HOST", "127.0.0.1")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=f"{variable}: "):
        load_settings(QueryApiSettings)
