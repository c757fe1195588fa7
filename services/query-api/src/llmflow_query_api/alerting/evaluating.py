"""One evaluation of a rule or a budget: its new states, what is told of them, and when to look again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

import msgspec

from llmflow_core.spans import JSON
from llmflow_query_api.alert_schemas import BudgetTerms, RuleCondition
from llmflow_query_api.alerting import budget_state, rule_state
from llmflow_query_api.alerting.measuring import measure_budget, measure_rule, window_end
from llmflow_query_api.alerting.payloads import Payloads
from llmflow_store.alerts import Alert, AlertEvent
from llmflow_store.port import Store

#: How many times in its window a rule is measured that only the spans themselves can answer.
_TIMES_A_WINDOW = 60
_LONGEST_PAUSE = timedelta(hours=1)

#: What `Alert.states` holds: bodies by project and key.
States = Mapping[str, Mapping[str, JSON]]
_StateT = TypeVar("_StateT", rule_state.State, budget_state.State)


class Evaluation(NamedTuple):
    """What an evaluation found. `due_seconds` says when to look again; None for when the alert is changed."""

    states: States
    events: Sequence[AlertEvent]
    due_seconds: float | None


def states_of(alert: Alert, kind: type[_StateT]) -> Iterator[tuple[str, _StateT]]:
    """An alert's states, with the project of each."""
    for project, states in alert.states.items():
        for state in states.values():
            yield project, msgspec.convert(state, kind)


def condition_of(alert: Alert) -> RuleCondition:
    """What a rule watches."""
    return msgspec.convert(alert.definition, RuleCondition)


def terms_of(alert: Alert) -> BudgetTerms:
    """What a budget says."""
    return msgspec.convert(alert.definition, BudgetTerms)


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates at any time that it is told. Rules look at minutes that ended `delay` ago; an alert is looked at every
    so often, more rarely when rollups cannot answer."""

    store: Store
    payloads: Payloads
    delay: timedelta
    every: timedelta

    async def evaluate(self, alert: Alert, now: datetime) -> Evaluation:
        """Raises Retryable while the database is away or too slow, and Rejected for what cannot be asked any more."""
        if alert.kind == "rule":
            return await self._rule(alert, now) if alert.enabled else self._ended_rule(alert, now)
        return await self._budget(alert, now) if alert.enabled else Evaluation(alert.states, [], None)

    def last_events(self, alert: Alert, now: datetime) -> Sequence[AlertEvent]:
        """What is told of an alert that will not be watched any more."""
        return self._ended_rule(alert, now).events if alert.kind == "rule" else []

    def _ended_rule(self, alert: Alert, now: datetime) -> Evaluation:
        condition = condition_of(alert)
        steps = {project: rule_state.resolve(state, now) for project, state in states_of(alert, rule_state.State)}
        return self._of_steps(alert, condition, steps, now, None)

    async def _rule(self, alert: Alert, now: datetime) -> Evaluation:
        condition = condition_of(alert)
        before = dict(states_of(alert, rule_state.State))
        steps: dict[str, rule_state.Step] = {}
        cheap = True
        for project in await self._projects(alert):
            measured = await measure_rule(self.store, condition, project, window_end(now, self.delay))
            cheap &= measured.cheap
            steps[project] = rule_state.advance(
                before.get(project), condition, measured.value, now, silenced=_silenced(alert, now)
            )
        window = timedelta(minutes=condition.window_minutes)
        found = self._of_steps(alert, condition, steps, now, self._pause(cheap, window))
        gone = {name: rule_state.resolve(state, now) for name, state in before.items() if name not in steps}
        ended = self._of_steps(alert, condition, gone, now, None)
        return found._replace(events=[*found.events, *ended.events])

    def _of_steps(
        self,
        alert: Alert,
        condition: RuleCondition,
        steps: Mapping[str, rule_state.Step],
        now: datetime,
        due_seconds: float | None,
    ) -> Evaluation:
        events = [
            self.payloads.of_rule(alert, condition, step, project, now) for project, step in steps.items() if step.event
        ]
        return Evaluation({project: {"": _plain(step.state)} for project, step in steps.items()}, events, due_seconds)

    async def _budget(self, alert: Alert, now: datetime) -> Evaluation:
        terms = terms_of(alert)
        before = {(s.project, s.start, s.subject): s for _, s in states_of(alert, budget_state.State)}
        periods = budget_state.periods_to_watch(terms.period, now)
        states: dict[str, dict[str, JSON]] = {}
        events: list[AlertEvent] = []
        cheap = True
        for project in await self._projects(alert):
            kept = states.setdefault(project, {})
            for bounds in periods:
                spent = await measure_budget(self.store, terms, project, bounds, now)
                cheap &= spent.cheap
                for subject, amount in spent.amounts:
                    step = budget_state.advance(
                        before.get((project, bounds.start, subject)),
                        terms,
                        amount,
                        project=project,
                        subject=subject,
                        start=bounds.start,
                        silenced=_silenced(alert, now),
                    )
                    kept[_state_key(step.state)] = _plain(step.state)
                    if step.threshold is not None:
                        events.append(self.payloads.of_budget(alert, terms, step, bounds, now))
                for state in before.values():
                    if state.told and (state.project, state.start) == (project, bounds.start):
                        kept.setdefault(_state_key(state), _plain(msgspec.structs.replace(state, watched=False)))
        return Evaluation(states, events, self._pause(cheap, now - periods[0].start))

    def _pause(self, cheap: bool, window: timedelta) -> float:
        pause = self.every if cheap else max(self.every, min(window / _TIMES_A_WINDOW, _LONGEST_PAUSE))
        return pause.total_seconds()

    async def _projects(self, alert: Alert) -> Sequence[str]:
        if alert.project is not None:
            return [alert.project]
        return [project.name for project in await self.store.list_projects()]


def _silenced(alert: Alert, now: datetime) -> bool:
    return alert.silenced_until is not None and now < alert.silenced_until


def _state_key(state: budget_state.State) -> str:
    return f"{state.start.date()} {state.subject or ''}"


def _plain(state: rule_state.State | budget_state.State) -> JSON:
    plain: JSON = msgspec.to_builtins(state)
    return plain
