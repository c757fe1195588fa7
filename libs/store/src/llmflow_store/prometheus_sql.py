"""Totals without time, for Prometheus: kept by every write and never reduced, so that they are counters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

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


@dataclass(slots=True)
class _Call:
    """What is added to one row of usage_totals."""

    sums: Counter[str] = field(default_factory=Counter)
    duration_ns: Counter[int] = field(default_factory=Counter)
    time_to_first_token_ns: Counter[int] = field(default_factory=Counter)

    def merge(self, other: _Call) -> None:
        self.sums.update(other.sums)
        self.duration_ns.update(other.duration_ns)
        self.time_to_first_token_ns.update(other.time_to_first_token_ns)


async def add_to_totals(connection: asyncpg.Connection[Any], spans: Iterable[Span]) -> None:
    """Add the model calls among `spans`, all of them new, within the open transaction."""
    made = [span for span in spans if span.observation_type in _CALLS]
    if made:
        await _add_calls(connection, made)
        await _add_costs(connection, [span for span in made if span.cost])


async def usage_totals(connection: asyncpg.Connection[Any]) -> UsageTotals:
    """See `Usage.usage_totals`."""
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
    for name in _CACHE_ATTRIBUTES:
        said = span.attributes.get(name)
        if said is None:
            continue
        said = said[0] if isinstance(said, list) and said else said
        word = str(said).strip().lower()
        if word in _HITS or word in _MISSES:
            return word in _HITS
    return None


async def _add_calls(connection: asyncpg.Connection[Any], spans: Sequence[Span]) -> None:
    found: defaultdict[tuple[str, ...], _Call] = defaultdict(_Call)
    for span in spans:
        call, cached = found[call_key(span)], cache_outcome(span)
        first_token_ns = values.within(span.time_to_first_token_ns, values.BIGINT_MAX)
        duration_ns = stored_duration(span)
        sums = call.sums
        sums["requests"] += 1
        sums["input_tokens"] += values.within(span.input_tokens, values.MOST_TOKENS) or 0
        sums["output_tokens"] += values.within(span.output_tokens, values.MOST_TOKENS) or 0
        sums["cache_hits"] += cached is True
        sums["cache_misses"] += cached is False
        sums["duration_ns_sum"] += duration_ns
        sums["time_to_first_token_ns_sum"] += first_token_ns or 0
        call.duration_ns[bucket_of(duration_ns)] += 1
        if first_token_ns is not None:
            call.time_to_first_token_ns[bucket_of(first_token_ns)] += 1
    rows: defaultdict[tuple[str, ...], _Call] = defaultdict(_Call)
    kept = await _kept(connection, "usage_totals", _CALL_KEY, found)
    for key, call in found.items():
        rows[key if key in kept else (key[0], OTHER, OTHER, key[3])].merge(call)
    await connection.executemany(_ADD_CALLS, [_call_row(key, rows[key]) for key in sorted(rows)])


async def _add_costs(connection: asyncpg.Connection[Any], spans: Sequence[Span]) -> None:
    found: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for span in spans:
        team = next((str(span.attributes[name]) for name in _TEAM_ATTRIBUTES if name in span.attributes), "")
        key = (span.project, call_key(span)[1], values.label(span.user_id or ""), values.label(team))
        found[key] += values.cost(span.cost) or 0
    kept = await _kept(connection, "cost_totals", _COST_KEY, found)
    rows: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for labels, cost in found.items():
        rows[labels if labels in kept else (labels[0], OTHER, OTHER, OTHER)] += max(cost, Decimal(0))
    if rows:
        ordered = sorted(rows)
        await connection.execute(_ADD_COSTS, *zip(*ordered, strict=True), [rows[key] for key in ordered])


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


def _call_row(key: tuple[str, ...], call: _Call) -> tuple[Any, ...]:
    sketches = (_sketch(call.duration_ns), _sketch(call.time_to_first_token_ns))
    return (*key, *(call.sums[name] for name in _CALL_SUMS), *sketches)


def _sketch(counts: Counter[int]) -> tuple[list[int], list[int]]:
    buckets = sorted(counts)
    return buckets, [counts[bucket] for bucket in buckets]


def _call_total(row: asyncpg.Record) -> CallTotal:
    fields: dict[str, Any] = {name: row[name] for name in _CALL_KEY}
    fields |= {name: int(row[name]) for name in _CALL_SUMS}
    fields |= {name: dict(zip(*row[name], strict=True)) for name in _CALL_SKETCHES}
    return CallTotal(**fields)
