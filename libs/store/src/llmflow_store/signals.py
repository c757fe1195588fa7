"""Logs, metrics and the AI command-line tools that send them: the port, a part of `Store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Protocol

from llmflow_core.logs import LogRecord
from llmflow_core.metrics import MetricPoint
from llmflow_store.results import WriteResult


@dataclass(frozen=True, slots=True)
class LogCursor:
    """The position after a record in the list's order: newest first, then id."""

    time_ns: int
    id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which records, newest first. Every condition given must hold; times bound the record's (from ≤ time < to).

    `min_severity` is OTLP's number. `text` is looked for in body and attributes, whatever its case; that reads every
    record that the other conditions leave.
    """

    project: str
    limit: int = 50
    after: LogCursor | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    service: str | None = None
    min_severity: int | None = None
    event_name: str | None = None
    coding_tool: str | None = None
    session_id: str | None = None
    trace_id: bytes | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some records, and where the next page begins; `next` is None on the last one."""

    logs: Sequence[LogRecord]
    next: LogCursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInfo:
    """One metric: a name, its unit and type, how many series it has and which attributes they differ by."""

    name: str
    description: str
    unit: str
    type: str
    temporality: str
    series_count: int
    services: Sequence[str]
    attributes: Sequence[str]


class MetricFunction(StrEnum):
    """What to make of a metric's points in a bucket of time.

    `sum`: how much was counted (of a histogram, the sum of what was measured); of a gauge, the last values of its
    series added up. `rate`: that sum a second. `avg`: the mean of what was measured; of a counter, of its points.
    `last`: the last value of each series, added up. `count`: how many measurements; of a gauge or counter, points.
    """

    SUM = "sum"
    RATE = "rate"
    AVG = "avg"
    LAST = "last"
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricQuery:
    """A metric over time: from ≤ time < to in buckets of `interval`, aligned to the epoch, one line a value of the
    attribute `by`. `attributes` must all have these values; both look at a point's attributes, then its resource's.

    What a cumulative counter gained is the difference of neighbouring points. A first point counts whole if its series
    began within the range or the hour before it, and a point after a reset counts whole.
    """

    project: str
    name: str
    function: MetricFunction
    from_time: datetime
    to_time: datetime
    interval: timedelta
    by: str | None = None
    service: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One line: the value of the attribute asked for (None for series without it), and (start of bucket in Unix
    nanoseconds, value) in order of time; buckets without points are left out."""

    label: str | None
    points: Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingUsage:
    """What was done with an AI command-line tool, counted from its log events or, where it sends none, told by its
    metrics; what these do not tell is 0 then.

    `requests` are finished calls of a model; tokens follow the span's rule. `cost` is in US dollars, None when no call
    had one, and `unpriced_count` counts the calls without one.
    """

    prompts: int
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost: Decimal | None
    unpriced_count: int
    tool_calls: int
    failed_tool_calls: int
    accepted: int
    rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingWork:
    """What came of the use of a tool, as only its metrics tell; None where they do not."""

    lines_added: int | None = None
    lines_removed: int | None = None
    commits: int | None = None
    pull_requests: int | None = None
    active_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingToolSummary:
    """One tool in a range of time; `source` says what its sessions, users and usage were counted from."""

    tool: str
    source: Literal["events", "metrics"]
    sessions: int
    users: int
    last_time_ns: int
    usage: CodingUsage
    work: CodingWork


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingSession:
    """One session of one tool, and the traces that carry the same session id.

    `usage` counts log events only, `span_cost` is what the session's traces cost: both may be about the same calls, so
    they are never added up. Trace counts and costs are of whole traces.
    """

    tool: str
    session_id: str
    user_id: str | None
    models: Sequence[str]
    first_time_ns: int
    last_time_ns: int
    usage: CodingUsage
    trace_count: int
    span_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class CodingSessionCursor:
    """The position after a session in the list's order: newest event first, then session id."""

    last_time_ns: int
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingSessionQuery:
    """Which sessions, the one with the newest event first; times bound the events that are counted (from ≤ t < to)."""

    project: str
    limit: int = 50
    after: CodingSessionCursor | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    tool: str | None = None
    user_id: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class CodingSessionPage:
    """Some sessions, and where the next page begins; `next` is None on the last one."""

    sessions: Sequence[CodingSession]
    next: CodingSessionCursor | None


class Signals(Protocol):
    """Logs and metrics of all projects. Methods raise Retryable while the database is away or overloaded."""

    async def write_logs(self, logs: Sequence[LogRecord]) -> WriteResult:
        """Store `logs` in one transaction; return once it is durable.

        Idempotent: a record whose key (`LogRecord.key`) is stored already changes nothing. Safe to call from several
        processes at once. Raises Permanent for a record that the database can never hold; then nothing was stored.
        """
        ...

    async def list_logs(self, query: LogQuery) -> LogPage:
        """One page of records. While records arrive none is repeated."""
        ...

    async def write_metrics(self, points: Sequence[MetricPoint]) -> WriteResult:
        """Store `points` and their series; the same promises as `write_logs`, by `MetricPoint.key`."""
        ...

    async def list_metrics(self, project: str, *, since: datetime | None = None) -> Sequence[MetricInfo]:
        """Every metric that had points since then (give or take an hour), by name."""
        ...

    async def query_metric(self, query: MetricQuery) -> Sequence[MetricLine]:
        """The lines of a metric, by label; none when there are no points."""
        ...

    async def coding_tools(
        self, project: str, *, from_time: datetime | None = None, to_time: datetime | None = None
    ) -> Sequence[CodingToolSummary]:
        """The AI command-line tools with events or metrics in that time, by name.

        A tool states the same use in both: its metrics count only where it has no events.
        """
        ...

    async def coding_sessions(self, query: CodingSessionQuery) -> CodingSessionPage:
        """One page of sessions."""
        ...
