"""The proxy's settings; every one of them is an environment variable."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, create_model
from pydantic_settings import NoDecode

from llmflow_core.config import comma_separated
from llmflow_core.key_settings import KeySettings
from llmflow_core.serving import GRACE_SECONDS
from llmflow_core.url_guard import check_entries
from llmflow_proxy.catalog import CATALOG, variable
from llmflow_proxy.keys import digests_of
from llmflow_proxy.policy import CaptureMode

_SIZE = re.compile(r"(\d+)\s*([kmg]?)i?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def _bytes_of(value: Any) -> Any:
    """`1MB`, `512kb`, `1048576`: a size in bytes, with binary units. Anything else is left for pydantic to refuse."""
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        return int(match[1]) * _UNITS[match[2].lower()]
    return value


def _headers_of(value: Any) -> Any:
    """Headers from JSON text. The error never quotes the text, which may hold a key."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise ValueError("must be a JSON object") from None


def _base_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", value):
        raise ValueError("must be an http or https URL without credentials and query")
    return value.rstrip("/")


def _patterns_of(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise ValueError("must be a JSON list of regular expressions") from None


def _check_patterns(patterns: list[str]) -> list[str]:
    if patterns:
        # Takes some megabytes that a proxy without patterns need not spend.
        from llmflow_core.redaction import Redactor

        Redactor(patterns)
    return patterns


def _keys_of(value: Any) -> Any:
    """Keys from JSON text or from the file of that name; digests in their place. Errors never quote a key."""
    if not isinstance(value, str):
        return value
    try:
        document = orjson.loads(value if value.lstrip().startswith("{") else Path(value).read_bytes())
    except orjson.JSONDecodeError:
        raise ValueError("must be a JSON object of key and project, or the path of a file with one") from None
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    if not isinstance(document, dict) or not all(isinstance(project, str) for project in document.values()):
        raise ValueError("must be a JSON object of key and project")
    return digests_of(document)


#: Without a slash at its end.
BaseUrl = Annotated[str, AfterValidator(_base_url)]
ByteSize = Annotated[int, BeforeValidator(_bytes_of)]
#: NoDecode: pydantic-settings would end with its own error at the first malformed one.
Headers = Annotated[dict[str, str], NoDecode, BeforeValidator(_headers_of)]


def _with_providers(model: type[KeySettings]) -> type[KeySettings]:
    """The model with a base URL and default headers for each provider of the catalog."""
    fields: dict[str, Any] = {}
    for row in CATALOG:
        needed = "" if row.base_url else "; calls are refused until it is set"
        fields[f"{row.name}_base_url"] = (
            BaseUrl if row.base_url else BaseUrl | None,
            Field(
                row.base_url,
                validation_alias=variable(row.name, "base_url"),
                description=f"Where the API of {row.title} is{needed}",
                examples=[row.example or row.base_url],
            ),
        )
        fields[f"{row.name}_default_headers"] = (
            Headers,
            Field(
                {},
                validation_alias=variable(row.name, "default_headers"),
                description=f"Headers (a JSON object) added to calls of {row.title} that lack them",
                examples=[row.header_example],
            ),
        )
    return create_model(model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **fields)


@_with_providers
class ProxySettings(KeySettings):
    """What one proxy process needs to know."""

    host: str = Field("0.0.0.0", description="Address to listen on", examples=["127.0.0.1"])  # noqa: S104
    port: int = Field(
        8080, validation_alias="PROXY_PORT", ge=0, le=65535, description="Port to listen on", examples=[8080]
    )
    workers: int = Field(
        1, ge=0, description="Worker processes; 0 serves in this very process, without a supervisor", examples=[2]
    )
    verbose: bool = Field(False, validation_alias="VERBOSE", description="Log debug lines", examples=["1"])
    bus_url: str = Field(
        "kafka://localhost:9092", description="The message log that spans go to", examples=["kafka://kafka:9092"]
    )

    providers_file: Path | None = Field(
        None,
        description="A YAML file of further providers: a list `providers` of name, base_url, api, default_headers",
        examples=["/etc/llmflow/providers.yaml"],
    )

    max_response_size: ByteSize = Field(
        1 << 20,
        validation_alias="MAX_RESPONSE_SIZE",
        ge=1 << 10,
        description="How much of each request and of each response is recorded; what is forwarded has no limit",
        examples=["1MB"],
    )
    capture_buffer_size: ByteSize = Field(
        64 << 20,
        ge=1 << 20,
        description="Memory for the bodies of all exchanges in flight; beyond it bodies are recorded cut short",
        examples=["64MB"],
    )
    span_buffer_size: ByteSize = Field(
        32 << 20,
        ge=1 << 20,
        description="Memory for finished spans that the message log has not taken yet; beyond it spans are dropped",
        examples=["32MB"],
    )
    spool_dir: Path | None = Field(
        None,
        description="Folder on a local disk where spans wait while the message log is away, also over restarts;"
        " without one they wait in memory only",
        examples=["/var/lib/llmflow/spool"],
    )
    spool_size: ByteSize = Field(
        1 << 30, ge=1 << 20, description="How large the spool may get; all workers share one", examples=["1GB"]
    )

    capture: CaptureMode = Field(
        "full",
        description="What is recorded of the content of calls: all of it (full), with addresses, numbers and keys"
        " blanked (redacted; user and session ids stay), or none of it (metadata). A call may ask for less by"
        " X-LLMFlow-Capture",
        examples=["redacted"],
    )
    redact_patterns: Annotated[list[str], NoDecode, BeforeValidator(_patterns_of), AfterValidator(_check_patterns)] = (
        Field(
            [],
            description="Regular expressions (a JSON list, RE2 syntax) for what else to blank when capture is redacted",
            examples=[r'["EMP-\\d{6}"]'],
        )
    )
    sample_ratio: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of traces that are recorded, chosen by trace id; calls that fail always are. A call may"
        " choose another by X-LLMFlow-Sample",
        examples=[0.1],
    )

    forward_url_allow: Annotated[
        list[str], NoDecode, BeforeValidator(comma_separated), AfterValidator(check_entries)
    ] = Field(
        ["public"],
        description="Where X-LLMFlow-Forward-URL may lead: hosts (with * and :port), addresses, networks, or public for"
        " every public address, comma-separated",
        examples=["public,gateway.internal:8787,10.1.0.0/16"],
    )
    proxy_keys: Annotated[dict[bytes, str] | None, NoDecode, BeforeValidator(_keys_of)] = Field(
        None,
        repr=False,
        description="Keys that callers have to send as X-LLMFlow-Key, and the project of each: a JSON object, or a"
        " file with one; a key may be given as sha256: and its digest. Without keys everybody may call",
        examples=['{"a-long-random-key": "team-a"}'],
    )

    upstream_connections: int = Field(
        0,
        ge=0,
        description="Connections to providers at the same time, per worker; beyond it calls wait for one. 0 sets no"
        " limit",
        examples=[1000],
    )
    connect_timeout: float = Field(
        10, gt=0, description="Seconds to wait for a connection to the provider", examples=[10]
    )
    read_timeout: float = Field(600, gt=0, description="Seconds to wait for the provider's next byte", examples=[600])
    caller_send_timeout: float = Field(
        60,
        gt=0,
        description="Seconds to wait for the next byte of a request from a caller that has begun to send one",
        examples=[60],
    )
    caller_read_timeout: float = Field(
        120,
        gt=0,
        le=86_400,
        description="Seconds to wait for a caller to read on when more of its answer is there; on Linux only",
        examples=[120],
    )
    stop_timeout: int = Field(
        GRACE_SECONDS,
        ge=0,
        le=3000,
        description="Seconds that calls in flight have to finish once the proxy is told to stop. Who stops it has to"
        " wait for 15 more; `llmflow up` waits for 35 in all",
        examples=[300],
    )

    def base_url_of(self, provider: str) -> str | None:
        """Where a provider of the catalog is; None when it has to be configured and is not."""
        url: str | None = getattr(self, f"{provider}_base_url")
        return url

    def default_headers_of(self, provider: str) -> dict[str, str]:
        """The headers that calls of a provider of the catalog get when they lack them."""
        headers: dict[str, str] = getattr(self, f"{provider}_default_headers")
        return headers
