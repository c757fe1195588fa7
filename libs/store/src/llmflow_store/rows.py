"""Spans as database rows and back. Pure; the column lists here are the order of the tuples.

What PostgreSQL cannot hold is represented by what it can, so that one odd value does not cost a span:

- text: NUL and lone surrogates become U+FFFD;
- JSON: the same in strings and keys; NaN and infinities become the strings `NaN`, `Infinity`, `-Infinity`, and integers
  beyond 64 bits their decimal strings;
- what rollups and indexes are keyed by (service, provider, model, ...) is cut after 512 bytes; token counts outside
  0 to 10^12, costs of 10^9 dollars and more and other numbers beyond their column become NULL, costs are rounded to
  18 decimals. The attributes that such values came from are stored as they are;
- a duration that is negative or would end after the year 2262 is clamped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import asyncpg
import orjson

from llmflow_core.errors import Permanent
from llmflow_core.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from llmflow_core.spans import JSON, Span

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
)

SPAN_COLUMNS = (*KEY_COLUMNS, "duration_ns", *_SAME_AS_FIELD)
CONTENT_FIELDS = ("content", "input_preview", "output_preview")
CONTENT_COLUMNS = (*KEY_COLUMNS, *CONTENT_FIELDS)

_BIGINT_MAX = 2**63 - 1
_INTEGER_MAX = 2**31 - 1
_UNSIGNED_64_MAX = 2**64 - 1
_MOST_TOKENS = 10**12
_MOST_DOLLARS = 10**9
_COST_DECIMALS = 18
_LABEL_BYTES = 512
_PROJECT_BYTES = 255


def key_row(span: Span) -> tuple[str, bytes, bytes, int, int]:
    """The values of KEY_COLUMNS; `start_time` in microseconds since the Unix epoch."""
    return (span.project, span.trace_id, span.span_id, span.start_time_ns // 1000, span.start_time_ns % 1000)


def span_row(span: Span) -> tuple[Any, ...]:
    """The values of SPAN_COLUMNS. Raises Permanent for a span whose key no row can hold, or whose JSON is none."""
    _check_key(span)
    start_ns = span.start_time_ns
    return (
        span.project,
        span.trace_id,
        span.span_id,
        start_ns // 1000,
        start_ns % 1000,
        min(max(span.duration_ns, 0), _BIGINT_MAX - start_ns),
        span.parent_span_id,
        _text(span.trace_state),
        _text(span.name),
        span.kind if 0 <= span.kind < 2**15 else 0,
        label(span.status),
        _text(span.status_message),
        label(span.service),
        _text(span.scope),
        _text(span.scope_version),
        label(span.observation_type),
        _label_or_none(span.provider),
        _label_or_none(span.model),
        _label_or_none(span.response_model),
        _within(span.input_tokens, _MOST_TOKENS),
        _within(span.output_tokens, _MOST_TOKENS),
        _within(span.cache_read_tokens, _MOST_TOKENS),
        _within(span.cache_write_tokens, _MOST_TOKENS),
        _within(span.reasoning_tokens, _MOST_TOKENS),
        _cost(span.cost),
        _cost(span.input_cost),
        _cost(span.output_cost),
        _within(span.time_to_first_token_ns, _BIGINT_MAX),
        _finite(span.tokens_per_second),
        [_text(reason) for reason in span.finish_reasons],
        _text_or_none(span.error_type),
        _within(span.http_status, _INTEGER_MAX),
        _label_or_none(span.user_id),
        _label_or_none(span.session_id),
        [_text(tag) for tag in span.tags],
        _label_or_none(span.environment),
        _text_or_none(span.release),
        _text_or_none(span.prompt_name),
        _text_or_none(span.prompt_version),
        _json(span.attributes),
        _json(span.resource_attributes),
        _json(span.events),
        _json(span.links),
    )


def content_row(span: Span) -> tuple[Any, ...] | None:
    """The values of CONTENT_COLUMNS; None for a span that has no content. Raises Permanent as `span_row` does."""
    if not span.content and span.input_preview is None and span.output_preview is None:
        return None
    previews = (_text_or_none(span.input_preview), _text_or_none(span.output_preview))
    return (*key_row(span), _json(span.content), *previews)


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
    if not 0 <= span.start_time_ns <= _BIGINT_MAX:
        raise Permanent("start_time_ns must lie between the years 1970 and 2262")
    if not span.project or _text(span.project) != span.project or len(span.project.encode()) > _PROJECT_BYTES:
        raise Permanent(f"project must be 1 to {_PROJECT_BYTES} bytes of text")


def _text(value: str) -> str:
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        # UTF-16 joins the surrogates that are a pair, and only those.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _text_or_none(value: str | None) -> str | None:
    return None if value is None else _text(value)


def label(value: str) -> str:
    """`value` as the columns hold it that rollups and indexes are keyed by; filters compare with this."""
    value = _text(value)
    return value if len(value) * 4 <= _LABEL_BYTES else value.encode()[:_LABEL_BYTES].decode(errors="ignore")


def _label_or_none(value: str | None) -> str | None:
    return None if value is None else label(value)


def _within(value: int | None, most: int) -> int | None:
    return value if value is not None and 0 <= value <= most else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _cost(value: Decimal | None) -> Decimal | None:
    if value is None or not value.is_finite() or abs(value) >= _MOST_DOLLARS:
        return None
    return round(value, _COST_DECIMALS) if int(value.as_tuple().exponent) < -_COST_DECIMALS else value


def _json(value: JSON) -> bytes:
    try:
        encoded = orjson.dumps(value)
        # orjson writes NaN and infinities as null, and NUL as an escape that jsonb refuses.
        if b"null" not in encoded and b"\\u0000" not in encoded:
            return encoded
    except orjson.JSONEncodeError:
        pass
    try:
        return orjson.dumps(_clean(value))
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise Permanent(f"a value is not JSON: {error}") from None


def _clean(value: JSON) -> JSON:
    match value:
        case None | bool():
            return value
        case str():
            return _text(value)
        case int():
            return value if -_BIGINT_MAX - 1 <= value <= _UNSIGNED_64_MAX else str(value)
        case float():
            if math.isfinite(value):
                return value
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case Mapping():
            return {_text(str(name)): _clean(entry) for name, entry in value.items()}
        case list() | tuple():
            return [_clean(entry) for entry in value]
        case _:
            return _text(str(value))
