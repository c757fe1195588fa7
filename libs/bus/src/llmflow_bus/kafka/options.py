"""The options of a `kafka:` URL; `llmflow_bus.kafka` describes each."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from llmflow_bus.urls import Options, parse_options, split_url
from llmflow_core.tls import lenient

#: Room for a record's key, headers and framing beside its value; with the default value limit it makes 1 MiB.
OVERHEAD_BYTES = 48_576

_CLIENT_ID = "llmflow"
#: How soon every client sees a partition or a topic that somebody has added.
_METADATA_SECONDS = 30


class KafkaOptions(Options):
    """What a `kafka:` URL says."""

    servers: list[str] = Field(min_length=1)
    user: str | None = None
    password: SecretStr | None = None
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    ca_file: Path | None = None
    partitions: int = Field(6, ge=1)
    replication: int = Field(-1, ge=-1)
    compression: Literal["zstd", "lz4", "gzip", "none"] = "zstd"
    linger_ms: int = Field(5, ge=0)
    max_message_bytes: int = Field(1_000_000, ge=1024)
    buffer_bytes: int = Field(64 * 2**20, ge=1024)
    timeout: float = Field(10.0, gt=0)
    session_timeout: float = Field(10.0, gt=0)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Raises ConfigError that names everything that is wrong, but never a password."""
        parts = split_url(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        rest: dict[str, Any] = {"servers": [host for host in hosts.split(",") if host]}
        if credentials:
            user, _, password = credentials.partition(":")
            rest |= {"user": unquote(user), "password": unquote(password)}
            if "security=" not in parts.query:
                rest["security"] = "SASL_PLAINTEXT"
        return parse_options(cls, parts.query, **rest)

    @field_validator("servers")
    @classmethod
    def _check_servers(cls, servers: list[str]) -> list[str]:
        for server in servers:
            # An IPv6 address without brackets has colons, but no port.
            if server.startswith("[") or server.count(":") == 1:
                try:
                    valid = urlsplit(f"//{server}").port != 0 and not server.endswith(":")
                except ValueError:
                    valid = False
                if not valid:
                    # It is not repeated: behind a wrong character in a password, this is the password's beginning.
                    raise ValueError("a server is host:port, with a port from 1 to 65535")
        return servers

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        if self.security.startswith("SASL") != (self.user is not None):
            raise ValueError("security is SASL_… exactly when the URL has a user and a password")
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ValueError(f"ca_file: no such file: {self.ca_file}")
        return self

    def connection(self) -> dict[str, Any]:
        """Keyword arguments with which every aiokafka client connects."""
        encrypted = self.security in ("SSL", "SASL_SSL")
        return {
            "bootstrap_servers": self.servers,
            "client_id": _CLIENT_ID,
            "request_timeout_ms": int(self.timeout * 1000),
            "metadata_max_age_ms": _METADATA_SECONDS * 1000,
            "security_protocol": self.security,
            "ssl_context": lenient(ssl.create_default_context(cafile=self.ca_file)) if encrypted else None,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password.get_secret_value() if self.password else None,
        }
