"""Budgets: their periods, and what is told of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmflow_query_api.alert_schemas import BudgetTerms, Period
from llmflow_query_api.alerting.budget_state import (
    GRACE,
    PeriodBounds,
    State,
    advance,
    forecast,
    period_of,
    periods_to_watch,
)

TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.timezones())
PERIODS: tuple[Period, ...] = ("day", "week", "month")
START = datetime(2026, 3, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


@given(st.sampled_from(PERIODS), TIMES)
def test_periods_tile_the_calendar(period: Period, time: datetime) -> None:
    bounds = period_of(period, time)
    assert bounds.start <= time < bounds.end
    assert period_of(period, bounds.start) == period_of(period, bounds.end - INSTANT) == bounds
    assert period_of(period, bounds.end).start == bounds.end
    assert period_of(period, bounds.start - INSTANT).end == bounds.start
    assert (bounds.start.hour, bounds.start.minute, bounds.start.second, bounds.start.utcoffset()) == (
        0,
        0,
        0,
        timedelta(0),
    )
    if period == "week":
        assert bounds.start.weekday() == 0
    if period == "month":
        assert bounds.start.day == bounds.end.day == 1


@given(st.sampled_from(PERIODS), TIMES)
def test_the_period_before_is_looked_at_for_a_while(period: Period, time: datetime) -> None:
    *before, present = periods_to_watch(period, time)
    assert present == period_of(period, time)
    assert bool(before) is (time - present.start < GRACE)
    assert all(bounds.end == present.start for bounds in before)


def test_the_forecast_goes_on_at_the_pace_until_now() -> None:
    bounds = PeriodBounds(START, START + timedelta(days=10))
    assert forecast(Decimal(3), bounds, START + timedelta(days=2.5)) == 12
    assert forecast(Decimal(3), bounds, START + timedelta(days=20)) == 3
    assert forecast(Decimal(3), bounds, START + timedelta(minutes=1)) is None


def course(*spent: float, silenced: tuple[int, ...] = (), limits: Any = None) -> list[tuple[int, int, bool]]:
    """What is told at each look, with its place and whether it is silenced."""
    state: State | None = None
    told = []
    for place, amount in enumerate(spent):
        limit = (limits or {}).get(place, "100")
        step = advance(
            state,
            BudgetTerms(limit=limit),
            Decimal(str(amount)),
            project="default",
            subject=None,
            start=START,
            silenced=place in silenced,
        )
        state = step.state
        if step.threshold is not None:
            told.append((place, step.threshold, step.silenced))
    return told


def test_each_threshold_is_told_of_once() -> None:
    assert course(10, 49.99, 50, 60, 80, 99, 100, 500) == [(2, 50, False), (4, 80, False), (6, 100, False)]


def test_of_those_reached_together_the_highest_is_told_of() -> None:
    assert course(10, 85, 90) == [(1, 80, False)]


def test_costs_that_are_corrected_do_not_tell_twice() -> None:
    assert course(55, 45, 55) == [(0, 50, False)]


def test_silence_holds_back_until_it_ends() -> None:
    assert course(55, 56, 85, 86, silenced=(0, 1)) == [(0, 50, True), (2, 80, False)]
    assert course(55, 56, 57, silenced=(0, 1)) == [(0, 50, True), (2, 50, False)]


def test_a_new_limit_tells_anew_of_what_it_is_reached_again() -> None:
    limits = {1: "200", 2: "200"}
    assert course(90, 90, 100, limits=limits) == [(0, 80, False), (2, 50, False)]


@pytest.mark.parametrize("silent", [(), (0,), (1,), (0, 1, 2)])
@given(st.lists(st.decimals(0, 300, places=2), min_size=1, max_size=8))
def test_no_threshold_is_told_of_twice(silent: tuple[int, ...], amounts: list[Decimal]) -> None:
    heard = [threshold for _, threshold, silenced in course(*map(float, amounts), silenced=silent) if not silenced]
    assert heard == sorted(set(heard))
