"""Filters as conditions of SQL, over spans (alias `s`) and over trace summaries (alias `t`).

Of a trace, what its summary holds (status, model, user, cost, ...) is compared with the summary; any other condition
holds when it holds for one of the spans. Null counts as false, so that NOT finds what lacks a field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import orjson

from llmflow_core.filters import And, Condition, Filter, Not, Operator, Or, Text, Value
from llmflow_core.spans import SpanKind, Status
from llmflow_store.values import label

#: A condition's SQL, given the condition.
_Write = Callable[[Condition], str]

_SPAN_KEY = ("project", "trace_id", "span_id", "start_time", "start_time_nanos")
_OF_TRACE = "{0}.project = t.project AND {0}.trace_id = t.trace_id"
_WITHIN_TRACE = (
    f"{_OF_TRACE} AND {{0}}.start_time BETWEEN unix_ns_time(t.start_time_ns) AND unix_ns_time(t.end_time_ns)"
)

#: The columns of `spans AS s` by the fields of the filter language that have one value.
FIELD_COLUMNS = {
    "name": "s.name",
    "service": "s.service",
    "scope": "s.scope",
    "type": "s.observation_type",
    "status": "s.status",
    "error": "s.error_type",
    "http": "s.http_status",
    "provider": "s.provider",
    "model": "coalesce(s.model, s.response_model)",
    "user": "s.user_id",
    "session": "s.session_id",
    "environment": "s.environment",
    "release": "s.release",
    "prompt": "s.prompt_name",
    "prompt_version": "s.prompt_version",
    "tokens": "(coalesce(s.input_tokens, 0) + coalesce(s.output_tokens, 0))",
    "input_tokens": "s.input_tokens",
    "output_tokens": "s.output_tokens",
    "cache_read_tokens": "s.cache_read_tokens",
    "cache_write_tokens": "s.cache_write_tokens",
    "reasoning_tokens": "s.reasoning_tokens",
    "cost": "s.cost",
    "duration": "s.duration_ns",
    "ttft": "s.time_to_first_token_ns",
    "speed": "s.tokens_per_second",
}
_SPAN_ARRAYS = {"finish": "s.finish_reasons", "tag": "s.tags"}
#: Of these the columns hold `values.label`, and so is compared with what a filter says.
_LABELS = frozenset({"service", "provider", "model", "user", "session", "environment"})
_SPAN_IDS = {"trace": ("s.trace_id", 16), "span": ("s.span_id", 8), "parent": ("s.parent_span_id", 8)}

#: The columns of `traces AS t` by the fields that the summary of a trace tells.
TRACE_COLUMNS = {
    "name": "t.name",
    "user": "t.user_id",
    "session": "t.session_id",
    "environment": "t.environment",
    "tokens": "(t.input_tokens + t.output_tokens)",
    "input_tokens": "t.input_tokens",
    "output_tokens": "t.output_tokens",
    "cost": "t.cost",
    "duration": "(t.end_time_ns - t.start_time_ns)",
}
_TRACE_ARRAYS = {"model": "t.models", "service": "t.services", "tag": "t.tags"}


class Arguments:
    """The values of a statement's parameters, in order; `add` gives the place of a new one."""

    def __init__(self, *values: Any) -> None:
        self.values: list[Any] = list(values)

    def add(self, value: Any, cast: str | None = None) -> str:
        """`$n` for `value`, cast to an SQL type where the place does not imply it."""
        self.values.append(value)
        place = f"${len(self.values)}"
        return f"{place}::{cast}" if cast else place


def span_condition(parsed: Filter, arguments: Arguments) -> str:
    """What the rows of `spans AS s` must fulfil."""
    return _Writer(arguments).over_spans(parsed)


def trace_condition(parsed: Filter, arguments: Arguments, *, within_us: tuple[int, int] | None = None) -> str:
    """What the rows of `traces AS t` must fulfil, all of which lie `within_us`, Unix microseconds, if that is given."""
    return _Writer(arguments, within_us).over_traces(parsed)


def needs_spans(parsed: Filter) -> bool:
    """Whether a trace's summary does not tell if the trace fulfils the filter."""
    match parsed:
        case And(items=items) | Or(items=items):
            return any(map(needs_spans, items))
        case Not(item=item):
            return needs_spans(item)
        case Text():
            return True
        case Condition(field=name, operator=operator):
            return not (
                name in TRACE_COLUMNS
                or name in _TRACE_ARRAYS
                or name in ("root", "trace", "score")
                or (name == "status" and operator is Operator.EQ)
            )


def stored_value(condition: Condition) -> Value:
    """The value of an equality as the columns hold it."""
    value = condition.value
    return label(value) if isinstance(value, str) and condition.field in _LABELS else value


def rollup_condition(parsed: Filter, arguments: Arguments, columns: Mapping[str, str]) -> str | None:
    """What rows that have only `columns` (expressions by field) must fulfil; None if that cannot be told from them."""
    try:
        return _Writer(arguments).over_columns(parsed, columns)
    except _UnknownHere:
        return None


class _UnknownHere(Exception):  # noqa: N818 - never leaves this module
    """The rows at hand do not have what a condition is about."""


class _Writer:
    def __init__(self, arguments: Arguments, within_us: tuple[int, int] | None = None) -> None:
        self._add = arguments.add
        self._within_us = within_us

    def over_spans(self, parsed: Filter) -> str:
        return self._combined(parsed, self._of_span, lambda text: self._said(text, _same_span("w")))

    def over_traces(self, parsed: Filter) -> str:
        return self._combined(parsed, self._of_trace, lambda text: self._said(text, self._within_trace("w")))

    def over_columns(self, parsed: Filter, columns: Mapping[str, str]) -> str:
        def compared(condition: Condition) -> str:
            if condition.field not in columns:
                raise _UnknownHere
            return self._compared(columns[condition.field], condition)

        def said(_: Text) -> str:
            raise _UnknownHere

        return self._combined(parsed, compared, said)

    def _combined(self, parsed: Filter, condition: _Write, text: Callable[[Text], str]) -> str:
        match parsed:
            case And(items=items) if not items:
                return "true"
            case And(items=items) | Or(items=items):
                word = " AND " if isinstance(parsed, And) else " OR "
                return f"({word.join(self._combined(item, condition, text) for item in items)})"
            case Not(item=item):
                return f"({self._combined(item, condition, text)} IS NOT TRUE)"
            case Text():
                return text(parsed)
            case Condition():
                return condition(parsed)

    def _said(self, text: Text, which: str) -> str:
        query = f"words_query({self._add(text.text, 'text')}, {self._add(text.phrase, 'boolean')})"
        return f"EXISTS (SELECT FROM content_words AS w WHERE {which} AND w.words @@ {query})"

    def _of_span(self, condition: Condition) -> str:
        name = condition.field
        if name in FIELD_COLUMNS:
            return self._compared(FIELD_COLUMNS[name], condition)
        if name in _SPAN_ARRAYS:
            return self._in_array(_SPAN_ARRAYS[name], condition)
        if name in _SPAN_IDS:
            return self._id(*_SPAN_IDS[name], condition)
        if name == "score":
            return self._score(condition, "c.project = s.project AND c.trace_id = s.trace_id AND c.span_id = s.span_id")
        if name == "root":
            return f"((s.parent_span_id IS NULL) = {self._add(condition.value, 'boolean')})"
        if name == "kind":
            return f"(s.kind = {self._add(SpanKind[str(condition.value).upper()].value, 'smallint')})"
        return self._attribute({"attr": "s.attributes", "resource": "s.resource_attributes"}[name], condition)

    def _of_trace(self, condition: Condition) -> str:
        name = condition.field
        if name in TRACE_COLUMNS:
            return self._compared(TRACE_COLUMNS[name], condition)
        if name in _TRACE_ARRAYS:
            return self._in_array(_TRACE_ARRAYS[name], condition)
        if name == "status" and condition.operator is Operator.EQ:
            return "(t.error_count > 0)" if condition.value == Status.ERROR else "(t.error_count = 0)"
        if name == "root":
            return f"(t.has_root = {self._add(condition.value, 'boolean')})"
        if name == "trace":
            return self._id("t.trace_id", 16, condition)
        if name == "score":
            return self._score(condition, _OF_TRACE.format("c"))
        held = self._of_span(condition)
        return f"EXISTS (SELECT FROM spans AS s WHERE {self._within_trace('s')} AND {held})"

    def _within_trace(self, alias: str) -> str:
        which = _WITHIN_TRACE.format(alias)
        if self._within_us is None:
            return which
        # Known when the statement is planned, so that most chunks are no part of the plan.
        first, last = (self._add(time, "timestamptz") for time in self._within_us)
        return f"{which} AND {alias}.start_time BETWEEN {first} AND {last}"

    def _compared(self, column: str, condition: Condition) -> str:
        match condition.operator:
            case Operator.EXISTS:
                return f"({column} IS NOT NULL AND {column}::text <> '')"
            case Operator.LIKE:
                return f"({column} LIKE {self._add(_pattern(condition.value), 'text')})"
            case operator:
                value = stored_value(condition)
                return f"({column} {operator} {self._add(value, _cast(value))})"

    def _in_array(self, column: str, condition: Condition) -> str:
        match condition.operator:
            case Operator.EXISTS:
                return f"(cardinality({column}) > 0)"
            case Operator.LIKE:
                pattern = self._add(_pattern(condition.value), "text")
                return f"EXISTS (SELECT FROM unnest({column}) AS v (entry) WHERE v.entry LIKE {pattern})"
            case _:
                return f"({column} @> ARRAY[{self._add(stored_value(condition), 'text')}])"

    def _id(self, column: str, size: int, condition: Condition) -> str:
        if condition.operator is Operator.EXISTS:
            return f"({column} IS NOT NULL)"
        beginning = str(condition.value)
        low, high = beginning.ljust(2 * size, "0"), beginning.ljust(2 * size, "f")
        if len(low) > 2 * size:
            return "false"
        if low == high:
            return f"({column} = {self._add(bytes.fromhex(low))})"
        return f"({column} BETWEEN {self._add(bytes.fromhex(low))} AND {self._add(bytes.fromhex(high))})"

    def _score(self, condition: Condition, which: str) -> str:
        found = f"{which} AND c.name = {self._add(label(condition.key or ''), 'text')}"
        match condition.operator:
            case Operator.EXISTS:
                held = "true"
            case Operator.LIKE:
                held = f"c.label LIKE {self._add(_pattern(condition.value), 'text')}"
            case Operator.EQ:
                held = f"c.label = {self._add(condition.value, 'text')}"
                number = _number(condition.value)
                if number is not None:
                    held = f"({held} OR c.value = {self._add(float(number), 'double precision')})"
            case operator:
                held = f"c.value {operator} {self._add(condition.value, 'numeric')}"
        return f"EXISTS (SELECT FROM scores AS c WHERE {found} AND {held})"

    def _attribute(self, column: str, condition: Condition) -> str:
        key = condition.key
        match condition.operator:
            case Operator.EXISTS:
                return f"({column} ? {self._add(key, 'text')})"
            case Operator.LIKE:
                value = f"{column} ->> {self._add(key, 'text')}"
                return f"(({value}) LIKE {self._add(_pattern(condition.value), 'text')})"
            case Operator.EQ:
                contained = (f"{column} @> {self._add(holder, 'jsonb')}" for holder in _holders(condition))
                return f"({' OR '.join(contained)})"
            case operator:
                place = self._add(key, "text")
                limit = self._add(condition.value, "numeric")
                return (
                    f"(CASE WHEN jsonb_typeof({column} -> {place}) = 'number'"
                    f" THEN ({column} ->> {place})::numeric {operator} {limit} END)"
                )


def _same_span(alias: str) -> str:
    return " AND ".join(f"{alias}.{name} = s.{name}" for name in _SPAN_KEY)


def _holders(condition: Condition) -> list[bytes]:
    """JSON objects of which an attribute list contains one when the attribute, or an entry of it, is the value."""
    text = str(condition.value)
    values: list[bytes] = [orjson.dumps(text)]
    number = _number(text)
    if number is not None:
        values.append(format(number, "f").encode())
    elif text in ("true", "false"):
        values.append(text.encode())
    key = orjson.dumps(condition.key)
    return [b"{%s:%s}" % (key, held) for value in values for held in (value, b"[%s]" % value)]


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None


def _pattern(value: Any) -> str:
    escaped = str(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")


_CASTS: Mapping[type, str] = {str: "text", int: "bigint", Decimal: "numeric", bool: "boolean"}


def _cast(value: Any) -> str:
    return _CASTS[type(value)]
