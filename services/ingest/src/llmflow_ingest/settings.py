"""The settings of the receiver."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from llmflow_core.config import comma_separated
from llmflow_core.key_settings import KeySettings


class IngestSettings(KeySettings):
    """What the receiver listens on, what it accepts and where it writes."""

    bus_url: str = Field(
        "kafka://localhost:9092",
        description="The message log that accepted requests go to.",
        examples=["kafka://kafka-0:9092,kafka-1:9092", "embedded:///var/lib/llmflow/log"],
    )
    host: str = Field("0.0.0.0", description="Address to listen on.", examples=["127.0.0.1"])  # noqa: S104
    ingest_http_port: int = Field(4318, ge=1, le=65535, description="Port of OTLP/HTTP.", examples=[4318])
    ingest_grpc_port: int = Field(
        4317, ge=0, le=65535, description="Port of OTLP/gRPC; 0 turns it off.", examples=[4317]
    )
    ingest_zipkin_port: int = Field(
        9411,
        ge=0,
        le=65535,
        description="Second port of HTTP, where Zipkin's clients send; 0 turns it off.",
        examples=[9411],
    )
    ingest_max_body: int = Field(
        20_000_000,
        ge=1,
        description="The largest request accepted, in bytes, compressed and decompressed alike.",
        examples=[20_000_000],
    )
    ingest_max_in_flight: int = Field(
        200_000_000,
        ge=1,
        validate_default=True,
        description="Bytes that all requests of a process may hold together until the log has them; beyond it, clients "
        "are told to come again. Messages that are arriving over gRPC may hold as much again.",
        examples=[200_000_000],
    )
    ingest_body_timeout: float = Field(
        60,
        gt=0,
        description="Seconds that a request's body may take to arrive; over gRPC only 5 while others wait to be read.",
        examples=[60],
    )
    ingest_cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(comma_separated)] = Field(
        (),
        description="Origins whose pages may send spans from the browser, comma-separated; * allows all.",
        examples=["https://app.example.com,https://admin.example.com"],
    )
    workers: int = Field(
        1,
        ge=0,
        description="Processes that serve; 0 serves in the started process, without a supervisor.",
        examples=[2],
    )
    verbose: bool = Field(False, validation_alias="VERBOSE", description="Log debug lines.", examples=[1])

    @field_validator("ingest_max_in_flight")
    @classmethod
    def _holds_one_request(cls, value: int, info: ValidationInfo) -> int:
        # A compressed request is held in both forms for a moment.
        if value < 2 * info.data.get("ingest_max_body", 0):
            raise ValueError("must be at least twice LLMFLOW_INGEST_MAX_BODY")
        return value
