"""Spans as database rows and back. Pure; rows are made column by column, for thousands of spans at once.

What PostgreSQL cannot hold is represented as `llmflow_store.values` says. Token counts outside 0 to 10^12 become NULL;
the attributes that such values came from are stored as they are. A duration that is negative or would end after the
year 2262 is clamped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

import asyncpg

from llmflow_core.errors import Permanent
from llmflow_core.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from llmflow_core.memo import memo_of_texts
from llmflow_core.spans import JSON, Span
from llmflow_store import copy_format, values
from llmflow_store.values import BIGINT_MAX, INTEGER_MAX, MOST_TOKENS, check_project, check_time

#: The values of a column, in the order of the spans.
Column = list[Any]

_NOTHING: list[str] = []
_NO_JSON = b"[]"

_labels = memo_of_texts(values.label_or_none)
_texts = memo_of_texts(values.text_or_none)


def _as_labels(column: Iterable[str | None]) -> Column:
    return list(map(_labels.__getitem__, column))


def _as_texts(column: Iterable[str | None]) -> Column:
    return list(map(_texts.__getitem__, column))


def _as_lists(column: Iterable[list[str]]) -> Column:
    return [_as_texts(entry) if entry else _NOTHING for entry in column]


def _within(most: int) -> Callable[[Iterable[int | None]], Column]:
    return lambda column: [value if value is None or 0 <= value <= most else None for value in column]


def _as_kinds(column: Iterable[int]) -> Column:
    return [value if 0 <= value < 2**15 else 0 for value in column]


def _as_numbers(column: Iterable[float | None]) -> Column:
    return [value if value is not None and math.isfinite(value) else None for value in column]


def _as_costs(column: Iterable[Decimal | None]) -> Column:
    return [None if value is None else values.cost(value) for value in column]


def _as_json(column: Iterable[JSON]) -> Column:
    return list(map(values.json, column))


def _as_shared_json(column: Iterable[JSON]) -> Column:
    """Of objects that spans of one request share."""
    known: dict[int, bytes] = {}
    return [known.get(id(value)) or known.setdefault(id(value), values.json(value)) for value in column]


def _as_json_lists(column: Iterable[list[JSON]]) -> Column:
    return [values.json(value) if value else _NO_JSON for value in column]


class _Kind(NamedTuple):
    """How the values of a column are stored, and how those are written."""

    stored: Callable[[Iterable[Any]], Column]
    encoded: copy_format.Encode


_BYTES = _Kind(list, copy_format.byteas)
_LABEL = _Kind(_as_labels, copy_format.texts)
_TEXT = _Kind(_as_texts, copy_format.texts)
_TEXTS = _Kind(_as_lists, copy_format.text_arrays)
_TOKENS = _Kind(_within(MOST_TOKENS), copy_format.int8s)
_BIGINT = _Kind(_within(BIGINT_MAX), copy_format.int8s)
_INTEGER = _Kind(_within(INTEGER_MAX), copy_format.int4s)
_SMALLINT = _Kind(_as_kinds, copy_format.int2s)
_FLOAT = _Kind(_as_numbers, copy_format.float8s)
_COST = _Kind(_as_costs, copy_format.numerics)
_JSON = _Kind(_as_json, copy_format.jsonbs)
_SHARED_JSON = _Kind(_as_shared_json, copy_format.jsonbs)
_JSON_LIST = _Kind(_as_json_lists, copy_format.jsonbs)

_KEY_ENCODERS: Mapping[str, copy_format.Encode] = {
    "project": copy_format.texts,
    "trace_id": copy_format.byteas,
    "span_id": copy_format.byteas,
    "start_time": copy_format.times,
    "start_time_nanos": copy_format.int2s,
}
_SAME_AS_FIELD: Mapping[str, _Kind] = {
    "parent_span_id": _BYTES,
    "trace_state": _TEXT,
    "name": _TEXT,
    "kind": _SMALLINT,
    "status": _LABEL,
    "status_message": _TEXT,
    "service": _LABEL,
    "scope": _TEXT,
    "scope_version": _TEXT,
    "observation_type": _LABEL,
    "provider": _LABEL,
    "model": _LABEL,
    "response_model": _LABEL,
    "input_tokens": _TOKENS,
    "output_tokens": _TOKENS,
    "cache_read_tokens": _TOKENS,
    "cache_write_tokens": _TOKENS,
    "reasoning_tokens": _TOKENS,
    "cost": _COST,
    "input_cost": _COST,
    "output_cost": _COST,
    "time_to_first_token_ns": _BIGINT,
    "tokens_per_second": _FLOAT,
    "finish_reasons": _TEXTS,
    "error_type": _TEXT,
    "http_status": _INTEGER,
    "user_id": _LABEL,
    "session_id": _LABEL,
    "tags": _TEXTS,
    "environment": _LABEL,
    "release": _TEXT,
    "prompt_name": _TEXT,
    "prompt_version": _TEXT,
    "attributes": _JSON,
    "resource_attributes": _SHARED_JSON,
    "events": _JSON_LIST,
    "links": _JSON_LIST,
    "price_source": _Kind(list, copy_format.texts),
}
_CONTENT: Mapping[str, _Kind] = {"content": _JSON, "input_preview": _TEXT, "output_preview": _TEXT}

KEY_COLUMNS = tuple(_KEY_ENCODERS)
SPAN_COLUMNS = (*KEY_COLUMNS, "duration_ns", *_SAME_AS_FIELD)
CONTENT_FIELDS = tuple(_CONTENT)
CONTENT_COLUMNS = (*KEY_COLUMNS, *CONTENT_FIELDS)

_ENCODERS: Mapping[str, copy_format.Encode] = {
    **_KEY_ENCODERS,
    "duration_ns": copy_format.int8s,
    **{name: kind.encoded for name, kind in {**_SAME_AS_FIELD, **_CONTENT}.items()},
}


def span_columns(spans: Sequence[Span]) -> dict[str, Column]:
    """What `spans` stores of spans, by SPAN_COLUMNS; `start_time` in microseconds since the Unix epoch. Raises
    Permanent when there is a span whose key no row can hold, or whose JSON is none."""
    columns = _key_columns(spans)
    columns["duration_ns"] = list(map(stored_duration, spans))
    return columns | _fields(spans, _SAME_AS_FIELD)


def content_columns(spans: Sequence[Span]) -> dict[str, Column]:
    """The same for `span_content`, by CONTENT_COLUMNS."""
    return _key_columns(spans) | _fields(spans, _CONTENT)


def has_content(span: Span) -> bool:
    """Whether a span has a row in `span_content`."""
    return bool(span.content) or span.input_preview is not None or span.output_preview is not None


def rows_of(columns: Mapping[str, Column]) -> list[tuple[Any, ...]]:
    """Columns as rows."""
    return list(zip(*columns.values(), strict=True))


def encoded_rows(columns: Mapping[str, Column]) -> list[bytes]:
    """The rows of columns as `copy_format.copy_rows` takes them."""
    return copy_format.rows_of([_ENCODERS[name](column) for name, column in columns.items()])


def stored_duration(span: Span) -> int:
    """The value of `duration_ns`, in nanoseconds."""
    return min(max(span.duration_ns, 0), BIGINT_MAX - span.start_time_ns)


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


def _key_columns(spans: Sequence[Span]) -> dict[str, Column]:
    projects, trace_ids, span_ids, starts = (
        [*map(attrgetter(name), spans)] for name in ("project", "trace_id", "span_id", "start_time_ns")
    )
    if {*map(len, trace_ids)} - {TRACE_ID_BYTES} or {*map(len, span_ids)} - {SPAN_ID_BYTES}:
        raise Permanent(f"trace_id and span_id must be {TRACE_ID_BYTES} and {SPAN_ID_BYTES} bytes")
    for start in (min(starts), max(starts)) if starts else ():
        check_time(start, "start_time_ns")
    for project in set(projects):
        check_project(project)
    return {
        "project": projects,
        "trace_id": trace_ids,
        "span_id": span_ids,
        "start_time": [start // 1000 for start in starts],
        "start_time_nanos": [start % 1000 for start in starts],
    }


def _fields(spans: Sequence[Span], kinds: Mapping[str, _Kind]) -> dict[str, Column]:
    columns = {name: kind.stored(map(attrgetter(name), spans)) for name, kind in kinds.items()}
    if {len(parent) for parent in columns.get("parent_span_id", ()) if parent is not None} - {SPAN_ID_BYTES}:
        raise Permanent(f"parent_span_id must be {SPAN_ID_BYTES} bytes or None")
    return columns
