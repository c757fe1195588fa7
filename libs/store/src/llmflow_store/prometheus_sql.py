"""Totals without time, for Prometheus: kept by every write and never reduced, so that they are counters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, TypeAlias

import asyncpg

from llmflow_core.spans import ObservationType, Span, Status
from llmflow_store import values
from llmflow_store.rows import stored_duration
from llmflow_store.sketch import bucket_of
from llmflow_store.usage import CallTotal, CostTotal, QualityScore, UsageTotals

#: The sets of labels that a project has in either table; what comes later is counted as OTHER.
MOST_SETS = 1000
OTHER = "other"
_CALLS = frozenset({ObservationType.GENERATION, ObservationType.EMBEDDING})
_TEAM_ATTRIBUTES = ("team_id", "metadata.team_id")
#: What gateways say of their own caches, as a header of the response (Helicone, Portkey) or an attribute (LiteLLM).
_CACHE_ATTRIBUTES = (
    "http.response.header.helicone-cache",
    "http.response.header.x-portkey-cache-status",
    "cache_hit",
    "metadata.cache_hit",
    "llm.cache_hit",
)
_HITS = frozenset({"hit", "semantic hit", "true"})
_MISSES = frozenset({"miss", "semantic miss", "false"})

_CALL_KEY = ("project", "model", "endpoint", "status")
_CALL_SUMS = (
    "requests",
    "input_tokens",
    "output_tokens",
    "cache_hits",
    "cache_misses",
    "duration_ns_sum",
    "time_to_first_token_ns_sum",
)
_CALL_SKETCHES = ("duration_ns", "time_to_first_token_ns")
_CALL_COLUMNS = (*_CALL_KEY, *_CALL_SUMS, *_CALL_SKETCHES)
_COST_KEY = ("project", "model", "user_id", "team_id")
#: Calls by their rows of usage_totals.
_Groups: TypeAlias = Mapping[tuple[str, ...], Sequence[Span]]

_ADD_CALLS = f"""
INSERT INTO usage_totals AS t ({", ".join(_CALL_COLUMNS)})
VALUES ({", ".join(f"${n + 1}" for n in range(len(_CALL_COLUMNS)))})
ON CONFLICT ({", ".join(_CALL_KEY)}) DO UPDATE SET
    {", ".join(f"{name} = t.{name} + excluded.{name}" for name in _CALL_SUMS)},
    {", ".join(f"{name} = sketch_merge(t.{name}, excluded.{name})" for name in _CALL_SKETCHES)}
"""  # noqa: S608 - the names are constants
_ADD_COSTS = """
INSERT INTO cost_totals AS t (project, model, user_id, team_id, cost)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[])
ON CONFLICT (project, model, user_id, team_id) DO UPDATE SET cost = t.cost + excluded.cost
"""

# A score of a span is of the span's model, one of a trace of the trace's, if that used one only.
_SCORES = """
WITH recent AS (
    SELECT s.project, s.trace_id, s.span_id, s.name, s.source, s.value
    FROM projects AS p
    CROSS JOIN LATERAL (
        SELECT * FROM scores
        WHERE project = p.name AND time >= now() - interval '24 hours' AND value IS NOT NULL
        ORDER BY time DESC LIMIT 10000
    ) AS s
)
SELECT
    r.project,
    coalesce(CASE WHEN cardinality(t.models) = 1 THEN t.models[1] ELSE s.model END, '') AS model,
    r.name AS evaluator,
    r.source,
    avg(r.value::numeric)::double precision AS mean,
    count(*) AS count
FROM recent AS r
LEFT JOIN traces AS t USING (project, trace_id)
LEFT JOIN LATERAL (
    SELECT coalesce(model, response_model) AS model FROM spans
    WHERE project = r.project AND trace_id = r.trace_id AND span_id = r.span_id AND cardinality(t.models) > 1
        AND start_time >= 'epoch'::timestamptz + t.start_time_ns / 1000 * interval '1 microsecond'
        AND start_time <= 'epoch'::timestamptz + t.end_time_ns / 1000 * interval '1 microsecond'
    LIMIT 1
) AS s ON true
GROUP BY 1, 2, 3, 4
ORDER BY count DESC, 1, 2, 3, 4
LIMIT 1000
"""


async def add_to_totals(connection: asyncpg.Connection[Any], spans: Iterable[Span]) -> None:
    """Add the model calls among `spans`, all of them new, within the open transaction."""
    made = [span for span in spans if span.observation_type in _CALLS]
    if made:
        groups: defaultdict[tuple[str, ...], list[Span]] = defaultdict(list)
        for span in made:
            groups[call_key(span)].append(span)
        await _add_calls(connection, groups)
        await _add_costs(connection, groups)


async def usage_totals(connection: asyncpg.Connection[Any]) -> UsageTotals:
    """See `Totals.usage_totals`."""
    calls = await connection.fetch(f"SELECT {', '.join(_CALL_COLUMNS)} FROM usage_totals")  # noqa: S608
    costs = await connection.fetch("SELECT project, model, user_id, team_id, cost FROM cost_totals")
    scores = await connection.fetch(_SCORES)
    return UsageTotals(
        calls=[_call_total(row) for row in calls],
        costs=[CostTotal(**row) for row in costs],
        scores=[QualityScore(**row) for row in scores],
    )


def call_key(span: Span) -> tuple[str, str, str, str]:
    """The row of usage_totals that counts a model call: project, model, endpoint and status."""
    endpoint = span.attributes.get("gen_ai.operation.name")
    return (
        span.project,
        values.label(span.model or span.response_model or ""),
        values.label(endpoint) if isinstance(endpoint, str) else str(span.observation_type),
        "error" if span.status == Status.ERROR else "success",
    )


def cache_outcome(span: Span) -> bool | None:
    """Whether a gateway answered a call from its cache; None when nobody says."""
    if span.attributes.keys().isdisjoint(_CACHE_ATTRIBUTES):
        return None
    for name in _CACHE_ATTRIBUTES:
        said = span.attributes.get(name)
        if said is None:
            continue
        said = said[0] if isinstance(said, list) and said else said
        word = str(said).strip().lower()
        if word in _HITS or word in _MISSES:
            return word in _HITS
    return None


async def _add_calls(connection: asyncpg.Connection[Any], groups: _Groups) -> None:
    rows: defaultdict[tuple[str, ...], list[Span]] = defaultdict(list)
    kept = await _kept(connection, "usage_totals", _CALL_KEY, groups)
    for key, spans in groups.items():
        rows[key if key in kept else (key[0], OTHER, OTHER, key[3])] += spans
    await connection.executemany(_ADD_CALLS, [(*key, *_sums(rows[key])) for key in sorted(rows)])


def _sums(spans: Sequence[Span]) -> tuple[Any, ...]:
    """The values of _CALL_SUMS and _CALL_SKETCHES."""
    cached = Counter(map(cache_outcome, spans))
    durations = [stored_duration(span) for span in spans]
    first_tokens = _counted(spans, "time_to_first_token_ns", values.BIGINT_MAX)
    return (
        len(spans),
        sum(_counted(spans, "input_tokens", values.MOST_TOKENS)),
        sum(_counted(spans, "output_tokens", values.MOST_TOKENS)),
        cached[True],
        cached[False],
        sum(durations),
        sum(first_tokens),
        _sketch(durations),
        _sketch(first_tokens),
    )


def _counted(spans: Iterable[Span], name: str, most: int) -> list[int]:
    return [value for value in map(attrgetter(name), spans) if value is not None and 0 <= value <= most]


async def _add_costs(connection: asyncpg.Connection[Any], groups: _Groups) -> None:
    found: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for (project, model, *_), spans in groups.items():
        for span in spans:
            cost = values.cost(span.cost)
            if cost is not None and cost > 0:
                found[project, model, values.label(span.user_id or ""), _team_of(span)] += cost
    if not found:
        return
    rows: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    kept = await _kept(connection, "cost_totals", _COST_KEY, found)
    for key, cost in found.items():
        rows[key if key in kept else (key[0], OTHER, OTHER, OTHER)] += cost
    ordered = sorted(rows)
    await connection.execute(_ADD_COSTS, *zip(*ordered, strict=True), [rows[key] for key in ordered])


def _team_of(span: Span) -> str:
    if span.attributes.keys().isdisjoint(_TEAM_ATTRIBUTES):
        return ""
    return values.label(next(str(span.attributes[name]) for name in _TEAM_ATTRIBUTES if name in span.attributes))


async def _kept(
    connection: asyncpg.Connection[Any], table: str, columns: Sequence[str], keys: Iterable[tuple[str, ...]]
) -> set[tuple[str, ...]]:
    """Those of `keys` that have a row or may still get one. Writers at work at once may let in a few too many."""
    wanted = sorted(keys)
    projects = sorted({key[0] for key in wanted})
    rows = await connection.fetch(
        f"SELECT {', '.join(columns)} FROM {table} WHERE project = ANY ($1)",  # noqa: S608 - constants
        projects,
    )
    known = {tuple(row) for row in rows}
    sets = Counter(key[0] for key in known)
    kept = set()
    for key in wanted:
        if key not in known:
            sets[key[0]] += 1
        if key in known or sets[key[0]] <= MOST_SETS:
            kept.add(key)
    return kept


def _sketch(measured: Iterable[int]) -> tuple[list[int], list[int]]:
    counts = Counter(map(bucket_of, measured))
    buckets = sorted(counts)
    return buckets, [counts[bucket] for bucket in buckets]


def _call_total(row: asyncpg.Record) -> CallTotal:
    fields: dict[str, Any] = {name: row[name] for name in _CALL_KEY}
    fields |= {name: int(row[name]) for name in _CALL_SUMS}
    fields |= {name: dict(zip(*row[name], strict=True)) for name in _CALL_SKETCHES}
    return CallTotal(**fields)
