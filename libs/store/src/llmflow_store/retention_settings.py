"""The settings of retention, for every program that applies it."""

from __future__ import annotations

from pydantic import ByteSize, Field

from llmflow_core.config import Settings
from llmflow_store.retention import MOST_DAYS, RetentionDays

#: Smaller is a forgotten unit, and would cost every day but today. An empty database has a tenth of it.
_SMALLEST_DATABASE = 100_000_000


class RetentionSettings(Settings):
    """For how many days data is kept where its project does not say otherwise, and how large the database may be."""

    retention_days: int = Field(
        30,
        ge=0,
        le=MOST_DAYS,
        validation_alias="RETENTION_DAYS",
        description="Days that spans, traces and scores are kept, and all that has no setting of its own; 0 keeps them"
        " for ever. Projects may have times of their own.",
        examples=[90],
    )
    retention_content_days: int | None = Field(
        None,
        ge=0,
        le=MOST_DAYS,
        description="Days that prompts, completions and tool arguments are kept; never longer than their spans.",
        examples=[7],
    )
    retention_rollup_days: int | None = Field(
        None, ge=0, le=MOST_DAYS, description="Days that the sums behind charts are kept.", examples=[365]
    )
    retention_logs_days: int | None = Field(
        None, ge=0, le=MOST_DAYS, description="Days that log records are kept.", examples=[14]
    )
    retention_metrics_days: int | None = Field(
        None, ge=0, le=MOST_DAYS, description="Days that metrics are kept.", examples=[14]
    )
    retention_audit_days: int = Field(
        0,
        ge=0,
        le=MOST_DAYS,
        description="Days that the audit log is kept; 0 keeps it for ever, as it has few lines.",
        examples=[365],
    )
    max_database_size: ByteSize | None = Field(
        None,
        ge=_SMALLEST_DATABASE,
        description="Size below which the database is kept: the oldest days go first, of content before all else,"
        " whatever the days say. Without it, there is no limit; with `llmflow up`, it is 10GB.",
        examples=["5GB"],
    )

    @property
    def days(self) -> RetentionDays:
        """The days of every kind."""
        own = {
            "content": self.retention_content_days,
            "rollups": self.retention_rollup_days,
            "logs": self.retention_logs_days,
            "metrics": self.retention_metrics_days,
        }
        days = {kind: self.retention_days if days is None else days for kind, days in own.items()}
        return RetentionDays(spans=self.retention_days, **days)
