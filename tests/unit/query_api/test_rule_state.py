"""A rule's states, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llmflow_query_api.alert_schemas import RuleCondition, RuleMetric
from llmflow_query_api.alerting.rule_state import State, advance, condition_holds, resolve

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def rule(metric: str = "error_rate", **fields: Any) -> RuleCondition:
    values: dict[str, Any] = {"operator": ">", "threshold": 0.5}
    return RuleCondition(metric=RuleMetric(metric), **{**values, **fields})


def course(
    condition: RuleCondition, values: Sequence[float | None], *, silenced_minutes: range = range(0)
) -> tuple[list[str], list[tuple[int, str, bool]]]:
    """The status after each minute's value, and the events by minute, with whether they are silenced."""
    state: State | None = None
    statuses: list[str] = []
    events: list[tuple[int, str, bool]] = []
    for minute, value in enumerate(values):
        step = advance(state, condition, value, START + minute * MINUTE, silenced=minute in silenced_minutes)
        state = step.state
        statuses.append(state.status)
        if step.event:
            events.append((minute, step.event, step.silenced))
    return statuses, events


def test_it_fires_at_once_and_once_and_is_resolved() -> None:
    statuses, events = course(rule(), [0.1, 0.9, 0.9, 0.9, 0.5, 0.1])
    assert statuses == ["ok", "firing", "firing", "firing", "ok", "ok"]
    assert events == [(1, "firing", False), (4, "resolved", False)]


def test_it_waits_for_as_long_as_it_is_told() -> None:
    statuses, events = course(rule(for_minutes=2), [0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.1])
    assert statuses == ["pending", "pending", "ok", "pending", "pending", "firing", "ok"]
    assert events == [(5, "firing", False), (6, "resolved", False)]


def test_what_flaps_tells_nobody_while_it_recovers() -> None:
    statuses, events = course(rule(recover_minutes=2), [0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.1, 0.1])
    assert statuses == ["firing"] * 7 + ["ok"]
    assert events == [(0, "firing", False), (7, "resolved", False)]


@pytest.mark.parametrize(
    ("missing", "statuses"),
    [("clear", ["firing", "ok", "firing"]), ("keep", ["firing"] * 3), ("hold", ["firing"] * 3)],
)
def test_nothing_measured_means_what_the_rule_says(missing: str, statuses: list[str]) -> None:
    assert course(rule(missing=missing), [0.9, None, 0.9])[0] == statuses


def test_nothing_measured_may_fire() -> None:
    assert course(rule(missing="hold"), [None])[1] == [(0, "firing", False)]
    assert course(rule(missing="keep"), [None])[0] == ["ok"]


def test_no_data_is_when_there_is_no_span() -> None:
    assert course(rule("no_data", threshold=99), [3.0, 0.0, 1.0])[0] == ["ok", "firing", "ok"]


def test_silence_holds_back_what_fires_until_it_ends() -> None:
    _, events = course(rule(), [0.9, 0.9, 0.9, 0.9, 0.1], silenced_minutes=range(2))
    assert events == [(0, "firing", True), (2, "firing", False), (4, "resolved", False)]


def test_who_was_not_told_that_it_fires_is_not_told_that_it_is_resolved() -> None:
    _, events = course(rule(), [0.9, 0.1, 0.1], silenced_minutes=range(3))
    assert events == [(0, "firing", True), (1, "resolved", True)]


def test_who_was_told_that_it_fires_is_told_that_it_is_resolved() -> None:
    _, events = course(rule(), [0.9, 0.1], silenced_minutes=range(1, 2))
    assert events == [(0, "firing", False), (1, "resolved", False)]


def test_a_rule_that_is_no_longer_watched_is_resolved() -> None:
    fires = advance(None, rule(), 0.9, START).state
    assert resolve(fires, START + MINUTE).event == "resolved"
    assert resolve(advance(None, rule(for_minutes=5), 0.9, START).state, START).event is None


def test_the_state_says_since_when() -> None:
    condition = rule(for_minutes=1)
    state = advance(None, condition, 0.9, START).state
    assert (state.since, state.began) == (START, START)
    fired = advance(state, condition, 0.9, START + MINUTE).state
    assert (fired.since, fired.began, fired.value) == (START + MINUTE, START, 0.9)


@pytest.mark.parametrize(
    ("operator", "below", "at", "above"),
    [(">", False, False, True), (">=", False, True, True), ("<", True, False, False), ("<=", True, True, False)],
)
def test_comparisons(operator: str, below: bool, at: bool, above: bool) -> None:
    condition = rule(operator=operator)
    assert [condition_holds(condition, value) for value in (0.4, 0.5, 0.6)] == [below, at, above]
