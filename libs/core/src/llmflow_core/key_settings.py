"""The settings of services that check API keys by a snapshot from the query API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, ValidationInfo, field_validator

from llmflow_core.config import Settings

#: What every service says of the secret that they share.
TOKEN_DESCRIPTION = "Secret that the services ask the query API for the API keys with; the same for all of them."  # noqa: S105
TOKEN_EXAMPLES = ["64-random-hexadecimal-digits-or-any-32-characters"]
TOKEN_MIN_LENGTH = 32


def _goes_with_the_url(token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    if token is None and info.data.get("keys_url") is not None:
        raise ValueError("needed where LLMFLOW_KEYS_URL is set")
    return token


#: The secret for a query API that the setting `keys_url`, which stands before it, may name.
KeysToken = Annotated[SecretStr | None, AfterValidator(_goes_with_the_url)]


class KeySettings(Settings):
    """Base of the settings of a service that checks API keys; without `keys_url` it knows none."""

    keys_url: HttpUrl | None = Field(
        None,
        description="The query API, which the API keys are fetched from. Without it, there are no API keys here.",
        examples=["http://query-api:3000"],
    )
    keys_token: KeysToken = Field(
        None,
        min_length=TOKEN_MIN_LENGTH,
        validate_default=True,
        description=TOKEN_DESCRIPTION,
        examples=TOKEN_EXAMPLES,
    )
    keys_required: bool = Field(
        False,
        validate_default=True,
        description="Refuse whoever sends no API key. Otherwise a key decides the project, and is not needed.",
        examples=[1],
    )
    keys_refresh_seconds: float = Field(
        5,
        ge=0.1,
        le=3600,
        description="How often the keys are fetched; a revoked key may be accepted for this long.",
        examples=[5],
    )
    keys_file: Path | None = Field(
        None,
        description="File that keeps the keys' digests, so that a restart while the query API is away finds them.",
        examples=["/var/lib/llmflow/keys.json"],
    )

    @field_validator("keys_required")
    @classmethod
    def _can_be_met(cls, required: bool, info: ValidationInfo) -> bool:
        if required and info.data.get("keys_url") is None:
            raise ValueError("no API key could be known without LLMFLOW_KEYS_URL")
        return required
