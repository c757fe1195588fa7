"""The API's bodies. The OpenAPI document, and through it the frontend's types, are made from these.

Ids are lower-case hexadecimal. Times are ISO 8601 in UTC with microseconds; durations are integers of nanoseconds;
costs are US dollars as decimal strings, so that no cent is lost in a float.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from llmflow_core.messages import Conversation
from llmflow_core.spans import ObservationType, Status
from llmflow_query_api.score_schemas import Score

Project = Annotated[str, Meta(description="The project that the data belongs to.", examples=["default"])]
TraceId = Annotated[
    str, Meta(description="16 bytes in lower-case hexadecimal.", examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
]
SpanId = Annotated[str, Meta(description="8 bytes in lower-case hexadecimal.", examples=["00f067aa0ba902b7"])]
Nanoseconds = Annotated[int, Meta(examples=[1_250_000_000])]
Service = Annotated[str, Meta(description="OpenTelemetry's service.name; empty when unknown.", examples=["checkout"])]
Cost = Annotated[
    str | None,
    Meta(description="US dollars, in plain digits; null when no price is known.", examples=["0.000375000"]),
]
UserId = Annotated[str | None, Meta(description="The end user, as the application names them.", examples=["alice"])]
SessionId = Annotated[str | None, Meta(description="The conversation that the trace belongs to.", examples=["chat-42"])]
Model = Annotated[str | None, Meta(examples=["gpt-4o-mini"])]
InputTokens = Annotated[int | None, Meta(description="Tokens read, cached ones included.", examples=[1200])]
OutputTokens = Annotated[int | None, Meta(description="Tokens written, reasoning included.", examples=[350])]
Kind = Literal["unspecified", "internal", "server", "client", "producer", "consumer"]


class Credentials(Struct, frozen=True, kw_only=True):
    """What the login page sends."""

    username: Annotated[str, Meta(max_length=256, examples=["llmflow"])]
    password: Annotated[str, Meta(max_length=1024, examples=["correct horse battery staple"])]


class Session(Struct, frozen=True, kw_only=True):
    """Who is logged in."""

    username: Annotated[str, Meta(examples=["llmflow"])]


class CurrentUser(Struct, frozen=True, kw_only=True):
    """Who asks; null for nobody, which is no error: the page asks before anyone has logged in."""

    username: str | None


class TraceSummary(Struct, frozen=True, kw_only=True):
    """One trace in a list. `status` is `error` when any of its spans failed."""

    project: Project
    trace_id: TraceId
    name: Annotated[str, Meta(description="The root span's name, or the earliest's.", examples=["answer-question"])]
    service: Service
    has_root: Annotated[bool, Meta(description="Whether the root span has arrived.")]
    start_time: datetime
    duration_ns: Nanoseconds
    status: Literal["ok", "error"]
    span_count: int
    error_count: Annotated[int, Meta(description="Spans that failed.")]
    generation_count: Annotated[int, Meta(description="Spans that are calls of a model.")]
    input_tokens: int
    output_tokens: int
    cost: Cost
    unpriced_count: Annotated[int, Meta(description="Generations and embeddings with tokens and no known price.")]
    models: Annotated[list[str], Meta(examples=[["gpt-4o-mini"]])]
    user_id: UserId
    session_id: SessionId
    tags: list[str]
    environment: str | None
    input_preview: Annotated[str | None, Meta(description="The beginning of the trace's input.")]
    output_preview: Annotated[str | None, Meta(description="The beginning of the trace's output.")]


class TracePage(Struct, frozen=True, kw_only=True):
    """Some traces; pass `next_cursor` as `cursor` to get the next page, null on the last one."""

    traces: list[TraceSummary]
    next_cursor: str | None


class SpanFacts(Struct, frozen=True):
    """A span without its content, attributes and events."""

    span_id: SpanId
    parent_span_id: Annotated[str | None, Meta(description="Null for a root span.", examples=["b7ad6b7169203331"])]
    name: Annotated[str, Meta(examples=["chat gpt-4o-mini"])]
    kind: Kind
    observation_type: ObservationType
    service: Service
    start_time: datetime
    duration_ns: Nanoseconds
    status: Status
    status_message: str
    provider: Annotated[str | None, Meta(examples=["openai"])]
    model: Model
    response_model: Annotated[str | None, Meta(examples=["gpt-4o-mini-2024-07-18"])]
    input_tokens: InputTokens
    output_tokens: OutputTokens
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: Cost
    time_to_first_token_ns: Annotated[int | None, Meta(examples=[180_000_000])]
    error_type: Annotated[str | None, Meta(examples=["rate_limit_exceeded"])]


class SpanSummary(SpanFacts, frozen=True):
    """A span in its trace: what the tree and the waterfall need."""

    offset_ns: Annotated[int, Meta(description="Nanoseconds from the trace's start to the span's.", examples=[0])]


class ListedSpan(SpanFacts, frozen=True, kw_only=True):
    """One span in a list across traces."""

    trace_id: TraceId
    user_id: UserId
    session_id: SessionId
    tags: list[str]
    environment: str | None
    input_preview: Annotated[str | None, Meta(description="The beginning of the span's input.")]
    output_preview: Annotated[str | None, Meta(description="The beginning of the span's output.")]


class SpanPage(Struct, frozen=True, kw_only=True):
    """Some spans; pass `next_cursor` as `cursor` to get the next page, null on the last one."""

    spans: list[ListedSpan]
    next_cursor: str | None


class TraceDetail(Struct, frozen=True, kw_only=True):
    """One trace: its summary and its spans in order of start; `offset_ns` counts from the trace's start."""

    trace: TraceSummary
    spans: list[SpanSummary]
    scores: Annotated[list[Score], Meta(description="Of the trace and its spans, newest first.")]


class SpanDetail(Struct, frozen=True, kw_only=True):
    """Everything known of one span. `conversation` is its content in one shape, `raw_content` as it came."""

    trace_id: TraceId
    span: SpanFacts
    scope: Annotated[str, Meta(description="The instrumentation that made the span.")]
    scope_version: str
    input_cost: Cost
    output_cost: Cost
    price_source: Annotated[
        str | None,
        Meta(
            description="Whose price made the costs: genai-prices, own:NAME, or cache for what a gateway had answered"
            " before. Null when the cost came with the span, or there is none.",
            examples=["genai-prices"],
        ),
    ]
    tokens_per_second: Annotated[float | None, Meta(examples=[82.5])]
    finish_reasons: Annotated[list[str], Meta(examples=[["stop"]])]
    http_status: Annotated[int | None, Meta(examples=[200])]
    user_id: UserId
    session_id: SessionId
    tags: list[str]
    environment: Annotated[str | None, Meta(examples=["production"])]
    release: Annotated[str | None, Meta(examples=["2025.06.1"])]
    prompt_name: str | None
    prompt_version: str | None
    attributes: dict[str, Any]
    resource_attributes: dict[str, Any]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    scores: Annotated[list[Score], Meta(description="Newest first.")]
    conversation: Conversation
    raw_content: dict[str, Any]


class Problem(Struct, frozen=True, kw_only=True):
    """An error, as RFC 9457 shapes it (media type application/problem+json)."""

    type: Annotated[
        str, Meta(description="Always about:blank: the status says what went wrong.", examples=["about:blank"])
    ]
    title: Annotated[str, Meta(description="The status in words.", examples=["Bad Request"])]
    status: Annotated[int, Meta(examples=[400])]
    detail: Annotated[str, Meta(examples=["cursor: not a cursor of this list"])]
    field: Annotated[str | None, Meta(description="The parameter or member that is wrong.", examples=["cursor"])] = None
    position: Annotated[
        int | None, Meta(description="Where in a filter the error is, in characters from 0.", examples=[12])
    ] = None
