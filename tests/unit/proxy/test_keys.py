"""The proxy's own keys, from a setting or a file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError
from llmflow_proxy.keys import project_of
from llmflow_proxy.settings import ProxySettings

KEYS = {"key-of-team-a": "team-a", f"sha256:{hashlib.sha256(b'key-of-team-b').hexdigest()}": "team-b"}


@pytest.mark.parametrize("source", ["text", "file"])
def test_keys_stand_for_projects(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(KEYS)
    file = tmp_path / "keys.json"
    file.write_text(text)
    monkeypatch.setenv("LLMFLOW_PROXY_KEYS", text if source == "text" else str(file))
    settings = load_settings(ProxySettings)
    assert settings.proxy_keys is not None
    assert project_of("key-of-team-a", settings.proxy_keys) == "team-a"
    assert project_of("key-of-team-b", settings.proxy_keys) == "team-b"
    for wrong in (None, "", "key-of-team-c", "key-of-team-a ", "näive", *(key for key in KEYS if ":" in key)):
        assert project_of(wrong, settings.proxy_keys) is None
    assert "key-of-team" not in repr(settings)


def test_without_keys_there_are_none() -> None:
    assert ProxySettings().proxy_keys is None


@pytest.mark.parametrize(
    "text",
    [
        '{"secret-canary": "Not A Project"}',
        '{"secret-canary": 1}',
        '{"sha256:secret-canary": "a"}',
        '{"sha256:abcd": "a"}',
        '["secret-canary"]',
        '{"secret-canary',
        "/no/such/file",
    ],
)
def test_wrong_keys_are_refused_without_being_quoted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMFLOW_PROXY_KEYS", text)
    with pytest.raises(ConfigError, match="LLMFLOW_PROXY_KEYS") as wrong:
        load_settings(ProxySettings)
    assert "canary" not in str(wrong.value)
