"""Which provider a request is for, and what its path becomes there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llmflow_core.errors import Rejected
from llmflow_proxy.providers import Provider
from llmflow_proxy.shape import Shape

PROVIDER_HEADER = "x-llmflow-provider"


@dataclass(frozen=True, slots=True)
class Route:
    """`target` is the path and query of the upstream request, byte for byte as the caller wrote them below the base
    URL; `shape` is None for an API that is forwarded but not understood. `template` is the path with names such as
    `{id}` for what differs from call to call, as far as the API is known."""

    provider: Provider
    target: str
    shape: Shape | None
    template: str


def resolve(
    path: str, query: str, headers: Mapping[str, str], providers: Mapping[str, Provider], method: str = "POST"
) -> Route:
    """Find the route of a request, of which `path` and `query` are the undecoded halves of the request target.

    The `X-LLMFlow-Provider` header decides, else a first segment that is a provider's name (taken off), else the path:
    `/v1/messages`, `/v1/complete` and every call that carries `anthropic-version` are Anthropic's, other `/v1/` paths
    OpenAI's. Where the base URL ends with the version segment that the path starts with, it appears once.

    Raises Rejected when no provider is meant.
    """
    name = headers.get(PROVIDER_HEADER)
    if name is None:
        first, slash, rest = path[1:].partition("/")
        if first in providers:
            name, path = first, slash + rest
        elif path.startswith("/v1/"):
            name = "anthropic" if _is_anthropic(path, headers) else "openai"
        else:
            raise Rejected(
                f"no provider has the path {path}; use /v1/... or /{{{','.join(providers)}}}/...", field="path"
            )
    elif name not in providers:
        raise Rejected(f"unknown provider {name!r}; known are {', '.join(providers)}", field=PROVIDER_HEADER)
    provider = providers[name]
    below_version = path.removeprefix("/v1") if path.startswith("/v1/") else path
    base = provider.base_url.raw_path.decode().rstrip("/")
    target = base + (below_version if base.endswith("/v1") else path)
    shape, template = provider.shape_of(method, below_version)
    version = path.removesuffix(below_version)
    return Route(provider, f"{target or '/'}?{query}" if query else target or "/", shape, version + template)


def _is_anthropic(path: str, headers: Mapping[str, str]) -> bool:
    return path.startswith(("/v1/messages", "/v1/complete")) or "anthropic-version" in headers
