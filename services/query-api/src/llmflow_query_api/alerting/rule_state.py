"""The states of a rule: ok, pending while its condition has not held for long enough, firing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from llmflow_query_api.alert_schemas import RuleCondition, RuleStatus

RuleEvent = Literal["firing", "resolved"]


class State(Struct, frozen=True, kw_only=True):
    """How a rule stands with one project.

    `began` is since when the condition has held without an end, `clear` since when it has not held while the rule still
    fires. `told` says that somebody was told that it fires.
    """

    status: RuleStatus
    since: datetime
    value: float | None = None
    began: datetime | None = None
    clear: datetime | None = None
    told: bool = False


class Step(NamedTuple):
    """The state that follows, and what is to be told of it: nothing, or an event that may be silenced."""

    state: State
    event: RuleEvent | None = None
    silenced: bool = False


def condition_holds(condition: RuleCondition, value: float | None) -> bool | None:
    """Whether the condition holds for what was measured; None when that leaves everything as it is."""
    if value is None:
        return {"clear": False, "hold": True, "keep": None}[condition.missing]
    if condition.metric == "no_data":
        return value < 1
    match condition.operator:
        case ">":
            return value > condition.threshold
        case ">=":
            return value >= condition.threshold
        case "<":
            return value < condition.threshold
        case "<=":
            return value <= condition.threshold


def advance(
    state: State | None, condition: RuleCondition, value: float | None, now: datetime, *, silenced: bool = False
) -> Step:
    """What follows when `value` is measured.

    A rule that fires unheard, since it was silenced, is told of when the silence ends. Nobody who was not told that a
    rule fires is told that it is resolved; who was told is, silenced or not.
    """
    state = state or State(status="ok", since=now)
    holds = condition_holds(condition, value)
    if holds is None:
        return Step(msgspec.structs.replace(state, value=None))
    state = msgspec.structs.replace(state, value=value)
    if state.status == "firing":
        return _while_firing(state, condition, holds, now, silenced)
    if not holds:
        since = state.since if state.status == "ok" else now
        return Step(State(status="ok", since=since, value=value))
    began = state.began or now
    if now - began >= timedelta(minutes=condition.for_minutes):
        fired = State(status="firing", since=now, value=value, began=began, told=not silenced)
        return Step(fired, "firing", silenced)
    since = state.since if state.status == "pending" else now
    return Step(State(status="pending", since=since, value=value, began=began))


def resolve(state: State, now: datetime) -> Step:
    """What follows when a rule is no longer watched."""
    ok = State(status="ok", since=now, value=state.value)
    return Step(ok, "resolved", not state.told) if state.status == "firing" else Step(ok)


def _while_firing(state: State, condition: RuleCondition, holds: bool, now: datetime, silenced: bool) -> Step:
    if holds:
        still = msgspec.structs.replace(state, clear=None)
        if state.told or silenced:
            return Step(still)
        return Step(msgspec.structs.replace(still, told=True), "firing")
    clear = state.clear or now
    if now - clear >= timedelta(minutes=condition.recover_minutes):
        return resolve(state, now)
    return Step(msgspec.structs.replace(state, clear=clear))
