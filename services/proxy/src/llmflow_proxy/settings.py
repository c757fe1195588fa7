"""The proxy's settings; every one of them is an environment variable."""

from __future__ import annotations

import re
from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from llmflow_core.config import Settings

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


ByteSize = Annotated[int, BeforeValidator(_bytes_of)]
#: NoDecode: pydantic-settings would end with its own error at the first malformed one.
Headers = Annotated[dict[str, str], NoDecode, BeforeValidator(_headers_of)]


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

    openai_base_url: str = Field(
        "https://api.openai.com/v1",
        validation_alias="OPENAI_BASE_URL",
        description="Where OpenAI's API is",
        examples=["https://oai.helicone.ai/v1"],
    )
    openai_default_headers: Headers = Field(
        {},
        validation_alias="OPENAI_DEFAULT_HEADERS",
        description="Headers (a JSON object) added to calls of OpenAI that lack them",
        examples=['{"OpenAI-Organization": "org-123"}'],
    )
    anthropic_base_url: str = Field(
        "https://api.anthropic.com",
        validation_alias="ANTHROPIC_BASE_URL",
        description="Where Anthropic's API is",
        examples=["https://api.anthropic.com"],
    )
    anthropic_default_headers: Headers = Field(
        {},
        validation_alias="ANTHROPIC_DEFAULT_HEADERS",
        description="Headers (a JSON object) added to calls of Anthropic that lack them",
        examples=['{"anthropic-beta": "files-api-2025-04-14"}'],
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

    @field_validator("openai_base_url", "anthropic_base_url")
    @classmethod
    def _base_url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", value):
            raise ValueError("must be an http or https URL without credentials and query")
        return value.rstrip("/")
