"""Budgets: the periods of the calendar that they are for, and what is told of how much is spent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct

from llmflow_query_api.alert_schemas import BudgetTerms, Period

#: For how long after its end a period is still looked at, for spans of it that arrive late.
GRACE = timedelta(hours=1)
#: The share of a period before which its pace says nothing.
_TOO_EARLY = 0.01


class PeriodBounds(NamedTuple):
    """A period: from ≤ time < to."""

    start: datetime
    end: datetime


def period_of(period: Period, time: datetime) -> PeriodBounds:
    """The period of the calendar in UTC that `time` lies in. Weeks begin on Monday."""
    midnight = time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case "day":
            return PeriodBounds(midnight, midnight + timedelta(days=1))
        case "week":
            monday = midnight - timedelta(days=midnight.weekday())
            return PeriodBounds(monday, monday + timedelta(weeks=1))
        case "month":
            first = midnight.replace(day=1)
            return PeriodBounds(first, (first + timedelta(days=31)).replace(day=1))


def periods_to_watch(period: Period, now: datetime) -> list[PeriodBounds]:
    """The present period and, shortly after its end, the one before."""
    present = period_of(period, now)
    if now - present.start >= GRACE:
        return [present]
    return [period_of(period, present.start - timedelta(microseconds=1)), present]


def forecast(spent: Decimal, bounds: PeriodBounds, now: datetime) -> Decimal | None:
    """What will be spent at the period's end, at the pace until now; None when it is too early to say."""
    passed = (now - bounds.start) / (bounds.end - bounds.start)
    return None if passed < _TOO_EARLY else spent / Decimal(min(passed, 1.0))


class State(Struct, frozen=True, kw_only=True):
    """How much one subject has spent in one period. `reached` are the thresholds that its share has come to, `told`
    those that were told of; both in percent of `limit`. One that is not `watched` is not among the largest any more: it
    is kept for what was told."""

    project: str
    subject: str | None
    start: datetime
    spent: Decimal
    limit: Decimal
    reached: list[int]
    told: list[int]
    watched: bool = True


class Step(NamedTuple):
    """The state that follows, and the threshold to tell of: the highest of those that were reached together."""

    state: State
    threshold: int | None = None
    silenced: bool = False


def advance(
    before: State | None,
    terms: BudgetTerms,
    spent: Decimal,
    *,
    project: str,
    subject: str | None,
    start: datetime,
    silenced: bool = False,
) -> Step:
    """What follows when so much is spent. Each threshold is told of once a period, unless the limit changes: then those
    that are not reached any more count anew. What was reached unheard is told of when the silence ends."""
    limit = Decimal(terms.limit)
    reached = [threshold for threshold in sorted(terms.thresholds) if spent * 100 >= limit * threshold]
    told = set(before.told) if before else set()
    if before and before.limit != limit:
        told &= set(reached)
    new = set(reached) - told
    seen = new <= set(before.reached) if before else not new
    state = State(
        project=project,
        subject=subject,
        start=start,
        spent=spent,
        limit=limit,
        reached=reached,
        told=sorted(told if silenced else told | new),
    )
    if not new or (silenced and seen):
        return Step(state)
    return Step(state, max(new), silenced)
