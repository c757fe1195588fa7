"""Which OpenAI API a path belongs to, and the name of a call that has no operation of the conventions."""

from __future__ import annotations

import pytest

from llmflow_proxy.providers import providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings

PROVIDERS = providers_of(ProxySettings())


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("POST", "/v1/chat/completions", "/v1/chat/completions"),
        ("GET", "/openai/v1/models", "/v1/models"),
        ("GET", "/somewhere/else", "/somewhere/else"),
    ],
)
def test_the_template_of_a_path(method: str, path: str, template: str) -> None:
    headers = {"x-llmflow-provider": "openai"} if path.startswith("/somewhere") else {}
    assert resolve(path, "", headers, PROVIDERS, method).template == template


def test_a_method_that_an_api_does_not_have_is_another_api() -> None:
    assert resolve("/v1/chat/completions", "", {}, PROVIDERS, "POST").shape is not None
    assert resolve("/v1/chat/completions", "", {}, PROVIDERS, "GET").shape is None
