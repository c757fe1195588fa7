"""The providers the proxy knows: one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from llmflow_proxy import (
    anthropic_messages,
    anthropic_resources,
    bedrock,
    cohere,
    cohere_v1,
    error_bodies,
    gemini,
    gemini_batches,
    gemini_interactions,
    mistral,
    ollama,
    openai_chat,
    openai_shapes,
)
from llmflow_proxy.catalog import CATALOG, variable
from llmflow_proxy.provider_file import entries_of
from llmflow_proxy.settings import ProxySettings
from llmflow_proxy.shape import Shape
from llmflow_proxy.templates import Templates

NOT_CONFIGURED = httpx.URL("http://not-configured.invalid")


@dataclass(frozen=True, slots=True)
class Api:
    """What providers of one kind speak: their recorded APIs by path below the base URL, and an error of the proxy's own
    in the shape that their clients parse: (HTTP status, message) to JSON bytes."""

    shapes: Templates
    error_body: Callable[[int, str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Where a provider is and how it speaks.

    `name` is its path prefix and the value of `X-LLMFlow-Provider`; `semconv_name` its `gen_ai.provider.name`.
    `missing` is an example of the setting without which the provider has no address.
    """

    name: str
    semconv_name: str
    base_url: httpx.URL
    api: Api
    default_headers: tuple[tuple[bytes, bytes], ...] = ()
    missing: str = ""

    @property
    def error_body(self) -> Callable[[int, str], bytes]:
        """See `Api`."""
        return self.api.error_body

    @property
    def keeps_helicone_headers(self) -> bool:
        """Whether the upstream is Helicone, the only one that `Helicone-*` headers are for."""
        return "helicone" in self.base_url.host or "hconeai" in self.base_url.host


def providers_of(settings: ProxySettings) -> dict[str, Provider]:
    """Every provider by name, those of the providers file included. Raises ConfigError when that file is wrong."""
    found = {}
    for row in CATALOG:
        base_url = settings.base_url_of(row.name)
        found[row.name] = Provider(
            name=row.name,
            semconv_name=row.semconv_name,
            base_url=httpx.URL(base_url) if base_url else NOT_CONFIGURED,
            default_headers=_raw(settings.default_headers_of(row.name)),
            api=APIS[row.api],
            missing="" if base_url else f"{variable(row.name, 'base_url')}={row.example}",
        )
    for entry in entries_of(settings.providers_file, known=found, apis=APIS):
        found[entry.name] = Provider(
            name=entry.name,
            semconv_name=entry.provider_name or entry.name,
            base_url=httpx.URL(entry.base_url),
            default_headers=_raw(entry.default_headers),
            api=APIS[entry.api],
        )
    return found


def _raw(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())


def _below(prefix: str, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    return {prefix + template: shape for template, shape in shapes.items()}


def _api(error_body: Callable[[int, str], bytes], *shapes: Mapping[str, Shape]) -> Api:
    return Api(Templates({template: shape for some in shapes for template, shape in some.items()}), error_body)


_OPENAI = openai_shapes.SHAPES
_CHAT = {"/chat/completions": openai_chat.SHAPE}
_ANTHROPIC = anthropic_resources.SHAPES
_MESSAGES = {path: _ANTHROPIC[path] for path in ("/messages", "/messages/count_tokens")}
_GEMINI = {**gemini.SHAPES, **gemini_batches.SHAPES, **gemini_interactions.SHAPES}
_MISTRAL = {**_OPENAI, **mistral.SHAPES}
_RAW_PREDICT = ("/models/{model}:rawPredict", "/models/{model}:streamRawPredict")
_VERTEX = "/{version}/projects/{project}/locations/{location}"

#: What a provider may speak, by the name that the catalog and the providers file use.
APIS: dict[str, Api] = {
    "openai": _api(
        error_bodies.openai,
        {**_OPENAI, **_MESSAGES},
        _below("/v1", {**_OPENAI, **_MESSAGES}),
        _below("/openai/v1", _OPENAI),
        _below("/anthropic/v1", _MESSAGES),
    ),
    "anthropic": _api(error_bodies.anthropic, _ANTHROPIC, _below("/v1", {**_CHAT, **_ANTHROPIC})),
    "gemini": _api(error_bodies.google, _GEMINI, _below("/{version}", _GEMINI), _below("/{version}/openai", _OPENAI)),
    "vertex": _api(
        error_bodies.google,
        _below(_VERTEX, _GEMINI),
        _below(f"{_VERTEX}/publishers/{{publisher}}", gemini.SHAPES),
        _below("/{version}/publishers/{publisher}", gemini.SHAPES),
        {f"{_VERTEX}/publishers/anthropic/models/count-tokens:rawPredict": _ANTHROPIC["/messages/count_tokens"]},
        {f"{_VERTEX}/publishers/anthropic{path}": anthropic_messages.SHAPE for path in _RAW_PREDICT},
        {f"{_VERTEX}/publishers/mistralai{path}": openai_chat.SHAPE for path in _RAW_PREDICT},
        _below(f"{_VERTEX}/endpoints/{{endpoint}}", _OPENAI),
    ),
    "azure": _api(
        error_bodies.openai,
        _OPENAI,
        _below("/openai/v1", _OPENAI),
        _below("/openai", _OPENAI),
        _below("/openai/deployments/{model}", _OPENAI),
        _below("/deployments/{model}", _OPENAI),
        _below("/models", _CHAT),
        _below("/anthropic/v1", _ANTHROPIC),
    ),
    "bedrock": _api(error_bodies.aws, bedrock.SHAPES, _below("/openai/v1", _OPENAI)),
    "mistral": _api(error_bodies.mistral, _MISTRAL, _below("/v1", _MISTRAL)),
    "cohere": _api(error_bodies.cohere, cohere.SHAPES | cohere_v1.SHAPES, _below("/compatibility/v1", _OPENAI)),
    "ollama": _api(error_bodies.ollama, ollama.SHAPES, _below("/v1", {**_OPENAI, **_MESSAGES})),
    "none": _api(error_bodies.openai),
}
