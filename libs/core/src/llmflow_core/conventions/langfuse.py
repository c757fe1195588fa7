"""Langfuse's SDKs from version 3 on: `langfuse.observation.*`, `langfuse.trace.*`.

Values that are no text come as JSON text. Usage is of two kinds: Langfuse's own, a flat object whose members count
different tokens (`input` is without `cache_read_input_tokens`), and a provider's as it came, whose details
(`prompt_tokens_details`) are parts of its totals.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from llmflow_core.conventions.exchanges import exchange
from llmflow_core.conventions.rules import Convention
from llmflow_core.conventions.values import count, mapping, text, texts, usd
from llmflow_core.messages import Conversation
from llmflow_core.spans import JSON, ObservationType, Span, Status

_TYPES = {
    "generation": ObservationType.GENERATION,
    "embedding": ObservationType.EMBEDDING,
    "tool": ObservationType.TOOL,
    "agent": ObservationType.AGENT,
    "chain": ObservationType.CHAIN,
    "retriever": ObservationType.RETRIEVER,
    "evaluator": ObservationType.EVALUATOR,
    "guardrail": ObservationType.GUARDRAIL,
    "span": ObservationType.SPAN,
    "event": ObservationType.SPAN,
}
_INPUT = "langfuse.observation.input"
_OUTPUT = "langfuse.observation.output"
_TRACE_INPUT = "langfuse.trace.input"
_TRACE_OUTPUT = "langfuse.trace.output"
_CONTENT = frozenset({_INPUT, _OUTPUT, _TRACE_INPUT, _TRACE_OUTPUT})
_LEVEL = "langfuse.observation.level"
_COMPLETION_START = "langfuse.observation.completion_start_time"
# The totals of the providers' own usage objects.
_TOTALS = {
    "input": ("prompt_tokens", "promptTokens", "input_tokens"),
    "output": ("completion_tokens", "completionTokens", "output_tokens"),
}
_CACHE_READ = ("cache_read_input_tokens", "input_cache_read", "input_cached_tokens", "input_cache_read_tokens")
_CACHE_WRITE = ("cache_creation_input_tokens", "input_cache_creation", "input_cache_write_tokens")
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details")
_REASONING = ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens")


def _observation_type(span: Span) -> ObservationType | None:
    return _TYPES.get(str(span.attributes.get("langfuse.observation.type")))


def _tokens(side: str) -> Callable[[JSON], int | None]:
    """All tokens of a side, those of details included."""

    def total(value: JSON) -> int | None:
        usage = mapping(value) or {}
        if side not in usage and any(isinstance(usage.get(name), dict) for name in (*_INPUT_DETAILS, *_OUTPUT_DETAILS)):
            return next((found for name in _TOTALS[side] if (found := count(usage.get(name))) is not None), None)
        parts = [count(part) for name, part in usage.items() if _counts_to(side, name, usage)]
        stated = [part for part in parts if part is not None]
        return sum(stated) if stated else None

    return total


def _counts_to(side: str, name: str, usage: dict[str, Any]) -> bool:
    if name in _TOTALS[side]:
        return side not in usage
    if "priority" in name or ("ephemeral" in name and "cache_creation_input_tokens" in usage):
        return False
    return side in name


def _detail(names: tuple[str, ...], details: tuple[str, ...], nested: str) -> Callable[[JSON], int | None]:
    """One kind of tokens: a member of Langfuse's own usage object, or a detail of a provider's."""

    def found(value: JSON) -> int | None:
        usage = mapping(value) or {}
        values = [usage.get(name) for name in names]
        values += [inner.get(nested) for name in details if isinstance(inner := usage.get(name), dict)]
        return next((number for value in values if (number := count(value)) is not None), None)

    return found


def _cost(side: str) -> Callable[[JSON], Decimal | None]:
    def total(value: JSON) -> Decimal | None:
        costs = mapping(value) or {}
        parts = [part for name, cost in costs.items() if side in name and (part := usd(cost)) is not None]
        return sum(parts, Decimal(0)) if parts else None

    return total


def _total_cost(value: JSON) -> Decimal | None:
    costs = mapping(value) or {}
    if (total := usd(costs.get("total"))) is not None:
        return total
    parts = [part for cost in costs.values() if (part := usd(cost)) is not None]
    return sum(parts, Decimal(0)) if parts else None


def _finish(span: Span) -> None:
    attributes = span.attributes
    if _COMPLETION_START in attributes:
        span.time_to_first_token_ns = _after_start(span, attributes[_COMPLETION_START])
    if attributes.get(_LEVEL) == "ERROR":
        span.status = Status.ERROR
        span.status_message = span.status_message or text(attributes.get("langfuse.observation.status_message")) or ""


def _after_start(span: Span, value: JSON) -> int | None:
    """An ISO 8601 time, mostly in quotation marks, as nanoseconds after the start."""
    try:
        moment = datetime.fromisoformat(str(value).strip('"'))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        after = round(moment.timestamp() * 1e6) * 1000 - span.start_time_ns
    except (ValueError, OverflowError, OSError):
        return None
    return after if after >= 0 else None


def _conversation(span: Span) -> Conversation | None:
    content = span.content
    if _CONTENT.isdisjoint(content):
        return None
    return exchange(
        span,
        content.get(_INPUT, content.get(_TRACE_INPUT)),
        content.get(_OUTPUT, content.get(_TRACE_OUTPUT)),
    )


_PROCESS = {
    "langfuse.environment": ("environment", text),
    "langfuse.release": ("release", text),
}

CONVENTION = Convention(
    name="langfuse",
    marks=("langfuse.",),
    fields={
        "langfuse.observation.model.name": ("model", text),
        "langfuse.observation.model": ("model", text),
        "langfuse.observation.usage_details": (
            ("input_tokens", _tokens("input")),
            ("output_tokens", _tokens("output")),
            (
                "cache_read_tokens",
                _detail(_CACHE_READ, _INPUT_DETAILS, "cached_tokens"),
            ),
            ("cache_write_tokens", _detail(_CACHE_WRITE, _INPUT_DETAILS, "cache_write_tokens")),
            (
                "reasoning_tokens",
                _detail(_REASONING, _OUTPUT_DETAILS, "reasoning_tokens"),
            ),
        ),
        "langfuse.observation.cost_details": (
            ("cost", _total_cost),
            ("input_cost", _cost("input")),
            ("output_cost", _cost("output")),
        ),
        "langfuse.observation.prompt.name": ("prompt_name", text),
        "langfuse.observation.prompt.version": ("prompt_version", text),
        "langfuse.user.id": ("user_id", text),
        "langfuse.session.id": ("session_id", text),
        "langfuse.trace.tags": ("tags", texts),
        **_PROCESS,
        "langfuse.version": ("release", text),
    },
    resource_fields=_PROCESS,
    content=_CONTENT,
    observation_type=_observation_type,
    finish=_finish,
    conversation=_conversation,
)
