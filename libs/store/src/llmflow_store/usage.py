"""What model calls came to since the beginning: the port, a part of `Store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTotal:
    """Calls of one model at one endpoint with one outcome. A label that is not known is ''.

    `endpoint` is OpenTelemetry's `gen_ai.operation.name` (`chat`, `embeddings`, ...), `status` is `success` or `error`.
    `cache_hits` and `cache_misses` count the calls of which a gateway said which it was. Sums in nanoseconds; sketches
    are `llmflow_store.sketch`'s.
    """

    project: str
    model: str
    endpoint: str
    status: str
    requests: int
    input_tokens: int
    output_tokens: int
    cache_hits: int
    cache_misses: int
    duration_ns_sum: int
    duration_ns: Mapping[int, int]
    time_to_first_token_ns_sum: int
    time_to_first_token_ns: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTotal:
    """What one user's and team's calls of one model cost, in US dollars."""

    project: str
    model: str
    user_id: str
    team_id: str
    cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityScore:
    """The mean of the scores of one name that one source gave to one model's answers in the last 24 hours."""

    project: str
    model: str
    evaluator: str
    source: str
    mean: float
    count: int


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """The totals of all projects. Of labels beyond the first 1,000 sets of a project all are `other`."""

    calls: Sequence[CallTotal]
    costs: Sequence[CostTotal]
    scores: Sequence[QualityScore]


class Totals(Protocol):
    """Totals of all projects, written with the spans by `Store.write_spans`."""

    async def usage_totals(self) -> UsageTotals:
        """What all calls came to that were written since the database has these totals. Calls and costs only ever grow,
        whatever retention takes away, until their project is deleted. Raises Retryable while the database is away."""
        ...
