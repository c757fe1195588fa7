"""The filter language over one span in memory: what `llmflow_core.filters` states, told of a Span.

It finds what the store finds over its spans, but for text: words of the content are found wherever they stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from llmflow_core.filters import And, Condition, Filter, Not, Operator, Or, Text, Value
from llmflow_core.spans import JSON, Score, Span, SpanKind

#: Letters of Chinese, Japanese and Korean, those of `paired_letters` in the store's search.sql: a word of them is found
#: within what is written without spaces.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
_WORD = re.compile(rf"{_UNSPACED.pattern}|(?:(?!{_UNSPACED.pattern})\w)+")

_READ: dict[str, Callable[[Span], Any]] = {
    "name": lambda span: span.name,
    "service": lambda span: span.service,
    "scope": lambda span: span.scope,
    "type": lambda span: span.observation_type,
    "status": lambda span: span.status,
    "error": lambda span: span.error_type,
    "http": lambda span: span.http_status,
    "provider": lambda span: span.provider,
    "model": lambda span: span.model or span.response_model,
    "finish": lambda span: span.finish_reasons,
    "user": lambda span: span.user_id,
    "session": lambda span: span.session_id,
    "tag": lambda span: span.tags,
    "environment": lambda span: span.environment,
    "release": lambda span: span.release,
    "prompt": lambda span: span.prompt_name,
    "prompt_version": lambda span: span.prompt_version,
    "tokens": lambda span: (span.input_tokens or 0) + (span.output_tokens or 0),
    "input_tokens": lambda span: span.input_tokens,
    "output_tokens": lambda span: span.output_tokens,
    "cache_read_tokens": lambda span: span.cache_read_tokens,
    "cache_write_tokens": lambda span: span.cache_write_tokens,
    "reasoning_tokens": lambda span: span.reasoning_tokens,
    "cost": lambda span: span.cost,
    "duration": lambda span: span.duration_ns,
    "ttft": lambda span: span.time_to_first_token_ns,
    "speed": lambda span: span.tokens_per_second,
    "root": lambda span: span.parent_span_id is None,
    "kind": lambda span: _kind(span.kind),
}
_IDS: dict[str, Callable[[Span], bytes | None]] = {
    "trace": lambda span: span.trace_id,
    "span": lambda span: span.span_id,
    "parent": lambda span: span.parent_span_id,
}


def matches(parsed: Filter, span: Span) -> bool:
    """Whether `span` is one of those that the filter describes."""
    match parsed:
        case And(items=items):
            return all(matches(item, span) for item in items)
        case Or(items=items):
            return any(matches(item, span) for item in items)
        case Not(item=item):
            return not matches(item, span)
        case Text():
            return _said(parsed, span)
        case Condition():
            return _holds(parsed, span)


def _holds(condition: Condition, span: Span) -> bool:
    name, key = condition.field, condition.key or ""
    if name in _READ:
        return _compared(_READ[name](span), condition)
    if name in _IDS:
        found = _IDS[name](span)
        if condition.operator is Operator.EXISTS:
            return found is not None
        return found is not None and found.hex().startswith(str(condition.value))
    if name == "score":
        return any(_of_score(score, condition) for score in span.scores if score.name == key)
    attributes = span.attributes if name == "attr" else span.resource_attributes
    return key in attributes and _of_attribute(attributes[key], condition)


def _compared(value: Any, condition: Condition) -> bool:
    if isinstance(value, list):
        return bool(value) if condition.operator is Operator.EXISTS else any(_compared(v, condition) for v in value)
    if value is None:
        return False
    match condition.operator:
        case Operator.EXISTS:
            return bool(value != "")
        case Operator.LIKE:
            return _like(str(value), condition.value)
        case Operator.EQ if isinstance(value, float):
            return Decimal(str(value)) == condition.value
        case Operator.EQ:
            return bool(value == condition.value)
        case operator:
            return _ordered(value, operator, condition.value)


def _ordered(value: Any, operator: Operator, limit: Value) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return False
    number, bound = Decimal(str(value)), Decimal(str(limit))
    match operator:
        case Operator.GT:
            return number > bound
        case Operator.GE:
            return number >= bound
        case Operator.LT:
            return number < bound
        case _:
            return number <= bound


def _of_attribute(value: JSON, condition: Condition) -> bool:
    match condition.operator:
        case Operator.EXISTS:
            return True
        case Operator.LIKE:
            return _like(value if isinstance(value, str) else orjson.dumps(value).decode(), condition.value)
        case Operator.EQ:
            return any(_equal(item, str(condition.value)) for item in (value if isinstance(value, list) else [value]))
        case operator:
            return _ordered(value, operator, condition.value)


def _of_score(score: Score, condition: Condition) -> bool:
    match condition.operator:
        case Operator.EXISTS:
            return True
        case Operator.LIKE:
            return score.label is not None and _like(score.label, condition.value)
        case Operator.EQ:
            return score.label == condition.value or _equal(score.value, str(condition.value))
        case operator:
            return _ordered(score.value, operator, condition.value)


def _equal(value: JSON, text: str) -> bool:
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, (int, float)):
        try:
            return Decimal(str(value)) == Decimal(text)
        except InvalidOperation:
            return False
    return bool(value == text)


def _like(text: str, pattern: Value) -> bool:
    return re.fullmatch(".*".join(map(re.escape, str(pattern).split("*"))), text, re.DOTALL) is not None


def _kind(number: int) -> str:
    return SpanKind(number).name.lower() if number in tuple(SpanKind) else ""


def _said(text: Text, span: Span) -> bool:
    said = [word for value in span.content.values() for word in _words(value)]
    wanted = list(_words(text.text))
    unspaced = {word for word in wanted if _UNSPACED.match(word)}
    if unspaced or not text.phrase:
        within = "\n".join(word for word in said if _UNSPACED.match(word))
        return set(wanted) - unspaced <= set(said) and all(word in within for word in unspaced)
    return any(said[start : start + len(wanted)] == wanted for start in range(len(said) - len(wanted) + 1))


def _words(value: JSON) -> Iterable[str]:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return (word.lower() for word in _WORD.findall(text))
