"""The bodies of sessions, users, models and field values; `schemas` says how they write ids, times and costs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from llmflow_query_api.analytics_schemas import Facet
from llmflow_query_api.price_schemas import PriceInUse
from llmflow_query_api.schemas import Cost, Nanoseconds, TraceSummary
from llmflow_query_api.signal_schemas import CodingSessionDetail

_Session = Annotated[str, Meta(description="As the application names it.", examples=["chat-42"])]
_User = Annotated[str, Meta(description="As the application names them.", examples=["alice"])]
_Percentile = Annotated[float | None, Meta(description="Nanoseconds, within 2 %.", examples=[850_000_000.0])]


class SessionTotals(Struct, frozen=True, kw_only=True):
    """What the traces of one session come to; in a list, those traces that started in the range asked for."""

    session_id: _Session
    first_time: datetime
    last_time: Annotated[datetime, Meta(description="When what ended last has ended.")]
    duration_ns: Nanoseconds
    trace_count: int
    span_count: int
    error_count: Annotated[int, Meta(description="Spans that failed.")]
    generation_count: int
    input_tokens: int
    output_tokens: int
    cost: Cost
    unpriced_count: int
    user_ids: Annotated[list[str], Meta(description="Ten at most.", examples=[["alice"]])]
    models: Annotated[list[str], Meta(examples=[["gpt-4o-mini"]])]


class SessionSummary(Struct, frozen=True, kw_only=True):
    """One session in a list, with the newest of its traces that are in the range and fulfil the filter."""

    totals: SessionTotals
    newest_trace: TraceSummary
    coding_tools: Annotated[
        list[str], Meta(description="AI command-line tools whose logs carry this id.", examples=[["claude_code"]])
    ]


class SessionPage(Struct, frozen=True, kw_only=True):
    """Some sessions, the one whose trace started last first; pass `next_cursor` as `cursor` to get the next page, null
    on the last one."""

    sessions: list[SessionSummary]
    next_cursor: str | None


class SessionDetail(Struct, frozen=True, kw_only=True):
    """One session: its traces, oldest first, and what AI command-line tools have logged under the same id. `totals` are
    over all of its traces, null without any; pass `next_cursor` as `cursor` to get more traces, null when there are
    none."""

    session_id: _Session
    totals: SessionTotals | None
    traces: list[TraceSummary]
    coding_sessions: list[CodingSessionDetail]
    next_cursor: str | None


class Usage(Struct, frozen=True, kw_only=True):
    """What some spans come to."""

    span_count: int
    request_count: Annotated[int, Meta(description="Generations and embeddings.")]
    error_count: Annotated[int, Meta(description="Spans that failed.")]
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost: Annotated[str, Meta(description="US dollars, as far as prices are known.", examples=["12.750000000"])]
    unpriced_count: Annotated[int, Meta(description="Generations and embeddings with tokens and no known price.")]
    last_time: Annotated[datetime, Meta(description="The beginning of the hour or the day of the newest span.")]


class UserUsage(Struct, frozen=True, kw_only=True):
    """One end user."""

    user_id: _User
    usage: Usage


class UserList(Struct, frozen=True, kw_only=True):
    """The largest users of the range."""

    users: list[UserUsage]


class CoursePoint(Struct, frozen=True, kw_only=True):
    """What happened in the interval that begins at `time`."""

    time: datetime
    usage: Usage


class UserDetail(Struct, frozen=True, kw_only=True):
    """One end user's usage and its course, in steps of `interval_seconds`; intervals without spans are left out."""

    user_id: _User
    usage: Usage
    interval_seconds: Annotated[int, Meta(examples=[3600])]
    course: list[CoursePoint]


class Percentiles(Struct, frozen=True, kw_only=True):
    """Of a duration."""

    p50: _Percentile
    p95: _Percentile
    p99: _Percentile


class ModelUsage(Struct, frozen=True, kw_only=True):
    """One model of one provider: all spans that state it, agents and chains aside, for what those state is the sum of
    the calls inside them. `price` is that of a call now, null for a model that has none."""

    provider: Annotated[str | None, Meta(description="Null where none was named.", examples=["openai"])]
    model: Annotated[str, Meta(examples=["gpt-4o-mini"])]
    usage: Usage
    latency: Percentiles
    time_to_first_token: Percentiles
    price: PriceInUse | None


class ModelList(Struct, frozen=True, kw_only=True):
    """The largest models of the range."""

    models: list[ModelUsage]


class FieldValues(Struct, frozen=True, kw_only=True):
    """The most frequent values of one field."""

    values: list[Facet]
