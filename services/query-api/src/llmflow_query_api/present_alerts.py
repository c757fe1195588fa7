"""Stored alerts as the API's bodies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from llmflow_query_api import alert_schemas as schemas
from llmflow_query_api.alerting import budget_state, rule_state
from llmflow_query_api.alerting.evaluating import condition_of, states_of, terms_of
from llmflow_query_api.alerting.payloads import summary_of
from llmflow_store.alerts import Alert, PastEvent


def rule_of(alert: Alert, project: str) -> schemas.RuleDetail:
    """A rule, with its state in one project."""
    states = [
        schemas.RuleState(project=name, status=state.status, since=state.since, value=state.value)
        for name, state in states_of(alert, rule_state.State)
        if name == project
    ]
    return schemas.RuleDetail(condition=condition_of(alert), states=states, **_common(alert))


def budget_of(alert: Alert, project: str, now: datetime) -> schemas.BudgetDetail:
    """A budget, with its states in one project and the present period."""
    terms = terms_of(alert)
    bounds = budget_state.period_of(terms.period, now)
    states = [
        _budget_state(state, bounds, now)
        for name, state in states_of(alert, budget_state.State)
        if name == project and state.start == bounds.start and state.watched
    ]
    states.sort(key=lambda state: state.share, reverse=True)
    return schemas.BudgetDetail(terms=terms, states=states, **_common(alert))


def event_of(past: PastEvent) -> schemas.AlertEventDetail:
    """An event of the history."""
    event = past.event
    return schemas.AlertEventDetail(
        number=past.number,
        id=event.id,
        at=event.at,
        alert_id=event.alert_id,
        kind=event.kind,
        event=event.event,
        silenced=event.silenced,
        summary=summary_of(event.body),
        payload=dict(event.body),
        notices=[
            schemas.NoticeDetail(
                channel=notice.channel,
                status=notice.status,
                attempts=notice.attempts,
                error=notice.error,
                http_status=notice.http_status,
                settled_at=notice.settled_at,
            )
            for notice in past.notices
        ],
    )


def _budget_state(state: budget_state.State, bounds: budget_state.PeriodBounds, now: datetime) -> schemas.BudgetState:
    coming = budget_state.forecast(state.spent, bounds, now)
    return schemas.BudgetState(
        project=state.project,
        subject=state.subject,
        from_=bounds.start,
        to=bounds.end,
        spent=format(state.spent, "f"),
        share=float(state.spent / state.limit),
        forecast=None if coming is None else float(coming),
        reached=list(state.reached),
    )


def _common(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "project": alert.project,
        "name": alert.name,
        "channels": list(alert.channels),
        "enabled": alert.enabled,
        "silenced_until": alert.silenced_until,
        "error": alert.error,
        "version": alert.version,
        "evaluated_at": alert.evaluated_at,
    }
