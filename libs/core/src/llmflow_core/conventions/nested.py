"""One call of a model, traced twice: by an instrumentation, and by the library that it instruments."""

from __future__ import annotations

from collections.abc import Iterable

from llmflow_core.conventions.rules import forget_sums
from llmflow_core.spans import ObservationType, Span

#: What is a call of a model.
CALLS = (ObservationType.GENERATION, ObservationType.EMBEDDING)


def states_tokens(span: Span) -> bool:
    """Whether a span is a call of a model that says how many tokens it took."""
    return span.observation_type in CALLS and (span.input_tokens is not None or span.output_tokens is not None)


def count_nested_once(spans: Iterable[Span]) -> None:
    """Take tokens and cost from each call whose direct child, among `spans`, is a call that states them as well.

    The attributes keep what the outer one said. Spans of one batch only: the store sees to those that come apart.
    """
    calls = {(span.trace_id, span.span_id): span for span in spans if states_tokens(span)}
    if len(calls) > 1:
        for span in calls.values():
            outer = calls.get((span.trace_id, span.parent_span_id or b""))
            if outer is not None:
                forget_sums(outer)
