"""The settings of the writer."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from llmflow_store.retention_settings import RetentionSettings


class WriterSettings(RetentionSettings):
    """Where spans, logs and metrics come from, where they go, in what portions, and for how long they stay."""

    bus_url: str = Field(
        "kafka://localhost:9092",
        description="The message log to read from.",
        examples=["kafka://kafka-0:9092,kafka-1:9092", "embedded:///var/lib/llmflow/log"],
    )
    database_url: str = Field(
        "postgresql://llmflow:llmflow@localhost:5432/llmflow",
        description="The database to write to, as a libpq URL.",
        examples=["postgresql://llmflow:llmflow@timescaledb:5432/llmflow"],
    )
    writer_batch_spans: int = Field(
        5000,
        ge=1,
        description="Spans, log records or metric points written in one transaction when there are as many; the record"
        " that reaches this number is written whole.",
        examples=[2000],
    )
    writer_retry_min: float = Field(
        0.1, gt=0, description="Pause before the first retry, in seconds; it doubles with each.", examples=[0.1]
    )
    writer_retry_max: float = Field(10.0, gt=0, description="Longest pause between retries, in seconds.", examples=[10])
    prices_file: Path | None = Field(
        None,
        description="YAML file with prices of your own, which come before those of the price data; read again when it"
        " changes.",
        examples=["/etc/llmflow/prices.yaml"],
    )
    prices_reload_seconds: float = Field(
        10.0, gt=0, description="How often own prices are read again, in seconds.", examples=[10]
    )
    host: str = Field("0.0.0.0", description="Address of the health port.", examples=["127.0.0.1"])  # noqa: S104
    health_port: int = Field(
        9101, ge=0, le=65535, description="Port of /healthz, /readyz and /metrics; 0 turns it off.", examples=[9101]
    )
    verbose: bool = Field(False, validation_alias="VERBOSE", description="Log debug lines.", examples=[1])
