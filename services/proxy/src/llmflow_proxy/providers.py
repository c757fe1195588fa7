"""The providers the proxy knows: one row each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import httpx
import orjson

from llmflow_proxy import anthropic_messages, openai_chat
from llmflow_proxy.settings import ProxySettings
from llmflow_proxy.shape import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Where a provider is and how it speaks.

    `name` is its path prefix and the value of `X-LLMFlow-Provider`; `semconv_name` its `gen_ai.provider.name`.
    `shapes` are its recorded APIs by path below the version segment: `/chat/completions`, or a template such as
    `/files/{id}`, whose names in braces each stand for text without a slash. `error_body` is an error of the proxy's
    own in the shape that the provider's clients parse: (HTTP status, message) to JSON bytes.
    """

    name: str
    semconv_name: str
    base_url: httpx.URL
    error_body: Callable[[int, str], bytes]
    default_headers: tuple[tuple[bytes, bytes], ...] = ()
    shapes: Mapping[str, Shape] = field(default_factory=dict)

    def shape_of(self, method: str, path: str) -> tuple[Shape | None, str]:
        """The shape of a call and the template of its path; None and the path itself when there is none."""
        found = self.shapes.get(path)
        if found is not None and found.has(method):
            return found, path
        for template, shape in self.shapes.items():
            if "{" in template and shape.has(method) and _template(template).fullmatch(path):
                return shape, template
        return None, path

    @property
    def keeps_helicone_headers(self) -> bool:
        """Whether the upstream is Helicone, the only one that `Helicone-*` headers are for."""
        return "helicone" in self.base_url.host or "hconeai" in self.base_url.host


def providers_of(settings: ProxySettings) -> dict[str, Provider]:
    """Every provider by name."""
    rows = [
        Provider(
            name="openai",
            semconv_name="openai",
            base_url=httpx.URL(settings.openai_base_url),
            default_headers=_raw(settings.openai_default_headers),
            error_body=_openai_error,
            shapes={"/chat/completions": openai_chat.SHAPE},
        ),
        Provider(
            name="anthropic",
            semconv_name="anthropic",
            base_url=httpx.URL(settings.anthropic_base_url),
            default_headers=_raw(settings.anthropic_default_headers),
            error_body=_anthropic_error,
            shapes={"/messages": anthropic_messages.SHAPE},
        ),
    ]
    return {row.name: row for row in rows}


@cache
def _template(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)))


def _raw(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())


def _openai_error(status: int, message: str) -> bytes:
    code = "upstream_timeout" if status == 504 else "upstream_unreachable" if status == 502 else "proxy_error"
    return orjson.dumps({"error": {"message": message, "type": "server_error", "param": None, "code": code}})


def _anthropic_error(status: int, message: str) -> bytes:
    kind = "timeout_error" if status == 504 else "api_error"
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}})
