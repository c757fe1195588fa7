"""Stored traces and spans as the API's bodies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from llmflow_core.content import conversation
from llmflow_core.spans import ObservationType, Span, SpanKind, Status
from llmflow_query_api.cursor import ListOrder, encode_cursor, encode_span_cursor
from llmflow_query_api.export_schemas import ExportedSpan
from llmflow_query_api.schemas import (
    Kind,
    ListedSpan,
    SpanDetail,
    SpanFacts,
    SpanPage,
    SpanSummary,
    TraceDetail,
    TracePage,
    TraceSummary,
)
from llmflow_query_api.score_schemas import Score
from llmflow_store.port import SpanOutline, TraceOutline
from llmflow_store.port import SpanPage as StoredSpanPage
from llmflow_store.port import TracePage as StoredPage
from llmflow_store.port import TraceSummary as StoredSummary
from llmflow_store.scores import ScoreType, StoredScore

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: dict[int, Kind] = {
    SpanKind.UNSPECIFIED: "unspecified",
    SpanKind.INTERNAL: "internal",
    SpanKind.SERVER: "server",
    SpanKind.CLIENT: "client",
    SpanKind.PRODUCER: "producer",
    SpanKind.CONSUMER: "consumer",
}
# Look-ups, since calling the enumerations takes several times as long.
_OBSERVATION_TYPES = {str(member): member for member in ObservationType}
_EXPORTED_AS_STORED = (
    "scope",
    "scope_version",
    "tokens_per_second",
    "finish_reasons",
    "http_status",
    "release",
    "prompt_name",
    "prompt_version",
    "attributes",
    "resource_attributes",
    "events",
    "links",
)
_STATUSES = {str(member): member for member in Status}


def page_of(page: StoredPage, order: ListOrder) -> TracePage:
    """A page of the trace list in that order."""
    return TracePage(
        traces=[summary_of(trace) for trace in page.traces],
        next_cursor=encode_cursor(page.next, order) if page.next else None,
    )


def trace_of(trace: TraceOutline, scores: Sequence[StoredScore]) -> TraceDetail:
    """A whole trace."""
    return TraceDetail(
        trace=summary_of(trace.summary),
        spans=_span_summaries(trace),
        scores=[score_of(score) for score in scores],
    )


def span_page_of(page: StoredSpanPage, order: ListOrder) -> SpanPage:
    """A page of the span list in that order."""
    return SpanPage(
        spans=[ListedSpan(**_listed(span)) for span in page.spans],
        next_cursor=encode_span_cursor(page.next, order) if page.next else None,
    )


def exported_span_of(span: Span, *, with_content: bool) -> ExportedSpan:
    """One line of an export."""
    return ExportedSpan(
        content=span.content if with_content else None,
        input_cost=dollars(span.input_cost),
        output_cost=dollars(span.output_cost),
        **{name: getattr(span, name) for name in _EXPORTED_AS_STORED},
        **_listed(span),
    )


def summary_of(trace: StoredSummary) -> TraceSummary:
    """One row of the trace list."""
    return TraceSummary(
        project=trace.project,
        trace_id=trace.trace_id.hex(),
        name=trace.name,
        service=trace.service,
        has_root=trace.has_root,
        start_time=moment(trace.start_time_ns),
        duration_ns=trace.end_time_ns - trace.start_time_ns,
        status="error" if trace.error_count else "ok",
        span_count=trace.span_count,
        error_count=trace.error_count,
        generation_count=trace.generation_count,
        input_tokens=trace.input_tokens,
        output_tokens=trace.output_tokens,
        cost=dollars(trace.cost),
        unpriced_count=trace.unpriced_count,
        models=list(trace.models),
        user_id=trace.user_id,
        session_id=trace.session_id,
        tags=list(trace.tags),
        environment=trace.environment,
        input_preview=trace.input_preview,
        output_preview=trace.output_preview,
    )


def span_of(span: Span, scores: Sequence[StoredScore]) -> SpanDetail:
    """Everything about one span, its content included."""
    return SpanDetail(
        trace_id=span.trace_id.hex(),
        span=SpanFacts(**_facts(span)),
        scope=span.scope,
        scope_version=span.scope_version,
        input_cost=dollars(span.input_cost),
        output_cost=dollars(span.output_cost),
        price_source=span.price_source,
        tokens_per_second=span.tokens_per_second,
        finish_reasons=span.finish_reasons,
        http_status=span.http_status,
        user_id=span.user_id,
        session_id=span.session_id,
        tags=span.tags,
        environment=span.environment,
        release=span.release,
        prompt_name=span.prompt_name,
        prompt_version=span.prompt_version,
        attributes=span.attributes,
        resource_attributes=span.resource_attributes,
        events=span.events,
        links=span.links,
        scores=[score_of(score) for score in scores],
        conversation=conversation(span),
        raw_content=span.content,
    )


def score_of(score: StoredScore) -> Score:
    """One judgement."""
    return Score(
        id=score.id,
        trace_id=score.trace_id.hex() if score.trace_id else None,
        span_id=score.span_id.hex() if score.span_id else None,
        session_id=score.session_id,
        name=score.name,
        value=score.value,
        label=score.label,
        data_type=ScoreType(score.data_type),
        comment=score.comment,
        source=score.source,
        author=score.author,
        time=moment(score.time_ns),
    )


def _span_summaries(trace: TraceOutline) -> list[SpanSummary]:
    """Column by column, which takes a third of the time of span by span: a trace can have very many."""
    columns: dict[str, Sequence[Any]] = dict(zip(SpanOutline._fields, zip(*trace.spans, strict=True), strict=False))
    if not columns:
        return []
    times, first = columns["start_time_ns"], trace.summary.start_time_ns
    shown: dict[str, Iterable[Any]] = {
        **columns,
        "span_id": [key.hex() for key in columns["span_id"]],
        "parent_span_id": [key.hex() if key else None for key in columns["parent_span_id"]],
        "kind": [_KINDS.get(kind, "unspecified") for kind in columns["kind"]],
        "start_time": map(moment, times),
        "offset_ns": [time - first for time in times],
        "cost": map(dollars, columns["cost"]),
    }
    return list(map(SpanSummary, *(shown[name] for name in SpanSummary.__struct_fields__)))


def _facts(span: Span) -> dict[str, Any]:
    return {
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex() if span.parent_span_id else None,
        "name": span.name,
        "kind": _KINDS.get(span.kind, "unspecified"),
        "observation_type": _OBSERVATION_TYPES[span.observation_type],
        "service": span.service,
        "start_time": moment(span.start_time_ns),
        "duration_ns": span.duration_ns,
        "status": _STATUSES[span.status],
        "status_message": span.status_message,
        "provider": span.provider,
        "model": span.model,
        "response_model": span.response_model,
        "input_tokens": span.input_tokens,
        "output_tokens": span.output_tokens,
        "cache_read_tokens": span.cache_read_tokens,
        "cache_write_tokens": span.cache_write_tokens,
        "reasoning_tokens": span.reasoning_tokens,
        "cost": dollars(span.cost),
        "time_to_first_token_ns": span.time_to_first_token_ns,
        "error_type": span.error_type,
    }


def _listed(span: Span) -> dict[str, Any]:
    return {
        "trace_id": span.trace_id.hex(),
        "user_id": span.user_id,
        "session_id": span.session_id,
        "tags": span.tags,
        "environment": span.environment,
        "input_preview": span.input_preview,
        "output_preview": span.output_preview,
        **_facts(span),
    }


def dollars(cost: Decimal | None) -> str | None:
    """US dollars in plain digits."""
    return None if cost is None else f"{cost:f}"


def moment(nanoseconds: int) -> datetime:
    """Unix nanoseconds as a time, to the microsecond."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
