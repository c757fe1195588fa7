"""Tokens that several spans state: a call of a model traced twice, by an instrumentation and by the library that it
instruments, and the sum of an agent's calls."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TypeVar

from llmflow_core.conventions.rules import forget_sums
from llmflow_core.spans import SUMMING_TYPES, ObservationType, Span

#: What is a call of a model.
CALLS = (ObservationType.GENERATION, ObservationType.EMBEDDING)

KeyT = TypeVar("KeyT", bound=Hashable)


def states_tokens(span: Span) -> bool:
    """Whether a span is a call of a model that says how many tokens it took."""
    return span.observation_type in CALLS and (span.input_tokens is not None or span.output_tokens is not None)


def states_a_sum(span: Span) -> bool:
    """Whether a span is that of an agent asked elsewhere, which says what it took in all."""
    stated = (span.input_tokens, span.output_tokens, span.cost)
    return span.observation_type in SUMMING_TYPES and any(value is not None for value in stated)


def sums_of_others(parents: Mapping[KeyT, KeyT], counting: Iterable[KeyT], sums: Collection[KeyT]) -> set[KeyT]:
    """Those of `sums` below which one of `counting` is, however deep; `parents` has the key of each span's parent."""
    found: set[KeyT] = set()
    climbed: set[KeyT] = set()
    for key in counting:
        above = parents[key]
        while above in parents and above not in climbed:
            climbed.add(above)
            if above in sums:
                found.add(above)
            above = parents[above]
    return found


def count_nested_once(spans: Collection[Span]) -> None:
    """Take tokens and cost from each call whose direct child, among `spans`, is a call that states them as well, and
    from each agent that has a call or an agent that states them among `spans` below it.

    The attributes keep what the outer one said. Spans of one batch only: the store sees to those that come apart.
    """
    calls = {(span.trace_id, span.span_id): span for span in spans if states_tokens(span)}
    sums = {(span.trace_id, span.span_id): span for span in spans if states_a_sum(span)}
    if sums:
        parents = {(span.trace_id, span.span_id): (span.trace_id, span.parent_span_id or b"") for span in spans}
        for key in sums_of_others(parents, [*sums, *calls], sums):
            forget_sums(sums[key])
    if len(calls) > 1:
        for span in calls.values():
            outer = calls.get((span.trace_id, span.parent_span_id or b""))
            if outer is not None:
                forget_sums(outer)
