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
        ("DELETE", "/v1/files/file-1", "/v1/files/{id}"),
        ("GET", "/v1/files/file-1/content", "/v1/files/{id}/content"),
        ("POST", "/v1/responses/resp_1/cancel", "/v1/responses/{id}/cancel"),
        ("POST", "/v1/responses/input_tokens", "/v1/responses/input_tokens"),
        ("GET", "/v1/vector_stores/vs_1/files/file-1", "/v1/vector_stores/{id}/files/{file_id}"),
        ("GET", "/v1/chat/completions/chatcmpl-1", "/v1/chat/completions/{id}"),
        ("GET", "/somewhere/else", "/somewhere/else"),
    ],
)
def test_the_template_of_a_path(method: str, path: str, template: str) -> None:
    headers = {"x-llmflow-provider": "openai"} if path.startswith("/somewhere") else {}
    assert resolve(path, "", headers, PROVIDERS, method).template == template


def test_a_method_that_an_api_does_not_have_is_another_api() -> None:
    assert resolve("/v1/chat/completions", "", {}, PROVIDERS, "POST").shape is not None
    assert resolve("/v1/chat/completions", "", {}, PROVIDERS, "GET").shape is None
