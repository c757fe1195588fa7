"""What LLMFlow asks of its database. One asyncpg adapter keeps these promises on TimescaleDB and on plain PostgreSQL;
one contract suite runs against both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from llmflow_core.spans import Span


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a write did: `inserted` spans were new, `duplicates` were already there (or twice in the call)."""

    inserted: int
    duplicates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummary:
    """One row of the trace list, kept up to date by every write.

    `name`, `service`, `kind of root`: of the root span if it has arrived, else of the earliest span (`has_root` tells).
    Times in Unix nanoseconds. Sums are over all spans of the trace; `cost` is None when no span had one, and
    `unpriced_count` counts the generations and embeddings with tokens and no cost.
    """

    project: str
    trace_id: bytes
    name: str
    service: str
    has_root: bool
    start_time_ns: int
    end_time_ns: int
    span_count: int
    error_count: int
    generation_count: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    unpriced_count: int
    models: Sequence[str]
    user_id: str | None
    session_id: str | None
    tags: Sequence[str]
    environment: str | None
    input_preview: str | None = None
    output_preview: str | None = None


@dataclass(frozen=True, slots=True)
class TraceCursor:
    """The position after a trace in the list's order: newest start first, then trace id."""

    start_time_ns: int
    trace_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuery:
    """Which traces, newest first. Every condition given must hold; times bound the start (from ≤ start < to)."""

    project: str
    limit: int = 50
    after: TraceCursor | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    model: str | None = None
    service: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    errors_only: bool = False


@dataclass(frozen=True, slots=True)
class TracePage:
    """Some traces, and where the next page begins; `next` is None on the last one."""

    traces: Sequence[TraceSummary]
    next: TraceCursor | None


@dataclass(frozen=True, slots=True)
class Trace:
    """One whole trace. `spans` are in order of start time and hold no content."""

    summary: TraceSummary
    spans: Sequence[Span] = field(default_factory=list)


class Store(Protocol):
    """The spans of all projects. Methods raise Retryable while the database is away or overloaded."""

    async def write_spans(self, spans: Sequence[Span]) -> WriteResult:
        """Store `spans`, their content, trace summaries and rollups in one transaction; return once it is durable.

        Idempotent: a span whose key (`Span.key`) is stored already changes nothing, rollups and summaries included.
        Safe to call from several processes at once. Raises Permanent for a span that the database can never hold;
        then nothing of the call was stored.
        """
        ...

    async def list_traces(self, query: TraceQuery) -> TracePage:
        """One page of trace summaries. While data arrives no trace is skipped, and one is repeated only if a late span
        moved its start further back meanwhile."""
        ...

    async def get_trace(self, project: str, trace_id: bytes) -> Trace | None:
        """A trace with all its spans, without their content; None if no span of it is stored."""
        ...

    async def get_span(self, project: str, trace_id: bytes, span_id: bytes) -> Span | None:
        """One span with its content; None if it is not stored."""
        ...

    async def list_projects(self) -> Sequence[str]:
        """The names of all projects that exist, `default` first, then by name."""
        ...

    async def delete_project(self, project: str) -> int:
        """Delete everything of a project, summaries and rollups included; return how many spans there were."""
        ...

    async def secret(self, name: str) -> bytes:
        """32 random bytes kept under `name`, made on first use; the same for every process that asks."""
        ...

    async def healthy(self) -> bool:
        """Whether the database answers within two seconds and its schema is the one this code needs. Never raises."""
        ...

    async def close(self) -> None:
        """Give back every connection. Idempotent."""
        ...
