"""The proxy's own keys, from a setting or a file."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from llmflow_core.api_keys import new_key
from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError
from llmflow_proxy.keys import Access, KeyRefused, own_key, project_of
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


OTHERS = [(b"host", b"localhost"), (b"content-type", b"application/json")]


def test_a_key_is_taken_off_wherever_the_providers_belongs() -> None:
    key, key_id = new_key()
    basic = base64.b64encode(f"{key_id}:{key}".encode())
    for header in (
        (b"authorization", b"Bearer " + key.encode()),
        (b"authorization", key.encode()),
        (b"authorization", b"Basic " + basic),
        (b"x-api-key", key.encode()),
        (b"x-goog-api-key", key.encode()),
        (b"api-key", key.encode()),
    ):
        assert own_key([*OTHERS, header], "") == (key, OTHERS)
    own = (b"x-llmflow-key", b"mine")
    assert own_key([*OTHERS, (b"api-key", key.encode()), own], "") == ("mine", [*OTHERS, own])


def test_the_providers_own_credentials_stay() -> None:
    for value in (b"Bearer sk-proj-1", b"Basic ???", b"Basic " + base64.b64encode(b"a:b"), b"AWS4-HMAC-SHA256 x=y"):
        headers = [*OTHERS, (b"authorization", value)]
        assert own_key(headers, "alt=sse") == (None, headers)


def test_a_key_in_the_url_is_refused_without_being_quoted() -> None:
    key, _ = new_key()
    with pytest.raises(KeyRefused) as refused:
        own_key(OTHERS, f"alt=sse&key={key}")
    assert key not in str(refused.value)


async def test_who_may_call() -> None:
    digests = {hashlib.sha256(b"static").digest(): "team-a"}
    assert await Access().project("anything") is None
    assert await Access().project(None) is None
    assert await Access(digests).project("static") == "team-a"
    for access, key in ((Access(digests), None), (Access(digests), "other"), (Access({}), None)):
        with pytest.raises(KeyRefused):
            await access.project(key)
    with pytest.raises(KeyRefused):
        await Access(required=True).project(None)
