"""The proxy's settings; every one of them is an environment variable."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, create_model
from pydantic_settings import NoDecode

from llmflow_core.config import Settings
from llmflow_proxy.catalog import CATALOG, variable

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


#: Without a slash at its end.
BaseUrl = Annotated[str, AfterValidator(_base_url)]
ByteSize = Annotated[int, BeforeValidator(_bytes_of)]
#: NoDecode: pydantic-settings would end with its own error at the first malformed one.
Headers = Annotated[dict[str, str], NoDecode, BeforeValidator(_headers_of)]


def _with_providers(model: type[Settings]) -> type[Settings]:
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
class ProxySettings(Settings):
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
    connect_timeout: float = Field(
        10, gt=0, description="Seconds to wait for a connection to the provider", examples=[10]
    )
    read_timeout: float = Field(600, gt=0, description="Seconds to wait for the provider's next byte", examples=[600])

    def base_url_of(self, provider: str) -> str | None:
        """Where a provider of the catalog is; None when it has to be configured and is not."""
        url: str | None = getattr(self, f"{provider}_base_url")
        return url

    def default_headers_of(self, provider: str) -> dict[str, str]:
        """The headers that calls of a provider of the catalog get when they lack them."""
        headers: dict[str, str] = getattr(self, f"{provider}_default_headers")
        return headers
