"""How long data is kept, by project and kind: the port, a part of `Store`, and the arithmetic of days.

Time is cut at midnight UTC: what is kept for N days stays for at least N days and at most one more (or one chunk of
TimescaleDB more, where chunks are longer than a day).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Protocol

from llmflow_store.administration import Actor
from llmflow_store.versions import UNCONDITIONAL, Precondition, version_of

#: Days that stand for ever.
FOR_EVER = 0
MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionDays:
    """For how many days each kind is kept; 0 is for ever.

    `spans` are spans with their traces and scores, `content` is what they said (it never outlives its spans, so the
    shorter of both counts), `rollups` are the sums that charts are drawn from.
    """

    spans: int
    content: int
    rollups: int
    logs: int
    metrics: int

    def with_override(self, override: RetentionOverride) -> RetentionDays:
        """These days, where `override` says nothing else."""
        wanted = {kind: getattr(override, kind) for kind in KINDS}
        own = {kind: getattr(self, kind) if days is None else days for kind, days in wanted.items()}
        return RetentionDays(**{**own, "content": shorter(own["content"], own["spans"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionOverride:
    """What a project wants otherwise than all others; None is as all others."""

    spans: int | None = None
    content: int | None = None
    rollups: int | None = None
    logs: int | None = None
    metrics: int | None = None


#: What has a time of its own.
KINDS = tuple(each.name for each in fields(RetentionOverride))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRetention:
    """What a project wants, and the days that hold for it; `days` is None before the retention worker ran first."""

    override: RetentionOverride
    days: RetentionDays | None
    applied_at: datetime | None

    @property
    def version(self) -> str:
        """Of what an edit replaces; see `versions`."""
        return version_of(asdict(self.override))


@dataclass(slots=True, kw_only=True)
class RetentionReport:
    """What one application removed, or would have: rows by table, and whole chunks by table. Rows that left with their
    chunk are not counted. `database_bytes` is the database's size afterwards."""

    rows: dict[str, int] = field(default_factory=dict)
    chunks: dict[str, int] = field(default_factory=dict)
    database_bytes: int = 0

    def __str__(self) -> str:
        rows = (f"{count} rows of {table}" for table, count in self.rows.items())
        chunks = (f"{count} chunks of {table}" for table, count in self.chunks.items())
        return ", ".join((*chunks, *rows)) or "nothing"

    def add_rows(self, table: str, count: int) -> None:
        """Count rows of `table`."""
        if count:
            self.rows[table] = self.rows.get(table, 0) + count

    def add_chunk(self, table: str) -> None:
        """Count one chunk of `table`."""
        self.chunks[table] = self.chunks.get(table, 0) + 1


def shorter(days: int, other: int) -> int:
    """The shorter of two times, where 0 is the longest."""
    return min(days, other) if days and other else days or other


def cutoff(days: int, now: datetime) -> datetime | None:
    """The time before which nothing is kept: a midnight UTC. None when everything is."""
    if days == FOR_EVER:
        return None
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days)


class Retention(Protocol):
    """Methods raise Retryable while the database is away or overloaded."""

    async def get_retention(self, project: str) -> ProjectRetention | None:
        """What holds for a project; None if there is no such project."""
        ...

    async def set_retention(
        self, project: str, override: RetentionOverride, *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> ProjectRetention | None:
        """Change what a project wants, with a line in the audit log; None if there is no such project. Raises Changed,
        and changes nothing, where `only_if` does not hold of what it wanted.

        It takes effect when retention is applied next.
        """
        ...

    async def applied_retention(self) -> RetentionDays | None:
        """The `defaults` of the last application; None before the first."""
        ...

    async def apply_retention(
        self,
        defaults: RetentionDays,
        *,
        audit_days: int = FOR_EVER,
        max_bytes: int | None = None,
        dry_run: bool = False,
    ) -> RetentionReport | None:
        """Remove what is past its time, then the oldest days until the database is smaller than `max_bytes`; return
        what was removed. None when another process is at it. `audit_days` is for the audit log of all projects.

        A trace goes as a whole, with its summary and scores, once the time is past at which it ended. Writers are
        never kept waiting for longer than a moment. With `dry_run` nothing is removed and the report says what would
        be by time. May be broken off at any point by cancelling it; the next call goes on.
        """
        ...
