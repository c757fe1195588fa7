"""The settings of the migration job."""

from __future__ import annotations

from pydantic import Field

from llmflow_core.config import Settings


class MigrateSettings(Settings):
    """Which database to migrate, and how its tables are cut where TimescaleDB is there."""

    database_url: str = Field(
        "postgresql://llmflow:llmflow@localhost:5432/llmflow",
        description="The database, as a libpq URL; its role must own the database or its schema `public`.",
        examples=["postgresql://llmflow:llmflow@timescaledb:5432/llmflow"],
    )
    chunk_hours: int = Field(
        24, ge=1, description="Hours that a new chunk of TimescaleDB's hypertables spans.", examples=[24]
    )
    compress_after_days: int = Field(
        0,
        ge=0,
        description="Age in days at which chunks are compressed, where TimescaleDB's licence allows that (the Apache"
        " build's does not); 0 compresses none.",
        examples=[7],
    )
    verbose: bool = Field(False, validation_alias="VERBOSE", description="Log debug lines.", examples=[1])
