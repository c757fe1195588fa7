"""Which provider a request goes to, and under which target."""

from __future__ import annotations

import pytest

from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError, Rejected
from llmflow_proxy.providers import Provider, providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings


def providers(**settings: str) -> dict[str, Provider]:
    return providers_of(load_settings(ProxySettings, **settings))


@pytest.mark.parametrize(
    ("path", "headers", "provider", "target"),
    [
        ("/v1/chat/completions", {}, "openai", "/v1/chat/completions"),
        ("/v1/models", {}, "openai", "/v1/models"),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, "anthropic", "/v1/models"),
        ("/v1/messages", {}, "anthropic", "/v1/messages"),
        ("/v1/messages/count_tokens", {}, "anthropic", "/v1/messages/count_tokens"),
        ("/openai/v1/chat/completions", {}, "openai", "/v1/chat/completions"),
        ("/openai/chat/completions", {}, "openai", "/v1/chat/completions"),
        ("/anthropic/v1/messages", {}, "anthropic", "/v1/messages"),
        ("/anything/else", {"x-llmflow-provider": "anthropic"}, "anthropic", "/anything/else"),
        ("/v1/files/a%2Fb%7E/../c", {}, "openai", "/v1/files/a%2Fb%7E/../c"),
    ],
)
def test_the_default_providers(path: str, headers: dict[str, str], provider: str, target: str) -> None:
    route = resolve(path, "", headers, providers())
    assert (route.provider.name, route.target) == (provider, target)


def test_the_query_is_kept_as_it_is() -> None:
    assert resolve("/v1/files", "a=%7E+b&&c", {}, providers()).target == "/v1/files?a=%7E+b&&c"


def test_a_base_url_with_a_path_of_its_own() -> None:
    known = providers(openai_base_url="https://gateway/llm/v1/", anthropic_base_url="https://gateway/claude")
    assert resolve("/v1/models", "", {}, known).target == "/llm/v1/models"
    assert resolve("/v1/messages", "", {}, known).target == "/claude/v1/messages"


@pytest.mark.parametrize(
    ("path", "understood"),
    [
        ("/v1/chat/completions", True),
        ("/openai/chat/completions", True),
        ("/v1/messages", True),
        ("/v1/messages/count_tokens", True),
        ("/v1/embeddings", True),
        ("/v1/nothing/known", False),
    ],
)
def test_which_apis_are_understood(path: str, understood: bool) -> None:
    assert (resolve(path, "", {}, providers()).shape is not None) == understood


_CLAUDE_ON_VERTEX = "/vertex/v1/projects/p/locations/global/publishers/anthropic/models"


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/openrouter/v1/messages", "chat"),
        ("/xai/v1/messages", "chat"),
        ("/deepseek/anthropic/v1/messages", "chat"),
        ("/deepseek/anthropic/v1/messages/count_tokens", None),
        (f"{_CLAUDE_ON_VERTEX}/claude-sonnet-4-5@20250929:rawPredict", "chat"),
        (f"{_CLAUDE_ON_VERTEX}/count-tokens:rawPredict", None),
    ],
)
def test_anthropics_api_elsewhere(path: str, operation: str | None) -> None:
    known = providers(vertex_base_url="https://aiplatform.googleapis.com")
    shape = resolve(path, "", {}, known).shape
    assert shape is not None
    assert shape.operation == operation


@pytest.mark.parametrize(
    ("path", "headers", "field"),
    [
        ("/", {}, "path"),
        ("/chat/completions", {}, "path"),
        ("/v1/models", {"x-llmflow-provider": "nobody"}, "x-llmflow-provider"),
        ("*@example.com:80/v1/models", {"x-llmflow-provider": "anthropic"}, "path"),
        ("*", {"x-llmflow-provider": "ollama"}, "path"),
    ],
)
def test_what_is_nobodys_is_rejected(path: str, headers: dict[str, str], field: str) -> None:
    with pytest.raises(Rejected) as rejected:
        resolve(path, "", headers, providers())
    assert rejected.value.field == field


@pytest.mark.parametrize(("text", "size"), [("1MB", 1 << 20), ("512 kb", 512 << 10), ("2MiB", 2 << 20), ("4096", 4096)])
def test_sizes(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setenv("MAX_RESPONSE_SIZE", text)
    assert load_settings(ProxySettings).max_response_size == size


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_RESPONSE_SIZE", "a lot")
    monkeypatch.setenv("OPENAI_BASE_URL", "api.openai.com")
    monkeypatch.setenv("PROXY_PORT", "http")
    with pytest.raises(ConfigError) as error:
        load_settings(ProxySettings)
    assert all(name in str(error.value) for name in ("MAX_RESPONSE_SIZE", "OPENAI_BASE_URL", "PROXY_PORT"))
