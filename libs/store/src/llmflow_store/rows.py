"""Spans as database rows and back. Pure; the column lists here are the order of the tuples.

What PostgreSQL cannot hold is represented as `llmflow_store.values` says. Token counts outside 0 to 10^12 become NULL;
the attributes that such values came from are stored as they are. A duration that is negative or would end after the
year 2262 is clamped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import asyncpg

from llmflow_core.errors import Permanent
from llmflow_core.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from llmflow_core.spans import Span
from llmflow_store import values
from llmflow_store.values import BIGINT_MAX, INTEGER_MAX, MOST_TOKENS, check_project, check_time, label, text

KEY_COLUMNS = ("project", "trace_id", "span_id", "start_time", "start_time_nanos")

_SAME_AS_FIELD = (
    "parent_span_id",
    "trace_state",
    "name",
    "kind",
    "status",
    "status_message",
    "service",
    "scope",
    "scope_version",
    "observation_type",
    "provider",
    "model",
    "response_model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost",
    "input_cost",
    "output_cost",
    "time_to_first_token_ns",
    "tokens_per_second",
    "finish_reasons",
    "error_type",
    "http_status",
    "user_id",
    "session_id",
    "tags",
    "environment",
    "release",
    "prompt_name",
    "prompt_version",
    "attributes",
    "resource_attributes",
    "events",
    "links",
    "price_source",
)

SPAN_COLUMNS = (*KEY_COLUMNS, "duration_ns", *_SAME_AS_FIELD)
CONTENT_FIELDS = ("content", "input_preview", "output_preview")
CONTENT_COLUMNS = (*KEY_COLUMNS, *CONTENT_FIELDS)

_NOTHING: list[str] = []
_NO_JSON = b"[]"


def key_row(span: Span) -> tuple[str, bytes, bytes, int, int]:
    """The values of KEY_COLUMNS; `start_time` in microseconds since the Unix epoch."""
    return (span.project, span.trace_id, span.span_id, span.start_time_ns // 1000, span.start_time_ns % 1000)


def span_rows(spans: Iterable[Span]) -> list[tuple[Any, ...]]:
    """The rows of several spans, in their order, as `span_row` makes them."""
    resources: dict[int, bytes] = {}
    rows = []
    for span in spans:
        # Spans of one request share it.
        encoded = resources.get(id(span.resource_attributes))
        if encoded is None:
            encoded = resources[id(span.resource_attributes)] = values.json(span.resource_attributes)
        rows.append(_row(span, encoded))
    return rows


def span_row(span: Span) -> tuple[Any, ...]:
    """The values of SPAN_COLUMNS. Raises Permanent for a span whose key no row can hold, or whose JSON is none."""
    return _row(span, values.json(span.resource_attributes))


def _row(span: Span, resource_attributes: bytes) -> tuple[Any, ...]:
    _check_key(span)
    start_ns = span.start_time_ns
    return (
        span.project,
        span.trace_id,
        span.span_id,
        start_ns // 1000,
        start_ns % 1000,
        stored_duration(span),
        span.parent_span_id,
        text(span.trace_state),
        text(span.name),
        span.kind if 0 <= span.kind < 2**15 else 0,
        label(span.status),
        text(span.status_message),
        label(span.service),
        text(span.scope),
        text(span.scope_version),
        label(span.observation_type),
        values.label_or_none(span.provider),
        values.label_or_none(span.model),
        values.label_or_none(span.response_model),
        values.within(span.input_tokens, MOST_TOKENS),
        values.within(span.output_tokens, MOST_TOKENS),
        values.within(span.cache_read_tokens, MOST_TOKENS),
        values.within(span.cache_write_tokens, MOST_TOKENS),
        values.within(span.reasoning_tokens, MOST_TOKENS),
        values.cost(span.cost),
        values.cost(span.input_cost),
        values.cost(span.output_cost),
        values.within(span.time_to_first_token_ns, BIGINT_MAX),
        values.finite(span.tokens_per_second),
        [text(reason) for reason in span.finish_reasons] if span.finish_reasons else _NOTHING,
        values.text_or_none(span.error_type),
        values.within(span.http_status, INTEGER_MAX),
        values.label_or_none(span.user_id),
        values.label_or_none(span.session_id),
        [text(tag) for tag in span.tags] if span.tags else _NOTHING,
        values.label_or_none(span.environment),
        values.text_or_none(span.release),
        values.text_or_none(span.prompt_name),
        values.text_or_none(span.prompt_version),
        values.json(span.attributes),
        resource_attributes,
        values.json(span.events) if span.events else _NO_JSON,
        values.json(span.links) if span.links else _NO_JSON,
        span.price_source,
    )


def stored_duration(span: Span) -> int:
    """The value of `duration_ns`, in nanoseconds."""
    return min(max(span.duration_ns, 0), BIGINT_MAX - span.start_time_ns)


def content_row(span: Span) -> tuple[Any, ...] | None:
    """The values of CONTENT_COLUMNS; None for a span that has no content. Raises Permanent as `span_row` does."""
    if not span.content and span.input_preview is None and span.output_preview is None:
        return None
    previews = (values.text_or_none(span.input_preview), values.text_or_none(span.output_preview))
    return (*key_row(span), values.json(span.content), *previews)


def span_from(row: asyncpg.Record) -> Span:
    """The span of a row that has SPAN_COLUMNS and, where the content was asked for, CONTENT_FIELDS."""
    fields = {name: row[name] for name in _SAME_AS_FIELD}
    if "content" in row.keys():  # noqa: SIM118 - asyncpg's records iterate over their values
        fields |= {name: row[name] for name in CONTENT_FIELDS}
        fields["content"] = fields["content"] or {}
    return Span(
        project=row["project"],
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        start_time_ns=row["start_time"] * 1000 + row["start_time_nanos"],
        duration_ns=row["duration_ns"],
        **fields,
    )


def _check_key(span: Span) -> None:
    if len(span.trace_id) != TRACE_ID_BYTES or len(span.span_id) != SPAN_ID_BYTES:
        raise Permanent(f"trace_id and span_id must be {TRACE_ID_BYTES} and {SPAN_ID_BYTES} bytes")
    if span.parent_span_id is not None and len(span.parent_span_id) != SPAN_ID_BYTES:
        raise Permanent(f"parent_span_id must be {SPAN_ID_BYTES} bytes or None")
    check_time(span.start_time_ns, "start_time_ns")
    check_project(span.project)
