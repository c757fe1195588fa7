"""Where spans are forwarded to, and how OpenTelemetry's endpoint and header settings are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

# What RFC 9110 allows as a header name.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One backend. `url` is where traces are posted to, whole; it and `headers` may hold secrets, never shown."""

    name: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def address(self) -> str:
        """The URL without what may be secret in it: its user, password and query."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def group(self) -> str:
        """Its consumer group: each destination reads the log on its own, so that one that is down holds up none."""
        return f"llmflow-exporter-{self.name}"


def traces_url(endpoint: str) -> str:
    """The URL of traces below an OTLP/HTTP endpoint, given with or without its `/v1/traces` (or `/traces`).

    Raises ValueError when `endpoint` is no http or https URL.
    """
    parts = urlsplit(endpoint.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https URL")
    path = parts.path.rstrip("/")
    if not path.endswith("/traces"):
        path += "/traces" if path.endswith("/v1") else "/v1/traces"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def parse_headers(text: str) -> dict[str, str]:
    """Headers written as OpenTelemetry's environment variables write them: `key=value,key2=value2`.

    Values are percent-decoded, names lower-cased; a value may hold `=`. Raises ValueError that names the faulty entry
    by its place only, because it may hold a secret.
    """
    headers = {}
    for position, entry in enumerate(text.split(","), start=1):
        if not entry.strip():
            continue
        name, separator, value = entry.partition("=")
        name, value = name.strip().lower(), unquote(value).strip()
        if not separator or not _TOKEN.fullmatch(name) or not value.isprintable():
            raise ValueError(f"entry {position} is not key=value")
        headers[name] = value
    return headers
