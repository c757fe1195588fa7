from __future__ import annotations

from typing import Any

import httpx
import pytest

from llmflow.api import Api, open_api
from llmflow.reaching import proxies_apply
from llmflow_core.errors import LLMFlowError


@pytest.mark.parametrize("proxy", ["http://proxy.example.com:3128", "socks5://127.0.0.1:1080", "odd://127.0.0.1:1"])
def test_requests_to_this_machine_take_no_proxy(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    for url in ("http://localhost:3000", "http://127.0.0.1:3000/", "http://[::1]:3000"):
        assert not proxies_apply(url)
    if proxy.startswith("http:"):
        assert proxies_apply("http://llmflow.example.com")
    else:
        with pytest.raises(LLMFlowError, match="ALL_PROXY"):
            proxies_apply("https://llmflow.example.com")


@pytest.mark.parametrize("proxy", ["http://user:pass/word@127.0.0.1:1", "http://127.0.0.1:port"])
def test_a_proxy_that_is_no_url_is_not_repeated(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(LLMFlowError, match=r"ALL_PROXY names cannot be used: that is no URL$"):
        proxies_apply("http://llmflow.example.com")


@pytest.mark.parametrize("key", ["lf-sk-ключ", "lf-sk-a\nb"])
def test_what_can_be_no_key_is_not_quoted(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMFLOW_API_KEY", key)
    with pytest.raises(LLMFlowError, match="LLMFLOW_API_KEY") as raised, open_api():
        pass
    assert key not in str(raised.value)


@pytest.mark.parametrize(
    "answer", [{"html": "<p>"}, {"content": b"{", "headers": {"content-type": "application/json"}}]
)
def test_what_answers_something_else_is_not_the_api(answer: dict[str, Any]) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, **answer))
    with (
        httpx.Client(transport=transport, base_url="http://other.test") as client,
        pytest.raises(LLMFlowError, match="is not LLMFlow's API"),
    ):
        Api(client).get("prices")
