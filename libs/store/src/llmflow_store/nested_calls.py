"""One call of a model that comes as two spans at different times: from LLMFlow's proxy, a gateway or a server at once,
from the instrumentation of the program that made it with its next batch. Its tokens and cost count once. So do those of
an agent's calls, which may be stored when the agent's own span comes with their sum."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import asyncpg

from llmflow_core.conventions.nested import CALLS, states_a_sum, states_tokens, sums_of_others
from llmflow_core.spans import SUMMING_TYPES, ObservationType, Span, SpanKind
from llmflow_store.batches import Key, SpanBatch

#: Spans of the requests by which calls travel.
_CARRIERS = (SpanKind.CLIENT, SpanKind.SERVER)
_DEEPEST = 16

# A trace can last for days and grow with every batch: only what may be around or within the new calls is read.
_AROUND_US = 3_600_000_000
_SKEW_US = 60_000_000
_PLACES = """
SELECT s.project, s.trace_id, s.span_id, s.parent_span_id, s.observation_type = ANY($5)
    AND coalesce(s.input_tokens, s.output_tokens) IS NOT NULL AS counts
FROM unnest($1::text[], $2::bytea[]) AS k (project, trace_id) JOIN spans s USING (project, trace_id)
WHERE s.start_time BETWEEN $3 AND $4
    AND (s.observation_type = ANY($5) OR s.observation_type = 'span' AND s.kind = ANY($6::smallint[]))
"""
_BELOW = """
SELECT s.project, s.trace_id, s.span_id, s.parent_span_id,
    s.observation_type = ANY($5) AND coalesce(s.input_tokens, s.output_tokens) IS NOT NULL AS counts
FROM unnest($1::text[], $2::bytea[]) AS k (project, trace_id) JOIN spans s USING (project, trace_id)
WHERE s.start_time BETWEEN $3 AND $4
"""

#: Project, trace id and span id.
_Id = tuple[str, bytes, bytes]


class _Place(NamedTuple):
    parent: bytes | None
    counts: bool
    is_stored: bool


async def counted_elsewhere(
    connection: asyncpg.Connection[Any],
    batch: SpanBatch,
    known: Collection[Key],
    traces: Collection[tuple[Any, ...]],
) -> set[_Id]:
    """The calls of `batch` that are to be left uncounted, since a call around or within them counts, and its agents
    with the sum of what is below them.

    That may be one in the store or one in the batch; of calls in the batch the innermost counts. `known` are the keys
    that were stored before, `traces` the traces whose stored spans are looked at.
    """
    sums = await _sums_of_others(connection, batch, known, traces)
    new = [span for key, span in zip(batch.keys, batch.spans, strict=True) if states_tokens(span) and key not in known]
    if not new:
        return sums
    places = {
        _id(span): _Place(span.parent_span_id, states_tokens(span), is_stored=False)
        for span in batch.spans
        if span.observation_type in CALLS or _carries(span)
    }
    if grown := {(span.project, span.trace_id) for span in new}.intersection(traces):
        rows = await connection.fetch(
            _PLACES,
            *zip(*grown, strict=True),
            min(span.start_time_ns for span in new) // 1000 - _AROUND_US,
            max(span.end_time_ns for span in new) // 1000 + _SKEW_US,
            CALLS,
            _CARRIERS,
        )
        fresh = {key[:3] for key in batch.keys if key not in known}
        places |= {row[:3]: _Place(row[3], row[4], is_stored=True) for row in map(tuple, rows) if row[:3] not in fresh}
    return sums | _counted_elsewhere(places)


async def _sums_of_others(
    connection: asyncpg.Connection[Any],
    batch: SpanBatch,
    known: Collection[Key],
    traces: Collection[tuple[Any, ...]],
) -> set[_Id]:
    """The agents of `batch` below which, there or in the store, is what their sums are of."""
    new = [span for key, span in zip(batch.keys, batch.spans, strict=True) if states_a_sum(span) and key not in known]
    if not new:
        return set()
    parents = {_id(span): (span.project, span.trace_id, span.parent_span_id or b"") for span in batch.spans}
    counting = {_id(span) for span in batch.spans if states_tokens(span) or states_a_sum(span)}
    if grown := {(span.project, span.trace_id) for span in new}.intersection(traces):
        rows = await connection.fetch(
            _BELOW,
            *zip(*grown, strict=True),
            min(span.start_time_ns for span in new) // 1000 - _SKEW_US,
            max(span.end_time_ns for span in new) // 1000 + _SKEW_US,
            (*CALLS, *SUMMING_TYPES),
        )
        for project, trace_id, span_id, parent, counts in rows:
            key = (project, trace_id, span_id)
            parents.setdefault(key, (project, trace_id, parent or b""))
            if counts:
                counting.add(key)
    return sums_of_others(parents, counting, {_id(span) for span in new})


def _id(span: Span) -> _Id:
    return span.project, span.trace_id, span.span_id


def _carries(span: Span) -> bool:
    return span.observation_type == ObservationType.SPAN and span.kind in _CARRIERS


def _counted_elsewhere(places: Mapping[_Id, _Place]) -> set[_Id]:
    found: set[_Id] = set()
    for key, place in places.items():
        if place.counts and (around := list(_around(key, places))):
            found.update(outer for outer in around if not places[outer].is_stored)
            if not place.is_stored and any(places[outer].is_stored for outer in around):
                found.add(key)
    return found


def _around(key: _Id, places: Mapping[_Id, _Place]) -> Iterator[_Id]:
    """The calls that count among what is around one, as far as only calls and their requests are."""
    for _ in range(_DEEPEST):
        key = (*key[:2], places[key].parent or b"")
        if key not in places:
            return
        if places[key].counts:
            yield key
