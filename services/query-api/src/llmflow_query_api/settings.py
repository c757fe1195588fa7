"""The settings of the query API."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, SecretStr, ValidationInfo, field_validator

from llmflow_core.key_settings import TOKEN_DESCRIPTION, TOKEN_EXAMPLES, TOKEN_MIN_LENGTH
from llmflow_query_api.alert_settings import AlertSettings

MetricsAccess = Literal["nobody", "loopback", "everybody"]

_ADDRESS = r"^([1-9][0-9]{0,4}|https?://[^\s]+)$"
DEFAULT_PASSWORD = "password"  # noqa: S105 - public, and refused on any address that others can reach


class QueryApiSettings(AlertSettings):
    """What the query API listens on, whom it lets in and what it reads."""

    host: str = Field("0.0.0.0", description="Address to listen on.", examples=["127.0.0.1"])  # noqa: S104
    port: int = Field(
        3000, ge=1, le=65535, validation_alias="PORT", description="Port of the page and the API.", examples=[3000]
    )
    workers: int = Field(
        1,
        ge=0,
        description="Processes that serve; 0 serves in the started process, without a supervisor.",
        examples=[2],
    )
    database_url: str = Field(
        "postgresql://llmflow:llmflow@localhost:5432/llmflow",
        description="The database that spans are read from.",
        examples=["postgresql://llmflow:secret@timescaledb:5432/llmflow"],
    )
    allow_default_password: bool = Field(
        False,
        description="Accept the default password on an address that other machines can reach.",
        examples=[1],
    )
    auth_username: str = Field(
        "llmflow",
        min_length=1,
        pattern="^[^:]*$",
        validation_alias="AUTH_USERNAME",
        description="Name to log in with.",
        examples=["llmflow"],
    )
    auth_password: SecretStr = Field(
        SecretStr(DEFAULT_PASSWORD),
        min_length=1,
        validate_default=True,
        validation_alias="AUTH_PASSWORD",
        description="Password to log in with. The default one is refused on an address that others can reach.",
        examples=["a-long-random-text"],
    )
    session_secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="Signs the session cookies. Without it, a random one is kept in the database.",
        examples=["64-random-hexadecimal-digits-or-any-32-characters"],
    )
    session_hours: int = Field(
        168, ge=1, le=8760, description="How long a login of the page lasts, in hours.", examples=[24]
    )
    secret_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Encrypts secrets that are kept in the database: those of destinations and alert channels. Without"
        " it, none are kept.",
        examples=["a-long-random-text"],
    )
    old_secret_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="What LLMFLOW_SECRET_KEY was before, while it is being changed: the secrets that it has encrypted"
        " are read still, and encrypted anew.",
        examples=["a-long-random-text"],
    )
    keys_token: SecretStr | None = Field(
        None,
        min_length=TOKEN_MIN_LENGTH,
        description=f"{TOKEN_DESCRIPTION} Without it, they cannot.",
        examples=TOKEN_EXAMPLES,
    )
    metrics_access: MetricsAccess = Field(
        "loopback",
        description="Who reads /metrics without key or password: nobody, this machine (loopback) or everybody.",
        examples=["everybody"],
    )
    frontend_dir: Path | None = Field(
        None,
        description="Folder of the built page (with its index.html) to serve on /. Without it, only the API is served.",
        examples=["/usr/share/llmflow/frontend"],
    )
    ingest_url: HttpUrl | None = Field(
        None,
        description="The receiver that OTLP requests on this port are passed on to. Without it, they are refused.",
        examples=["http://127.0.0.1:4318"],
    )
    proxy_address: str = Field(
        "8080",
        pattern=_ADDRESS,
        description="Where the page tells people to send LLM calls: a URL, or a port on the host that serves the page.",
        examples=["https://llm.example.com"],
    )
    otlp_address: str = Field(
        "4318",
        pattern=_ADDRESS,
        description="Where the page tells people to send OTLP over HTTP: a URL, or a port as above.",
        examples=["https://otlp.example.com"],
    )
    database_connections: int = Field(
        8,
        ge=1,
        description="Connections to the database, a process; exports and live streams add theirs.",
        examples=[16],
    )
    query_timeout: float = Field(
        30.0, gt=0, description="Longest that the database may take for one question, in seconds.", examples=[10]
    )
    heavy_queries: int = Field(
        4,
        ge=1,
        description="Analytics and lists that are answered at once, a process; others wait, ten seconds at most.",
        examples=[8],
    )
    exports: int = Field(2, ge=1, description="Exports that run at once, a process.", examples=[4])
    live_clients: int = Field(
        500, ge=0, description="Clients that may watch the live stream of traces at once, a process.", examples=[50]
    )
    live_heartbeat_seconds: float = Field(
        15.0,
        gt=0,
        description="How often the live stream says that it is alive, and asks whether its client may still watch.",
        examples=[30],
    )
    verbose: bool = Field(False, validation_alias="VERBOSE", description="Log debug lines.", examples=[1])

    @field_validator("auth_password")
    @classmethod
    def _not_the_default_in_public(cls, password: SecretStr, info: ValidationInfo) -> SecretStr:
        allowed = info.data.get("allow_default_password") or is_loopback(str(info.data.get("host")))
        if password.get_secret_value() == DEFAULT_PASSWORD and not allowed:
            raise ValueError(
                "the default password is refused on an address that other machines can reach; set another, "
                "listen on LLMFLOW_HOST=127.0.0.1, or set LLMFLOW_ALLOW_DEFAULT_PASSWORD=1"
            )
        return password

    @field_validator("frontend_dir")
    @classmethod
    def _holds_the_page(cls, folder: Path | None) -> Path | None:
        if folder is not None and not (folder / "index.html").is_file():
            raise ValueError(f"{folder} has no index.html")
        return folder


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own, which no other can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
