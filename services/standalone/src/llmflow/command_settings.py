"""The settings of the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, field_validator

from llmflow.instance import expanded
from llmflow_core.config import Settings

#: Where LLMFlow is when nobody says otherwise.
HERE = "http://localhost:3000"


class CommandSettings(Settings):
    """Where LLMFlow is, and who asks. Secrets are never options: others on the machine could read those."""

    api_url: HttpUrl | None = Field(
        None,
        description=f"Address of LLMFlow. Without it, the one that runs on this machine, else {HERE}.",
        examples=["https://llmflow.example.com"],
    )
    api_key: SecretStr | None = Field(
        None,
        description="API key to read and change one project with. Without it, commands log in as a user.",
        examples=["lf-sk-..."],
    )
    auth_username: str = Field(
        "llmflow", validation_alias="AUTH_USERNAME", description="Name to log in with.", examples=["llmflow"]
    )
    auth_password: SecretStr = Field(
        SecretStr("password"),
        validation_alias="AUTH_PASSWORD",
        description="Password to log in with.",
        examples=["a-long-random-text"],
    )
    data_dir: Annotated[Path, AfterValidator(expanded)] | None = Field(
        None,
        description="Data folder of the LLMFlow that runs on this machine; without it, that of `llmflow up`.",
        examples=["/var/lib/llmflow"],
    )
    bus_url: str | None = Field(
        None,
        description="The message log, for `llmflow dead-letters`. Without it, that of the LLMFlow on this machine.",
        examples=["kafka://kafka-0:9092,kafka-1:9092"],
    )
    database_url: str | None = Field(
        None,
        description="The database, for `llmflow retention apply`. Without it, that of the LLMFlow on this machine.",
        examples=["postgresql://llmflow:llmflow@timescaledb:5432/llmflow"],
    )

    @field_validator("api_url")
    @classmethod
    def _says_nobody(cls, url: HttpUrl | None) -> HttpUrl | None:
        if url is not None and (url.username or url.password):
            raise ValueError("must not say who asks: AUTH_USERNAME and AUTH_PASSWORD do, or LLMFLOW_API_KEY")
        return url
