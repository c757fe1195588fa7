"""The bodies of logs, metrics and AI command-line tools; `schemas` says how they write ids, times and costs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from llmflow_core.coding_tools import Decision, EventKind
from llmflow_core.metrics import MetricType, Temporality
from llmflow_query_api.schemas import Cost, Model, Service, SessionId, UserId

Tool = Annotated[str, Meta(description="claude_code, codex or gemini_cli.", examples=["claude_code"])]
OptionalTraceId = Annotated[str | None, Meta(examples=["4bf92f3577b34da6a3ce929d0e0e4736"])]
OptionalSpanId = Annotated[str | None, Meta(examples=["00f067aa0ba902b7"])]


class CodingEventDetail(Struct, frozen=True, kw_only=True):
    """What an event of an AI command-line tool tells. Tokens read include cached ones, tokens written reasoning."""

    tool: Tool
    kind: Annotated[EventKind, Meta(description="request is one finished call of a model.")]
    organization_id: str | None
    provider: str | None
    model: Model
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: Annotated[Cost, Meta(description="US dollars: as the tool stated them, else computed from the price list.")]
    duration_ns: int | None
    tool_name: Annotated[str | None, Meta(examples=["Bash"])]
    decision: Decision | None
    decision_source: Annotated[str | None, Meta(examples=["config"])]
    success: bool | None
    error: str | None


class LogEntry(Struct, frozen=True, kw_only=True):
    """One log record or event. `coding` is null unless an AI command-line tool wrote it."""

    id: Annotated[str, Meta(description="16 bytes in hexadecimal, the same whenever the record is read.")]
    time: datetime
    observed_time: datetime | None
    severity_number: Annotated[int, Meta(description="OpenTelemetry's, 1 to 24; 0 when unknown.", examples=[9])]
    severity_text: Annotated[str, Meta(examples=["INFO"])]
    event_name: Annotated[str, Meta(description="Empty for a plain record.", examples=["claude_code.api_request"])]
    body: Any
    service: Service
    scope: str
    scope_version: str
    attributes: dict[str, Any]
    resource_attributes: dict[str, Any]
    trace_id: OptionalTraceId
    span_id: OptionalSpanId
    session_id: SessionId
    user_id: UserId
    coding: CodingEventDetail | None


class LogPage(Struct, frozen=True, kw_only=True):
    """Some records, newest first; pass `next_cursor` as `cursor` to get the next page, null on the last one."""

    logs: list[LogEntry]
    next_cursor: str | None


class MetricDetail(Struct, frozen=True, kw_only=True):
    """One metric. `attributes` are the names by which its series differ."""

    name: Annotated[str, Meta(examples=["claude_code.token.usage"])]
    description: str
    unit: str
    type: MetricType
    temporality: Temporality
    series_count: int
    services: list[str]
    attributes: Annotated[list[str], Meta(examples=[["model", "type"]])]


class MetricList(Struct, frozen=True, kw_only=True):
    """The metrics that there are, by name."""

    metrics: list[MetricDetail]


class MetricValue(Struct, frozen=True, kw_only=True):
    """One bucket: its start and its value."""

    time: datetime
    value: float


class MetricLine(Struct, frozen=True, kw_only=True):
    """One line. `label` is the value of the attribute that was asked for, null for series without it."""

    label: str | None
    points: list[MetricValue]


class MetricResult(Struct, frozen=True, kw_only=True):
    """A metric over time; buckets without points are left out."""

    interval_seconds: int
    lines: Annotated[list[MetricLine], Meta(description="In the order of their labels.")]
    line_count: Annotated[int, Meta(description="How many there are: of more than the limit the largest are told.")]


class CodingUsageDetail(Struct, frozen=True, kw_only=True):
    """What was done with a tool, counted from its log events alone; of a tool without any, what its metrics say, and 0
    where they say nothing."""

    prompts: int
    requests: Annotated[int, Meta(description="Finished calls of a model.")]
    errors: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost: Cost
    unpriced_count: Annotated[int, Meta(description="Calls without a known price.")]
    tool_calls: int
    failed_tool_calls: int
    accepted: Annotated[int, Meta(description="Tool calls allowed, by the user or by the configuration.")]
    rejected: Annotated[int, Meta(description="Tool calls refused.")]


class CodingWorkDetail(Struct, frozen=True, kw_only=True):
    """What came of a tool's use, which only metrics tell; null where the tool's do not."""

    lines_added: Annotated[int | None, Meta(description="Lines of code.")]
    lines_removed: int | None
    commits: int | None
    pull_requests: int | None
    active_seconds: Annotated[float | None, Meta(description="How long somebody or the tool was at work.")]


class CodingToolDetail(Struct, frozen=True, kw_only=True):
    """One AI command-line tool in the range of time asked for. `source` says what sessions, users and usage are counted
    from: its events, or its metrics when it sends no events."""

    tool: Tool
    source: Literal["events", "metrics"]
    sessions: int
    users: int
    last_time: datetime
    usage: CodingUsageDetail
    work: CodingWorkDetail


class CodingToolList(Struct, frozen=True, kw_only=True):
    """The AI command-line tools that were used, by name."""

    tools: list[CodingToolDetail]


class CodingSessionDetail(Struct, frozen=True, kw_only=True):
    """One session. `cost` is that of its log events or, when they have none, that of the traces with the same session
    id; never both added up, for they may be about the same calls. `cost_source` says which it is."""

    tool: Tool
    session_id: str
    user_id: UserId
    models: list[str]
    first_time: datetime
    last_time: datetime
    cost: Cost
    cost_source: Literal["events", "traces"] | None
    usage: CodingUsageDetail
    trace_count: Annotated[int, Meta(description="Traces that carry this session id.")]
    trace_cost: Annotated[Cost, Meta(description="US dollars that these traces cost; null without a known price.")]


class CodingSessionPage(Struct, frozen=True, kw_only=True):
    """Some sessions, the one used last first; pass `next_cursor` as `cursor` to get the next page."""

    sessions: list[CodingSessionDetail]
    next_cursor: str | None
