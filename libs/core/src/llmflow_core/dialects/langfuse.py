"""What Langfuse reads best: the GenAI conventions for messages, and its own names for what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from llmflow_core.dialects import genai
from llmflow_core.dialects.parts import json_text
from llmflow_core.dialects.tables import Dialect, same
from llmflow_core.spans import JSON, ObservationType, Span

# Langfuse has no kind of its own for it.
_TYPES = {ObservationType.RERANKER: ObservationType.RETRIEVER}

#: Of the year 9999.
_LAST_SECOND = 253_402_300_799


def _kind(span: Span) -> Mapping[str, JSON]:
    kind = ObservationType(span.observation_type)
    return {**genai.kind(span), "langfuse.observation.type": str(kind)} if kind not in _TYPES else genai.kind(span)


def _more(span: Span) -> Mapping[str, JSON]:
    usage = _usage(span)
    costs = {"input": span.input_cost, "output": span.output_cost, "total": span.cost}
    priced = {name: float(cost) for name, cost in costs.items() if cost is not None}
    first = span.time_to_first_token_ns
    return {
        "langfuse.observation.usage_details": json_text(usage) if usage else None,
        "langfuse.observation.cost_details": json_text(priced) if priced else None,
        "langfuse.observation.completion_start_time": _moment(span.start_time_ns + first) if first else None,
    }


def _usage(span: Span) -> dict[str, int]:
    """Tokens by kind: here cached tokens are none of the input's, and reasoning none of the output's."""
    details = {
        "cache_read_input_tokens": span.cache_read_tokens,
        "cache_creation_input_tokens": span.cache_write_tokens,
        "output_reasoning_tokens": span.reasoning_tokens,
    }
    usage = {name: count for name, count in details.items() if count is not None}
    if span.input_tokens is not None:
        usage["input"] = max(0, span.input_tokens - (span.cache_read_tokens or 0) - (span.cache_write_tokens or 0))
    if span.output_tokens is not None:
        usage["output"] = max(0, span.output_tokens - (span.reasoning_tokens or 0))
    return usage


def _moment(time_ns: int) -> str | None:
    seconds, nanoseconds = divmod(time_ns, 10**9)
    if seconds > _LAST_SECOND:
        return None
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    return moment.isoformat().replace("+00:00", "Z")


DIALECT = Dialect(
    facts={
        **genai.FACTS,
        "user_id": same("langfuse.user.id", "user.id"),
        "session_id": same("langfuse.session.id", "session.id"),
        "tags": same("langfuse.trace.tags"),
        "environment": same("langfuse.environment"),
        "release": same("langfuse.release"),
        "prompt_name": same("langfuse.observation.prompt.name"),
        "prompt_version": same("langfuse.observation.prompt.version"),
    },
    kind=_kind,
    said=genai.said,
    more=_more,
)
