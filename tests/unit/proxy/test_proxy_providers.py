"""Every provider of the catalog and of a table of one's own: where its calls go and how they are named."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError, Rejected
from llmflow_proxy import error_bodies
from llmflow_proxy.catalog import CATALOG, Row
from llmflow_proxy.providers import APIS, Provider, providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings

CONFIGURED = {f"{row.name}_base_url": row.example for row in CATALOG if row.base_url is None}

PUBLISHERS = "/v1/projects/p/locations/l/publishers"
GOOGLE = f"{PUBLISHERS}/google/models/g:generateContent"
CLAUDE = f"{PUBLISHERS}/anthropic/models/c:streamRawPredict"


def providers(**settings: object) -> dict[str, Provider]:
    return providers_of(load_settings(ProxySettings, **settings))


@pytest.mark.parametrize(
    ("path", "provider", "target", "operation", "model"),
    [
        ("/v1beta/models/g:generateContent", "gemini", "/v1beta/models/g:generateContent", "generate_content", "g"),
        ("/v1/models/g:streamGenerateContent", "gemini", "/v1/models/g:streamGenerateContent", "generate_content", "g"),
        ("/upload/v1beta/files", "gemini", "/upload/v1beta/files", None, None),
        ("/gemini/v1beta/openai/chat/completions", "gemini", "/v1beta/openai/chat/completions", "chat", None),
        ("/vertex" + GOOGLE, "vertex", GOOGLE, "generate_content", "g"),
        ("/vertex" + CLAUDE, "vertex", CLAUDE, "chat", "c"),
        ("/azure/openai/deployments/d/embeddings", "azure", "/openai/deployments/d/embeddings", "embeddings", "d"),
        ("/azure/openai/v1/responses", "azure", "/openai/v1/responses", "chat", None),
        ("/bedrock/model/a%3Ab%2Fc/converse-stream", "bedrock", "/model/a%3Ab%2Fc/converse-stream", "chat", "a:b/c"),
        ("/mistral/v1/chat/completions", "mistral", "/v1/chat/completions", "chat", None),
        ("/mistral/chat/completions", "mistral", "/v1/chat/completions", "chat", None),
        ("/cohere/v2/rerank", "cohere", "/v2/rerank", "rerank", None),
        ("/cohere/compatibility/v1/chat/completions", "cohere", "/compatibility/v1/chat/completions", "chat", None),
        ("/groq/openai/v1/chat/completions", "groq", "/openai/v1/chat/completions", "chat", None),
        ("/groq/v1/chat/completions", "groq", "/openai/v1/chat/completions", "chat", None),
        ("/groq/chat/completions", "groq", "/openai/v1/chat/completions", "chat", None),
        ("/together/v1/completions", "together", "/v1/completions", "text_completion", None),
        ("/deepseek/chat/completions", "deepseek", "/chat/completions", "chat", None),
        ("/deepseek/v1/chat/completions", "deepseek", "/v1/chat/completions", "chat", None),
        ("/xai/v1/chat/completions", "xai", "/v1/chat/completions", "chat", None),
        ("/perplexity/chat/completions", "perplexity", "/chat/completions", "chat", None),
        ("/fireworks/inference/v1/chat/completions", "fireworks", "/inference/v1/chat/completions", "chat", None),
        ("/openrouter/api/v1/chat/completions", "openrouter", "/api/v1/chat/completions", "chat", None),
        ("/openrouter/chat/completions", "openrouter", "/api/v1/chat/completions", "chat", None),
        ("/huggingface/v1/chat/completions", "huggingface", "/v1/chat/completions", "chat", None),
        ("/ollama/api/chat", "ollama", "/api/chat", "chat", None),
        ("/ollama/v1/chat/completions", "ollama", "/v1/chat/completions", "chat", None),
        ("/vllm/v1/chat/completions", "vllm", "/v1/chat/completions", "chat", None),
        ("/v1/models/ft:gpt-4o:acme::id", "openai", "/v1/models/ft:gpt-4o:acme::id", None, None),
    ],
)  # fmt: skip
def test_where_a_call_goes(path: str, provider: str, target: str, operation: str | None, model: str | None) -> None:
    route = resolve(path, "", {}, providers(**CONFIGURED))
    assert (route.provider.name, route.target) == (provider, target)
    assert ((route.shape.operation if route.shape else None), route.parameters.get("model")) == (operation, model)


def test_geminis_key_makes_a_call_geminis() -> None:
    assert resolve("/v1/models", "", {"x-goog-api-key": "k"}, providers()).provider.name == "gemini"


def test_names_are_low_in_cardinality() -> None:
    known = providers()
    template = resolve("/v1/messages/batches/msgbatch_1/results", "", {}, known, "GET").template
    assert template == "/v1/messages/batches/{id}/results"
    template = resolve("/v1beta/models/g:countTokens", "", {}, known).template
    assert template == "/{version}/models/{model}:countTokens"


@pytest.mark.parametrize("name", ["azure", "vertex", "bedrock"])
def test_a_provider_without_a_universal_host_names_the_setting_it_needs(name: str) -> None:
    with pytest.raises(Rejected, match=f"{name.upper()}_BASE_URL=https://"):
        resolve(f"/{name}/anything", "", {}, providers())


@pytest.mark.parametrize("row", CATALOG, ids=lambda row: row.name)
def test_every_provider_has_its_two_settings(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    name = row.name
    monkeypatch.setenv(f"{name.upper()}_BASE_URL", "http://elsewhere:1/base/")
    monkeypatch.setenv(f"{name.upper()}_DEFAULT_HEADERS", '{"X-Team": "search"}')
    provider = providers()[name]
    assert (str(provider.base_url), provider.missing) == ("http://elsewhere:1/base", "")
    assert provider.default_headers == ((b"x-team", b"search"),)


def test_wrong_settings_of_providers_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_BASE_URL", "api.groq.com")
    monkeypatch.setenv("AZURE_BASE_URL", "https://user:canary@host")
    monkeypatch.setenv("XAI_DEFAULT_HEADERS", "canary")
    with pytest.raises(ConfigError) as error:
        load_settings(ProxySettings)
    assert all(name in str(error.value) for name in ("GROQ_BASE_URL", "AZURE_BASE_URL", "XAI_DEFAULT_HEADERS"))
    assert "canary" not in str(error.value)


def table(folder: Path, text: str) -> Path:
    file = folder / "providers.yaml"
    file.write_text(text)
    return file


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    file = table(
        tmp_path,
        """
        providers:
          - {name: inhouse, base_url: "https://llm.example/v1/", default_headers: {X-Key: k}}
          - {name: claude-eu, base_url: "https://claude.example", api: anthropic, provider_name: anthropic}
          - {name: files, base_url: "https://files.example", api: none}
        """,
    )
    known = providers(providers_file=file)
    route = resolve("/inhouse/chat/completions", "", {}, known)
    assert (route.provider.semconv_name, route.target) == ("inhouse", "/v1/chat/completions")
    assert route.provider.default_headers == ((b"x-key", b"k"),)
    route = resolve("/v1/messages", "", {"x-llmflow-provider": "claude-eu"}, known)
    assert (route.provider.semconv_name, route.provider.base_url.host) == ("anthropic", "claude.example")
    assert route.shape
    assert resolve("/files/v1/chat/completions", "", {}, known).shape is None


def test_everything_wrong_in_the_table_is_named(tmp_path: Path) -> None:
    file = table(
        tmp_path,
        """
        providers:
          - {name: openai, base_url: "https://a.example"}
          - {name: one, base_url: "ftp://canary@b.example"}
          - {name: v1, base_url: "https://c.example"}
          - {name: two, base_url: "https://d.example", api: soap}
          - {name: three, base_url: "https://e.example", key: canary}
          - nonsense
        """,
    )
    with pytest.raises(ConfigError) as error:
        providers(providers_file=file)
    problems = error.value.problems
    assert all(problem.startswith(f"LLMFLOW_PROVIDERS_FILE: {file}: entry ") for problem in problems)
    wanted = [
        "1 (openai): name:", "2 (one): base_url:", "3 (v1): name:", "4 (two): api: must be", "5 (three): key:", "6:"
    ]  # fmt: skip
    assert len(problems) == len(wanted)
    for problem, start in zip(sorted(problems), wanted, strict=True):
        assert problem.removeprefix(f"LLMFLOW_PROVIDERS_FILE: {file}: entry ").startswith(start)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("providers: {a: b}", "must have a list"), ("- [", "is not YAML in line 1"), ("", "must have a list")],
)
def test_what_is_no_table(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        providers(providers_file=table(tmp_path, text))
    with pytest.raises(ConfigError, match="cannot be read"):
        providers(providers_file=tmp_path / "missing.yaml")


@pytest.mark.parametrize("name", sorted(APIS))
def test_an_error_of_the_proxys_own_reads_back(name: str) -> None:
    body = orjson.loads(APIS[name].error_body(502, "no connection"))
    assert error_bodies.stated_error(502, body)[1] == "no connection"


@pytest.mark.parametrize(
    ("status", "body", "named", "wanted"),
    [
        (
            429,
            {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}},
            "",
            ("RESOURCE_EXHAUSTED", "m"),
        ),
        (401, {"error": {"code": "invalid_api_key", "type": "t", "message": "m"}}, "", ("invalid_api_key", "m")),
        (400, {"message": "m"}, "ValidationException:http://x/", ("ValidationException", "m")),
        (400, {"__type": "com.amazon#ThrottlingException", "message": "m"}, "", ("ThrottlingException", "m")),
        (404, {"error": "model not found"}, "", ("404", "model not found")),
        (422, {"detail": [{"loc": ["body"], "msg": "m"}]}, "", ("422", '[{"loc":["body"],"msg":"m"}]')),
        (200, {"error": {"type": "overloaded_error", "message": "m"}}, "", ("overloaded_error", "m")),
        (503, {}, "", ("503", "HTTP 503")),
    ],
)
def test_errors_of_the_providers(status: int, body: dict[str, object], named: str, wanted: tuple[str, str]) -> None:
    assert error_bodies.stated_error(status, body, named) == wanted
