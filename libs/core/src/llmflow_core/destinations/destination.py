"""Where spans are forwarded to, and how OpenTelemetry's endpoint and header settings are read."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from llmflow_core.destinations.presets import Dialect, Protocol
from llmflow_core.filters import Filter

Compression = Literal["gzip", "zstd", "none"]
Content = Literal["full", "redacted", "none"]
#: Who says that there is a destination: OTLP_EXPORT_ENDPOINT, the exporter's file, or the administrators over the API.
Origin = Literal["environment", "file", "api"]

# What RFC 9110 allows as a header name.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
# Names that begin with `grpc-` are its own.
_GRPC_NAME = re.compile(r"(?!grpc-)[0-9a-z_.-]+")
_SHORTEST_SECRET = 8
_SCRUBBED = "[secret]"
_ZIPKIN_PATH = "/api/v2/spans"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files in PEM: `ca_file` to check the server by instead of the system's, `cert_file` and `key_file` to show it.

    `insecure` leaves the server unchecked.
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SigV4:
    """Requests are signed for this AWS service in this region, with the credentials that botocore finds."""

    region: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which spans go to a destination: those for which everything that is set holds. `sampling` is a share of the
    traces, chosen by trace id: all spans of a trace go, or none."""

    projects: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    llm_only: bool = False
    errors_only: bool = False
    query: Filter | None = None
    sampling: float = 1.0

    @property
    def looks_at_spans(self) -> bool:
        """Whether it takes more than a record's headers to tell."""
        return bool(self.services or self.llm_only or self.errors_only or self.query or self.sampling < 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One backend. `url` is where spans are sent to, whole (of gRPC, `http(s)://host:port`); it and `headers` may hold
    secrets, never shown. `resource` are resource attributes that its spans get. What is None, the settings say. `epoch`
    counts how often its place in the log was forgotten."""

    name: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    protocol: Protocol = "otlp-http"
    compression: Compression = "gzip"
    tls: Tls = Tls()
    sigv4: SigV4 | None = None
    resource: Mapping[str, str] = field(default_factory=dict)
    dialect: Dialect = "as-received"
    selection: Selection = Selection()
    content: Content = "full"
    start: Literal["latest", "earliest"] = "earliest"
    paused: bool = False
    concurrency: int = 1
    timeout: float | None = None
    batch_bytes: int | None = None
    batch_seconds: float | None = None
    origin: Origin = field(default="file", compare=False)
    epoch: int = 0

    @property
    def address(self) -> str:
        """The URL without what may be secret in it: its user, password and query."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def group(self) -> str:
        """Its consumer group: each destination reads the log on its own, so that one that is down holds up none."""
        return self._group_in(self.epoch)

    @property
    def former_groups(self) -> tuple[str, ...]:
        """The groups that it had before its place in the log was forgotten."""
        return tuple(map(self._group_in, range(self.epoch)))

    def _group_in(self, epoch: int) -> str:
        return f"llmflow-exporter-{self.name}" + (f".{epoch}" if epoch else "")

    def scrubbed(self, text: str) -> str:
        """`text`, which the destination may have said, without the secrets that it was sent; one that `text` breaks
        off in is none that may be seen either."""
        parts = urlsplit(self.url)
        for secret in (*self.headers.values(), parts.password, parts.query):
            for piece in [secret, *secret.split()] if secret else ():
                if len(piece) < _SHORTEST_SECRET:
                    continue
                text = text.replace(piece, _SCRUBBED)
                for length in range(len(piece) - 1, _SHORTEST_SECRET - 1, -1):
                    if text.endswith(piece[:length]):
                        text = text[:-length] + _SCRUBBED
                        break
        return text

    @property
    def passes_bytes_on(self) -> bool:
        """Whether spans go there exactly as the log holds them, and need not be decoded."""
        translated = self.dialect != "as-received" or self.resource or self.content != "full"
        return not (translated or self.selection.looks_at_spans)


def traces_url(endpoint: str) -> str:
    """The URL of traces below an OTLP/HTTP endpoint, given with or without its `/v1/traces` (or `/traces`).

    Raises ValueError when `endpoint` is no http or https URL.
    """
    parts = _http_parts(endpoint)
    path = parts.path.rstrip("/")
    if not path.endswith("/traces"):
        path += "/traces" if path.endswith("/v1") else "/v1/traces"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def destination_url(endpoint: str, protocol: Protocol, *, path: str = "", exact: bool = False) -> str:
    """The URL that a destination sends to. `path` follows an endpoint that has none; `exact` says that nothing else
    does. Raises ValueError when `endpoint` is no URL of the protocol's kind."""
    if protocol == "otlp-grpc":
        parts = _http_parts(endpoint if "://" in endpoint else f"http://{endpoint}")
        return urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    parts = _http_parts(endpoint)
    if protocol == "zipkin":
        path, exact = _ZIPKIN_PATH, True
    if not parts.path.rstrip("/"):
        parts = parts._replace(path=path)
    whole = urlunsplit((*parts[:4], ""))
    return whole if exact else traces_url(whole)


def _http_parts(endpoint: str) -> SplitResult:
    parts = urlsplit(endpoint.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https URL")
    if not parts.hostname.isascii():
        raise ValueError("must have the host's name in ASCII (xn--...)")
    try:
        parts.hostname.encode("idna")
    except UnicodeError:  # connecting would only say the same
        raise ValueError("must have a host's name of labels of 1 to 63 characters") from None
    if parts.port == 0:  # a number that is no port raises
        raise ValueError("Port out of range 1-65535")
    return parts


def header(name: str, value: str) -> tuple[str, str]:
    """A header as it is sent, its name in lower case. Raises ValueError for what HTTP does not allow."""
    name, value = name.strip().lower(), value.strip()
    if not _TOKEN.fullmatch(name):
        raise ValueError("has a name that HTTP does not allow")
    if not value.isprintable() or not value.isascii():
        raise ValueError("has a value that HTTP does not allow")
    return name, value


def grpc_metadata(name: str, value: str) -> tuple[str, str | bytes]:
    """A header, as `header` gives it, as gRPC sends it: the value of one whose name ends in `-bin` is bytes, written in
    base64, with or without its padding. Raises ValueError for what gRPC does not allow."""
    if not _GRPC_NAME.fullmatch(name):
        raise ValueError("has a name that gRPC does not allow")
    if not name.endswith("-bin"):
        return name, value
    try:
        return name, base64.b64decode(value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4), validate=True)
    except ValueError:
        raise ValueError("ends in -bin, so its value must be base64") from None


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
        try:
            name, value = header(name, unquote(value))
        except ValueError:
            separator = ""
        if not separator:
            raise ValueError(f"entry {position} is not key=value")
        headers[name] = value
    return headers
