"""The API's bodies. The OpenAPI document, and through it the frontend's types, are made from these.

Ids are lower-case hexadecimal. Times are ISO 8601 in UTC with microseconds; durations are integers of nanoseconds;
costs are US dollars as decimal strings, so that no cent is lost in a float.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from llmflow_core.messages import Conversation
from msgspec import Struct


class Credentials(Struct, frozen=True, kw_only=True):
    """What the login page sends."""

    username: str
    password: str


class Session(Struct, frozen=True, kw_only=True):
    """Who is logged in."""

    username: str


class ProjectList(Struct, frozen=True, kw_only=True):
    """The projects that exist, `default` first."""

    projects: list[str]


class TraceSummary(Struct, frozen=True, kw_only=True):
    """One trace in a list. `status` is `error` when any of its spans failed."""

    project: str
    trace_id: str
    name: str
    service: str
    has_root: bool
    start_time: datetime
    duration_ns: int
    status: str
    span_count: int
    error_count: int
    generation_count: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    unpriced_count: int
    models: list[str]
    user_id: str | None
    session_id: str | None
    tags: list[str]
    environment: str | None
    input_preview: str | None
    output_preview: str | None


class TracePage(Struct, frozen=True, kw_only=True):
    """Some traces, newest first; pass `next_cursor` as `cursor` to get the next page, null on the last one."""

    traces: list[TraceSummary]
    next_cursor: str | None


class SpanSummary(Struct, frozen=True, kw_only=True):
    """A span without its content, attributes and events: what the tree and the waterfall need."""

    span_id: str
    parent_span_id: str | None
    name: str
    kind: str
    observation_type: str
    service: str
    start_time: datetime
    offset_ns: int
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


class TraceDetail(Struct, frozen=True, kw_only=True):
    """One trace: its summary and its spans in order of start; `offset_ns` counts from the trace's start."""

    trace: TraceSummary
    spans: list[SpanSummary]


class SpanDetail(Struct, frozen=True, kw_only=True):
    """Everything known of one span. `conversation` is its content in one shape, `raw_content` the content as it came."""

    trace_id: str
    span: SpanSummary
    scope: str
    scope_version: str
    input_cost: Decimal | None
    output_cost: Decimal | None
    tokens_per_second: float | None
    finish_reasons: list[str]
    http_status: int | None
    user_id: str | None
    session_id: str | None
    tags: list[str]
    environment: str | None
    release: str | None
    prompt_name: str | None
    prompt_version: str | None
    attributes: dict[str, Any]
    resource_attributes: dict[str, Any]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    conversation: Conversation
    raw_content: dict[str, Any]


class Problem(Struct, frozen=True, kw_only=True):
    """An error, as RFC 9457 shapes it (media type application/problem+json)."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
