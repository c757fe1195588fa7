"""How the proxy and the writer together record a call of a provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from llmflow_bus import Record, topics
from llmflow_core.pricing import Prices
from llmflow_core.spans import Span
from llmflow_proxy import span as proxy_span
from llmflow_proxy.capture import Budget, Capture
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.providers import providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings
from llmflow_writer.records import decode

_LIMIT = 1 << 20
_SETTINGS = {
    "AZURE_BASE_URL": "https://my-resource.openai.azure.com",
    "BEDROCK_BASE_URL": "https://bedrock-runtime.us-east-1.amazonaws.com",
    "VERTEX_BASE_URL": "https://us-central1-aiplatform.googleapis.com",
}
_PROVIDERS = providers_of(ProxySettings.model_validate(_SETTINGS))
#: In November 2026; the price data knows batch prices and service tiers since October 2026.
_START_NS = 1_795_132_800 * 10**9
_PRICES = Prices()


@pytest.fixture
def recorded() -> Callable[..., list[Span]]:
    """Gives the spans that the writer would store of a call, made of the path, the bodies of the request and of the
    answer (bytes are sound, unless a content type says what they are) and headers of the answer."""
    return _recorded


def _recorded(
    path: str, request: Any, response: Any, method: str = "POST", content_type: str | None = None, **headers: str
) -> list[Span]:
    media_type = content_type or ("audio/mpeg" if isinstance(response, bytes) else "application/json")
    exchange = Exchange(
        route=resolve(path, "", {}, _PROVIDERS, method),
        method=method,
        path=path,
        query="",
        request_headers=[],
        request=Capture(_LIMIT, Budget(_LIMIT)),
        response=Capture(_LIMIT, Budget(_LIMIT)),
        start_ns=_START_NS,
        ended=2,
        started=1,
        status=200,
        response_headers=[
            (b"content-type", media_type.encode()),
            *((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()),
        ],
    )
    exchange.request.add(json.dumps(request).encode())
    exchange.response.add(response if isinstance(response, bytes) else json.dumps(response).encode())
    built = proxy_span.build(exchange, _LIMIT)
    assert built is not None
    record = Record(topic=topics.SPANS, partition=0, offset=0, key=None, value=built[1], headers={}, timestamp_ms=0)
    decoded = decode(record, _PRICES)
    assert decoded.problems == []
    return [span for span in decoded.items if isinstance(span, Span)]
