"""Questions about many spans at once: any metric by any dimension over time, and the answers' shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from llmflow_core.errors import Rejected
from llmflow_core.filters import Filter

Number = int | float | Decimal

#: Dimensions by name. `attr.KEY` and `resource.KEY` are dimensions as well.
DIMENSIONS = (
    "model",
    "provider",
    "service",
    "type",
    "status",
    "environment",
    "user",
    "session",
    "name",
    "release",
    "prompt",
    "prompt_version",
    "error",
    "scope",
    "tag",
)
_KEYED = ("attr.", "resource.")
_MOST_GROUPINGS = 3
_MOST_POINTS = 2000


class Metric(StrEnum):
    """What is measured. Counts and sums are of all spans that the filter lets through; LATENCY and TTFT are
    distributions, in nanoseconds."""

    SPANS = "spans"
    REQUESTS = "requests"
    ERRORS = "errors"
    ERROR_RATE = "error_rate"
    TOKENS = "tokens"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    CACHE_READ_TOKENS = "cache_read_tokens"
    CACHE_WRITE_TOKENS = "cache_write_tokens"
    REASONING_TOKENS = "reasoning_tokens"
    COST = "cost"
    INPUT_COST = "input_cost"
    OUTPUT_COST = "output_cost"
    UNPRICED = "unpriced"
    LATENCY = "latency"
    TTFT = "ttft"


Aggregation = Literal["sum", "avg", "rate", "p50", "p90", "p95", "p99"]
#: Shares of a distribution below which its percentiles lie.
QUANTILES: Mapping[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
DISTRIBUTIONS = frozenset({Metric.LATENCY, Metric.TTFT})


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsQuery:
    """One metric of the spans that started in from ≤ start < to, in total and for the largest groups.

    `sum` is for counts, tokens and costs, `rate` the same a second, `avg` a span (of ERROR_RATE: the share); the
    percentiles and `avg` are for distributions. With an `interval` every group has a point for each interval in which
    it has spans. Only spans that have a value in every dimension of `group_by` are in a group.
    """

    project: str
    metric: Metric
    aggregation: Aggregation
    from_time: datetime
    to_time: datetime
    group_by: tuple[str, ...] = ()
    interval: timedelta | None = None
    filter: Filter | None = None
    limit: int = 20

    def check(self) -> None:
        """Raise Rejected, naming the field, for a question that makes no sense."""
        if self.from_time >= self.to_time:
            raise Rejected("must be after from", field="to")
        if len(self.group_by) > _MOST_GROUPINGS or len(set(self.group_by)) < len(self.group_by):
            raise Rejected(f"takes up to {_MOST_GROUPINGS} different dimensions", field="group_by")
        for name in self.group_by:
            if name not in DIMENSIONS and not any(name.startswith(keyed) and name != keyed for keyed in _KEYED):
                known = ", ".join((*DIMENSIONS, "attr.KEY", "resource.KEY"))
                raise Rejected(f"unknown dimension {name!r}; one of {known}", field="group_by")
        self._check_aggregation()
        if self.interval is not None:
            if self.interval < timedelta(minutes=1) or self.interval % timedelta(minutes=1):
                raise Rejected("must be whole minutes", field="interval")
            if (self.to_time - self.from_time) / self.interval > _MOST_POINTS:
                raise Rejected(f"gives more than {_MOST_POINTS} points; make it longer", field="interval")

    def _check_aggregation(self) -> None:
        if self.metric in DISTRIBUTIONS:
            allowed = {"avg", *QUANTILES}
        elif self.metric is Metric.ERROR_RATE:
            allowed = {"avg"}
        else:
            allowed = {"sum", "avg", "rate"}
        if self.aggregation not in allowed:
            raise Rejected(f"{self.metric} can be {', '.join(sorted(allowed))}", field="aggregation")


@dataclass(frozen=True, slots=True)
class Point:
    """The value of the interval that begins at `time_us`, in Unix microseconds; None where nothing was measured."""

    time_us: int
    value: Number | None


@dataclass(frozen=True, slots=True)
class Group:
    """The value of one group, over how many spans, and its course. `key` is in the order of `group_by`."""

    key: tuple[str, ...]
    value: Number | None
    span_count: int
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class AnalyticsResult:
    """`total` is over all spans, in a group or not. Times are Unix microseconds: what was counted really, which is the
    question's range widened to whole minutes, or to hours where only those are kept. `source` says what was read."""

    from_us: int
    to_us: int
    total: Group
    groups: Sequence[Group]
    source: Literal["rollups", "spans"]


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a dimension, and how many spans have it."""

    value: str
    span_count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """The most frequent values by dimension. `sampled` says that only the newest matching spans were counted."""

    values: Mapping[str, Sequence[FacetValue]]
    sampled: bool
