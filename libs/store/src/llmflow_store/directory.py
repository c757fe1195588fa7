"""Who and what appears in a project: users, models, and the values to complete a filter with. The port, a part of
`Store`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol

from llmflow_core.filters import Filter
from llmflow_store.analytics import FacetValue

#: What users and models can be ordered by, largest first.
Order = Literal["cost", "requests", "tokens", "errors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What some spans come to. Requests are generations and embeddings; `last_time_us`, in Unix microseconds, is the
    beginning of the hour or the day of the newest span."""

    span_count: int
    request_count: int
    error_count: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost: Decimal
    unpriced_count: int
    last_time_us: int


@dataclass(frozen=True, slots=True)
class UserUsage:
    """One end user, as the application names them."""

    user_id: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class UserCourse:
    """One user's usage, in all and by interval: pairs of its beginning, in Unix microseconds, and what happened."""

    user_id: str
    usage: Usage
    course: Sequence[tuple[int, Usage]]


@dataclass(frozen=True, slots=True)
class Distribution:
    """Percentiles of a duration in nanoseconds, within 2 %; None where nothing was measured."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """One model of one provider ('' where none was named): all spans that state it, agents and chains aside, for what
    those state is the sum of the calls inside them."""

    provider: str
    model: str
    usage: Usage
    latency: Distribution
    time_to_first_token: Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class UserQuery:
    """Which users with spans that started in from ≤ start < to, widened to whole hours; those whose id begins with
    `prefix`, the largest `limit` by `order`. Only their spans that fulfil `filter` count."""

    project: str
    from_time: datetime
    to_time: datetime
    order: Order = "cost"
    prefix: str = ""
    filter: Filter | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelQuery:
    """Which models with spans that started in from ≤ start < to, widened to whole minutes; with `unpriced_only`, those
    of which some requests have no known price."""

    project: str
    from_time: datetime
    to_time: datetime
    order: Order = "cost"
    unpriced_only: bool = False
    limit: int = 200


class Directory(Protocol):
    """Methods raise Retryable while the database is away or overloaded."""

    async def list_users(self, query: UserQuery) -> Sequence[UserUsage]:
        """The largest users."""
        ...

    async def get_user(
        self, project: str, user_id: str, from_time: datetime, to_time: datetime, interval: timedelta
    ) -> UserCourse | None:
        """One user; None for one without spans in the range, which is widened to whole hours. The interval is whole
        hours; one without spans is left out."""
        ...

    async def list_models(self, query: ModelQuery) -> Sequence[ModelUsage]:
        """The largest models."""
        ...

    async def field_values(
        self, project: str, field: str, from_time: datetime, to_time: datetime, *, prefix: str = "", limit: int = 50
    ) -> Sequence[FacetValue]:
        """The most frequent values of a dimension (see `analytics.DIMENSIONS`) that begin with `prefix`; of those that
        no rollup has, among the newest spans. Raises Rejected for a field that is none."""
        ...
