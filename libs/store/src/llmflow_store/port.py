"""What LLMFlow asks of its database. One asyncpg adapter keeps these promises on TimescaleDB and on plain PostgreSQL;
one contract suite runs against both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol

from llmflow_core.filters import Filter
from llmflow_core.spans import Span
from llmflow_store.administration import Administration
from llmflow_store.alerts import Alerts
from llmflow_store.analytics import AnalyticsQuery, AnalyticsResult, Facets
from llmflow_store.destinations import Destinations
from llmflow_store.directory import Directory
from llmflow_store.exports import Exports
from llmflow_store.live import Live
from llmflow_store.prices import OwnPrices
from llmflow_store.results import WriteResult
from llmflow_store.retention import Retention
from llmflow_store.scores import Scores
from llmflow_store.sessions import Sessions
from llmflow_store.signals import Signals
from llmflow_store.topology import Topology
from llmflow_store.usage import Totals
from llmflow_store.views import SavedViews


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


#: What lists of traces and spans can be ordered by: start, nanoseconds, US dollars, input and output tokens.
OrderedBy = Literal["time", "duration", "cost", "tokens"]


@dataclass(frozen=True, slots=True)
class TraceCursor:
    """The position after a trace in a list: by start and trace id, and in another order than that by `value` first,
    which is None after a trace that has nothing to be ordered by."""

    start_time_ns: int
    trace_id: bytes
    value: int | Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuery:
    """Which traces, newest first unless another order is asked for. Every condition given must hold; times bound the
    start (from ≤ start < to). In another order than that of time, what has no such value or zero comes last, newest
    first; equal values are told apart by start and trace id. `after` is a cursor of a page in the same order."""

    project: str
    limit: int = 50
    order: OrderedBy = "time"
    ascending: bool = False
    after: TraceCursor | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    model: str | None = None
    service: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    errors_only: bool = False
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class SpanCursor:
    """The position after a span in a list, like a TraceCursor: by start, span id and trace id."""

    start_time_ns: int
    span_id: bytes
    trace_id: bytes
    value: int | Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanQuery:
    """Which spans, in the orders of a TraceQuery. Every condition given must hold; times bound the start (from ≤ start
    < to)."""

    project: str
    limit: int = 50
    order: OrderedBy = "time"
    ascending: bool = False
    after: SpanCursor | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class SpanPage:
    """Some spans without content but with previews, and where the next page begins; None on the last one."""

    spans: Sequence[Span]
    next: SpanCursor | None


@dataclass(frozen=True, slots=True)
class SearchBacklog:
    """What full-text search does not find yet: how many contents, and since when the oldest waits, in seconds."""

    waiting: int
    oldest_seconds: float


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


class SpanOutline(NamedTuple):
    """What a trace's tree and waterfall show of one span; `Span` says what the fields are."""

    start_time_ns: int
    span_id: bytes
    parent_span_id: bytes | None
    name: str
    kind: int
    observation_type: str
    service: str
    duration_ns: int
    status: str
    status_message: str
    provider: str | None
    model: str | None
    response_model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: Decimal | None
    time_to_first_token_ns: int | None
    error_type: str | None


@dataclass(frozen=True, slots=True)
class TraceOutline:
    """One whole trace, its spans in order of start time."""

    summary: TraceSummary
    spans: Sequence[SpanOutline]


class Store(
    Administration,
    Signals,
    Scores,
    Sessions,
    Directory,
    Live,
    Exports,
    Destinations,
    OwnPrices,
    Topology,
    Totals,
    Retention,
    Alerts,
    SavedViews,
    Protocol,
):
    """All that LLMFlow stores. Methods raise Retryable while the database is away or overloaded."""

    async def write_spans(self, spans: Sequence[Span]) -> WriteResult:
        """Store `spans`, their content, trace summaries and rollups in one transaction; return once it is durable.

        Idempotent: a span whose key (`Span.key`) is stored already changes nothing, rollups, summaries and scores
        included. Safe to call from several processes at once. Raises Permanent for a span that the database can never
        hold; then nothing of the call was stored. A `SpanBatch` has what needs no database made already.

        Of a model call and another around it, with at most the HTTP request's spans between them, one keeps its tokens
        and cost: what is stored already, otherwise the innermost. Of spans with equal ids that stand for the calls of a
        provider's batch (`CALLS_OF_BATCH`) only one is stored, the first, whenever they began.
        """
        ...

    async def list_traces(self, query: TraceQuery) -> TracePage:
        """One page of trace summaries. While data arrives no trace is skipped, and one is repeated only if a late span
        moved it further on meanwhile."""
        ...

    async def get_trace(self, project: str, trace_id: bytes) -> Trace | None:
        """A trace with all its spans, without their content; None if no span of it is stored."""
        ...

    async def get_outline(self, project: str, trace_id: bytes) -> TraceOutline | None:
        """The same trace with less of each span, which is several times faster for one of thousands."""
        ...

    async def get_span(self, project: str, trace_id: bytes, span_id: bytes) -> Span | None:
        """One span with its content; None if it is not stored."""
        ...

    async def list_spans(self, query: SpanQuery) -> SpanPage:
        """One page of spans. While data arrives none is repeated or skipped, and what comes into the list before a page
        is on no later one."""
        ...

    async def analyse(self, query: AnalyticsQuery) -> AnalyticsResult:
        """The answer to `query`, which must pass `AnalyticsQuery.check`; raises Rejected for one that does not."""
        ...

    async def facets(
        self, project: str, from_time: datetime, to_time: datetime, filter_by: Filter | None = None
    ) -> Facets:
        """The most frequent models, providers, services, types, statuses and environments of the spans that started in
        the range and fulfil the filter."""
        ...

    async def index_content(self, *, limit: int) -> int:
        """Let full-text search find up to `limit` more contents; return how many there were, 0 when all are found.

        Safe to call from several processes at once: no content is done twice.
        """
        ...

    async def search_backlog(self) -> SearchBacklog:
        """How far full-text search is behind the writes."""
        ...

    async def make_user_rollups(self, *, limit: int) -> int:
        """Make percentiles by user fast over up to `limit` more days and weeks that are over, the newest first; return
        how many there were: 0 when all are, or while another process is at it.

        Answers never depend on it. Late spans make a day and its week slow for their users until it is called again.
        May be broken off at any point by cancelling it.
        """
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
