"""The settings of the receiver."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from llmflow_core.config import Settings


def _comma_separated(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class IngestSettings(Settings):
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
    ingest_max_body: int = Field(
        20_000_000,
        ge=1,
        description="The largest request accepted, in bytes, compressed and decompressed alike.",
        examples=[20_000_000],
    )
    ingest_cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)] = Field(
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
