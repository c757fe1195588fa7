"""One destination as people write it, in the YAML file or over the API: its fields and which of them go together."""

from __future__ import annotations

import base64
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from llmflow_core.destinations.destination import Compression, Content
from llmflow_core.destinations.presets import Dialect, Protocol
from llmflow_core.filters import FilterError, parse_filter

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"


def basic_auth(username: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


class _Part(BaseModel):
    # An account's number is a text, however YAML takes it.
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Basic(_Part):
    """A user and a password."""

    username: str
    password: str


class Header(_Part):
    """One header that holds a key."""

    name: str
    value: str


class Signature(_Part):
    """AWS Signature Version 4."""

    region: str
    service: str = "xray"


class Auth(_Part):
    """How requests say who sends them: one of these."""

    bearer: str | None = None
    basic: Basic | None = None
    header: Header | None = None
    sigv4: Signature | None = None

    @model_validator(mode="after")
    def _one(self) -> Auth:
        if len(self.model_fields_set) != 1:
            raise ValueError("must be one of bearer, basic, header and sigv4")
        return self

    def headers(self) -> dict[str, str]:
        """The header that it comes down to, if any."""
        if self.bearer is not None:
            return {"authorization": f"Bearer {self.bearer}"}
        if self.basic is not None:
            return {"authorization": basic_auth(self.basic.username, self.basic.password)}
        return {self.header.name: self.header.value} if self.header else {}


class TlsFiles(_Part):
    """As `llmflow_core.destinations.destination.Tls`."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    insecure: bool = False

    @model_validator(mode="after")
    def _go_together(self) -> TlsFiles:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        return self


class Filters(_Part):
    """Which spans go there; `query` is in the language of `llmflow_core.filters`."""

    projects: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    llm_only: bool = False
    errors_only: bool = False
    query: str = ""

    @field_validator("query")
    @classmethod
    def _is_a_filter(cls, query: str) -> str:
        try:
            parse_filter(query)
        except FilterError as error:
            raise ValueError(str(error)) from None
        return query


class Entry(_Part):
    """One destination."""

    name: str = Field(pattern=NAME_PATTERN)
    preset: str | None = None
    options: dict[str, str] = {}
    endpoint: str | None = None
    protocol: Protocol | None = None
    headers: dict[str, str] = {}
    auth: Auth | None = None
    tls: TlsFiles = TlsFiles()
    compression: Compression = "gzip"
    dialect: Dialect | None = None
    filter: Filters = Filters()
    sampling: float = Field(1.0, ge=0, le=1)
    content: Content = "full"
    start: Literal["latest", "earliest"] = "earliest"
    paused: bool = False
    concurrency: int = Field(1, ge=1, le=16)
    timeout: float | None = Field(None, gt=0)
    batch_bytes: int | None = Field(None, ge=1)
    batch_seconds: float | None = Field(None, ge=0, le=60)
