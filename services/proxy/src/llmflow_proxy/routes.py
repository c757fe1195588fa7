"""Which provider a request is for, and what its path becomes there. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import httpx

from llmflow_core.errors import Rejected
from llmflow_proxy.providers import Provider
from llmflow_proxy.shape import Shape

PROVIDER_HEADER = "x-llmflow-provider"
_ANTHROPIC_HEADER = "anthropic-version"
_GEMINI_HEADER = "x-goog-api-key"
#: The request headers that `resolve` looks at.
ROUTING_HEADERS = (PROVIDER_HEADER, _ANTHROPIC_HEADER, _GEMINI_HEADER)
_GEMINI_PATHS = ("/v1beta/", "/v1alpha/", "/upload/v1beta/", "/upload/v1alpha/")
#: Not any colon: OpenAI's fine-tuned models have some in their names.
_GEMINI_CALL = re.compile(
    r"/v1/(?:models|tunedModels)/[^/]+:(?:generateContent|streamGenerateContent|countTokens|embedContent"
    r"|batchEmbedContents|predict|predictLongRunning|batchGenerateContent|asyncBatchEmbedContent)"
)


@dataclass(frozen=True, slots=True)
class Route:
    """`target` is the path and query of the upstream request, byte for byte as the caller wrote them below the base
    URL; `shape` is None for an API that is forwarded but not understood. `template` is the path with names such as
    `{id}` for what differs from call to call, as far as the API is known, `parameters` what stands in their place."""

    provider: Provider
    target: str
    shape: Shape | None
    template: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def resolve(
    path: str,
    query: str,
    headers: Mapping[str, str],
    providers: Mapping[str, Provider],
    method: str = "POST",
    base_url: httpx.URL | None = None,
) -> Route:
    """Find the route of a request, of which `path` and `query` are the undecoded halves of the request target.

    The `X-LLMFlow-Provider` header decides, else a first segment that is a provider's name (taken off), else the path:
    `/v1/messages`, `/v1/complete` and every call that carries `anthropic-version` are Anthropic's; `/v1beta/`,
    `/v1alpha/`, `/v1/models/<model>:<method>` and calls that carry `x-goog-api-key` are Gemini's; other `/v1/` paths
    OpenAI's. Where the path begins as the base URL's ends (`/v1`, say), that appears once.

    `base_url` replaces the provider's; then its default headers, which may hold keys, are not sent.

    Raises Rejected when no provider is meant, or one whose base URL is not configured.
    """
    if not path.startswith("/"):
        # Behind a base URL it would be part of the host's name: `*@example.com`.
        raise Rejected("a path begins with /", field="path")
    name = headers.get(PROVIDER_HEADER)
    if name is None:
        first, slash, rest = path[1:].partition("/")
        if first in providers:
            name, path = first, slash + rest
        elif path.startswith("/v1/"):
            name = _owner(path, headers)
        elif path.startswith(_GEMINI_PATHS):
            name = "gemini"
        else:
            raise Rejected(
                f"no provider has the path {path}; use /v1/... or /{{{','.join(providers)}}}/...", field="path"
            )
    elif name not in providers:
        raise Rejected(f"unknown provider {name!r}; known are {', '.join(providers)}", field=PROVIDER_HEADER)
    provider = providers[name]
    if base_url is not None:
        provider = replace(provider, base_url=base_url, default_headers=(), missing="")
    if provider.missing:
        raise Rejected(f"{name} has no universal address; start the proxy with {provider.missing}", field="provider")
    base = provider.base_url.raw_path.decode().rstrip("/")
    below = _below(base, path)
    match = provider.api.shapes.match(method, below)
    target = base + below or "/"
    template = path.removesuffix(below) + match.template
    return Route(provider, f"{target}?{query}" if query else target, match.shape, template, match.parameters)


def _below(base: str, path: str) -> str:
    """The path without the segments that the base URL ends with already."""
    start = len(base)
    while (start := base.rfind("/", 0, start)) >= 0:
        if path.startswith(f"{base[start:]}/") or path == base[start:]:
            return path[len(base) - start :]
    return path


def _owner(path: str, headers: Mapping[str, str]) -> str:
    """Whose a path of version 1 is."""
    if path.startswith(("/v1/messages", "/v1/complete")) or _ANTHROPIC_HEADER in headers:
        return "anthropic"
    if _GEMINI_HEADER in headers or _GEMINI_CALL.fullmatch(path):
        return "gemini"
    return "openai"
