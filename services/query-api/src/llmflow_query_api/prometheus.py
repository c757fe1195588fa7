"""`/metrics`: what model calls came to, as counters and histograms of Prometheus, and the process's own metrics.

The figures are the database's, so every replica shows the same and a restart resets none; docs/prometheus.md lists
them.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from litestar import Request, get
from litestar.connection import ASGIConnection
from litestar.middleware import AuthenticationResult
from litestar.params import QueryParameter
from litestar.response import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    UntypedMetricFamily,
)

from llmflow_core.api_keys import credential
from llmflow_core.errors import Retryable
from llmflow_query_api.auth import Connection
from llmflow_query_api.key_access import FOR_KEYS, Authentication
from llmflow_query_api.settings import MetricsAccess, is_loopback
from llmflow_store.sketch import value_of
from llmflow_store.usage import CallTotal, CostTotal, QualityScore, Totals, UsageTotals

PATH = "/metrics"
_FRESH_SECONDS = 5.0
_DURATION_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120)
_FIRST_TOKEN_SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10)
_LABELS = ["project", "model", "endpoint"]
#: A proxy on this machine says with these that it asks for somebody else.
_FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip")

_OfProject = TypeVar("_OfProject", CallTotal, CostTotal, QualityScore)


class UsageCache:
    """The totals as they were a few seconds ago at most, however often they are asked for."""

    def __init__(self, store: Totals) -> None:
        self._store = store
        self._reading = asyncio.Lock()
        self._totals: UsageTotals | None = None
        self._read_at = 0.0

    async def totals(self) -> UsageTotals:
        """The totals; raises Retryable while the database is away."""
        async with self._reading:
            if self._totals is None or time.monotonic() - self._read_at > _FRESH_SECONDS:
                self._totals = await self._store.usage_totals()
                self._read_at = time.monotonic()
            return self._totals


class MetricsAuthentication(Authentication):
    """As everywhere, except that some need not say who they are."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """Litestar's hook."""
        if credential(connection.headers) is None and _open_for(connection):
            return AuthenticationResult(user=None, auth=None)
        return await super().authenticate_request(connection)


@get(PATH, include_in_schema=False, middleware=[MetricsAuthentication], opt={FOR_KEYS: True})
async def get_metrics(
    request: Request[Any, Any, Any],
    project: Annotated[str | None, QueryParameter(description="All projects without it.", max_length=255)] = None,
) -> Response[bytes]:
    """Without the database, the process's own metrics and `llmflow_database_up 0`."""
    cache: UsageCache = request.app.state.usage_cache
    up = GaugeMetricFamily("llmflow_database_up", "Whether the database answered when the llm_ metrics were read.")
    try:
        families = [*families_of(await cache.totals(), project)]
        up.add_metric([], 1)
    except Retryable:
        families = []
        up.add_metric([], 0)
    own = generate_latest()
    body = own + generate_latest(_Families([up, *families]))
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


class _Families:
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def families_of(totals: UsageTotals, project: str | None) -> Iterator[Metric]:
    """The metrics of one project, or of all."""
    calls = _of(totals.calls, project)
    yield _requests(calls)
    yield _tokens(calls)
    yield _costs(_of(totals.costs, project))
    yield _durations(calls)
    yield _first_tokens(calls)
    yield _cache("llm_cache_hits", "Calls that a gateway answered from its cache.", calls, "cache_hits")
    yield _cache("llm_cache_misses", "Calls that a gateway did not find in its cache.", calls, "cache_misses")
    yield from _scores(_of(totals.scores, project))


def _of(rows: Sequence[_OfProject], project: str | None) -> list[_OfProject]:
    return [row for row in rows if project is None or row.project == project]


def _requests(calls: Sequence[CallTotal]) -> Metric:
    family = CounterMetricFamily("llm_requests", "Calls of a model.", labels=[*_LABELS, "status"])
    for call in calls:
        family.add_metric([call.project, call.model, call.endpoint, call.status], call.requests)
    return family


def _tokens(calls: Sequence[CallTotal]) -> Metric:
    sums: Counter[tuple[str, str, str]] = Counter()
    for call in calls:
        sums[call.project, call.model, "input"] += call.input_tokens
        sums[call.project, call.model, "output"] += call.output_tokens
    family = CounterMetricFamily(
        "llm_tokens",
        "Tokens that calls read (cached ones included) and wrote.",
        labels=["project", "model", "direction"],
    )
    for labels, tokens in sums.items():
        family.add_metric(labels, tokens)
    return family


def _costs(costs: Sequence[CostTotal]) -> Metric:
    # A counter's name would have to end in _total.
    family = UntypedMetricFamily(
        "llm_cost_usd",
        "What calls cost, in US dollars; a counter, whatever its type says.",
        labels=["project", "model", "user_id", "team_id"],
    )
    for cost in costs:
        family.add_metric([cost.project, cost.model, cost.user_id, cost.team_id], float(cost.cost))
    return family


def _durations(calls: Sequence[CallTotal]) -> Metric:
    family = HistogramMetricFamily("llm_request_duration_seconds", "How long calls took.", labels=_LABELS)
    for labels, group in _grouped(calls, with_endpoint=True).items():
        buckets = _buckets(_DURATION_SECONDS, [call.duration_ns for call in group])
        family.add_metric(labels, buckets, sum(call.duration_ns_sum for call in group) / 1e9)
    return family


def _first_tokens(calls: Sequence[CallTotal]) -> Metric:
    family = HistogramMetricFamily(
        "llm_ttft_seconds", "How long streams took to their first token.", labels=["project", "model"]
    )
    for labels, group in _grouped(calls, with_endpoint=False).items():
        buckets = _buckets(_FIRST_TOKEN_SECONDS, [call.time_to_first_token_ns for call in group])
        if buckets[-1][1]:
            family.add_metric(labels, buckets, sum(call.time_to_first_token_ns_sum for call in group) / 1e9)
    return family


def _cache(name: str, help_text: str, calls: Sequence[CallTotal], which: str) -> Metric:
    """Both counters exist for whatever has one of them, else the rate of hits could not be computed."""
    family = CounterMetricFamily(name, help_text, labels=["project", "model"])
    for labels, group in _grouped(calls, with_endpoint=False).items():
        if any(call.cache_hits or call.cache_misses for call in group):
            family.add_metric(labels, sum(getattr(call, which) for call in group))
    return family


def _scores(scores: Sequence[QualityScore]) -> Iterator[Metric]:
    labels = ["project", "model", "evaluator", "source"]
    mean = GaugeMetricFamily("llm_quality_score", "Mean of the scores of the last 24 hours.", labels=labels)
    number = GaugeMetricFamily("llm_quality_scores", "How many scores llm_quality_score is the mean of.", labels=labels)
    for score in scores:
        key = [score.project, score.model, score.evaluator, score.source]
        mean.add_metric(key, score.mean)
        number.add_metric(key, score.count)
    yield mean
    yield number


def _grouped(calls: Sequence[CallTotal], *, with_endpoint: bool) -> dict[tuple[str, ...], list[CallTotal]]:
    groups: defaultdict[tuple[str, ...], list[CallTotal]] = defaultdict(list)
    for call in calls:
        groups[(call.project, call.model, *([call.endpoint] if with_endpoint else []))].append(call)
    return groups


def _buckets(bounds_seconds: Sequence[float], sketches: Sequence[Mapping[int, int]]) -> list[tuple[str, float]]:
    """Cumulative counts; a value within 2 % of a bound may be counted on its other side."""
    counts = [(value_of(bucket), count) for sketch in sketches for bucket, count in sketch.items()]
    below = [sum(count for value, count in counts if value <= bound * 1e9) for bound in bounds_seconds]
    bounds = [str(float(bound)) for bound in bounds_seconds]
    return [*zip(bounds, below, strict=True), ("+Inf", sum(count for _, count in counts))]


def _open_for(connection: Connection) -> bool:
    access: MetricsAccess = connection.app.state.metrics_access
    if access != "loopback":
        return access == "everybody"
    # The name that was asked for is the browser's word against a page that had its own name lead here.
    hosts = (connection.client.host if connection.client else "", connection.url.hostname or "")
    return all(map(is_loopback, hosts)) and not any(name in connection.headers for name in _FORWARDING_HEADERS)
