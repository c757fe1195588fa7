"""The settings of the exporter."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator

from llmflow_core.config import Settings, variable_of
from llmflow_core.destinations.destination import Destination, parse_headers, traces_url
from llmflow_core.errors import ConfigError
from llmflow_core.key_settings import TOKEN_EXAMPLES, TOKEN_MIN_LENGTH, KeysToken

#: What the destination of OTLP_EXPORT_ENDPOINT is called.
_DEFAULT = "default"


class ExporterSettings(Settings):
    """Where spans go, and how patiently."""

    bus_url: str = Field(
        "kafka://localhost:9092",
        description="The message log that spans are read from.",
        examples=["kafka://kafka-0:9092,kafka-1:9092", "embedded:///var/lib/llmflow/log"],
    )
    otlp_export_enabled: bool = Field(
        False,
        validation_alias="OTLP_EXPORT_ENABLED",
        description="Forward spans to OTLP_EXPORT_ENDPOINT.",
        examples=["true"],
    )
    otlp_export_endpoint: str | None = Field(
        None,
        validation_alias="OTLP_EXPORT_ENDPOINT",
        description="OTLP/HTTP endpoint, with or without /v1/traces.",
        examples=["http://localhost:4318/v1/traces"],
    )
    otlp_export_headers: SecretStr = Field(
        SecretStr(""),
        validation_alias="OTLP_EXPORT_HEADERS",
        description="Headers of every request, as OpenTelemetry writes them: key=value,key2=value2, percent-encoded.",
        examples=["authorization=Basic%20cGs6c2s="],
    )
    export_file: Path | None = Field(
        None,
        description="YAML file with the destinations that spans are forwarded to; read again when it changes.",
        examples=["/etc/llmflow/destinations.yaml"],
    )
    export_reload_seconds: float = Field(
        5.0, gt=0, description="How often the file, and what it refers to, is looked at for changes.", examples=[5]
    )
    keys_url: HttpUrl | None = Field(
        None,
        description="The query API, which the destinations that were added there are fetched from, and which is told"
        " how all of them are doing. Without it, there are only those of the file and OTLP_EXPORT_ENDPOINT.",
        examples=["http://query-api:3000"],
    )
    keys_token: KeysToken = Field(
        None,
        min_length=TOKEN_MIN_LENGTH,
        validate_default=True,
        description="The secret that the services ask the query API with; the same for all of them.",
        examples=TOKEN_EXAMPLES,
    )
    secret_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Opens the secrets of destinations that were added over the API; that of the query API.",
        examples=["a-long-random-text"],
    )
    old_secret_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="What LLMFLOW_SECRET_KEY was before, while it is being changed; that of the query API.",
        examples=["a-long-random-text"],
    )
    export_refresh_seconds: float = Field(
        2.0, gt=0, description="How often the query API is asked for destinations and told of them.", examples=[2]
    )
    export_timeout: float = Field(
        10.0, gt=0, description="How long a destination may take to answer, in seconds.", examples=[10]
    )
    export_batch_bytes: int = Field(
        1_000_000,
        ge=1,
        description="Records are sent together up to this many bytes before compression; a larger one goes alone.",
        examples=[1_000_000],
    )
    export_batch_seconds: float = Field(
        0.2, ge=0, description="How long records wait for others to be sent with, in seconds.", examples=[0.2]
    )
    export_retry_min: float = Field(
        1.0, gt=0, description="Pause before the first retry, in seconds; it doubles with each.", examples=[1]
    )
    export_retry_max: float = Field(
        60.0, gt=0, description="Longest pause between retries unless the destination asks for more.", examples=[60]
    )
    host: str = Field("0.0.0.0", description="Address of the health port.", examples=["127.0.0.1"])  # noqa: S104
    health_port: int = Field(
        9102, ge=0, le=65535, description="Port of /healthz, /readyz and /metrics; 0 turns it off.", examples=[9102]
    )
    verbose: bool = Field(False, validation_alias="VERBOSE", description="Log debug lines.", examples=[1])

    @field_validator("otlp_export_endpoint")
    @classmethod
    def _endpoint_is_a_url(cls, endpoint: str | None) -> str | None:
        if endpoint is not None:
            traces_url(endpoint)
        return endpoint

    @field_validator("otlp_export_headers")
    @classmethod
    def _headers_are_pairs(cls, headers: SecretStr) -> SecretStr:
        parse_headers(headers.get_secret_value())
        return headers

    @model_validator(mode="after")
    def _enabled_needs_an_endpoint(self) -> Self:
        if self.otlp_export_enabled and self.otlp_export_endpoint is None:
            raise ValueError(
                "OTLP_EXPORT_ENABLED needs OTLP_EXPORT_ENDPOINT (for example http://localhost:4318/v1/traces)"
            )
        return self

    def destinations(self) -> list[Destination]:
        """Everything that spans are forwarded to, as the environment and the file say now.

        Raises ConfigError that names all that is wrong with the file.
        """
        found = []
        if self.otlp_export_enabled and self.otlp_export_endpoint is not None:
            headers = parse_headers(self.otlp_export_headers.get_secret_value())
            url = traces_url(self.otlp_export_endpoint)
            found.append(Destination(name=_DEFAULT, url=url, headers=headers, origin="environment"))
        if self.export_file is not None:
            from llmflow_exporter.destination_file import destinations_of

            variable = variable_of(type(self), "export_file")
            listed = destinations_of(self.export_file, variable=variable)
            if found and any(destination.name == _DEFAULT for destination in listed):
                raise ConfigError([f"{variable}: the name {_DEFAULT} is that of OTLP_EXPORT_ENDPOINT"])
            found += listed
        return found
