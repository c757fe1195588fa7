"""What receivers are told: the generic payload, in the structure of Standard Webhooks, and Slack's form of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from llmflow_core.spans import JSON
from llmflow_query_api.alert_schemas import BudgetTerms, RuleCondition
from llmflow_query_api.alerting import budget_state, rule_state
from llmflow_query_api.alerting.measuring import aggregation_of
from llmflow_store.alerts import Alert, AlertEvent
from llmflow_store.analytics import DISTRIBUTIONS

_ABOVE = {">": "above", ">=": "at or above", "<": "below", "<=": "at or below"}
_TITLES = {
    "alert.firing": "Firing",
    "alert.resolved": "Resolved",
    "budget.threshold_reached": "Budget",
    "alert.test": "Test",
    "budget.test": "Test",
    "channel.test": "Test",
}


@dataclass(frozen=True, slots=True)
class Payloads:
    """Makes events. `page_url` is where people reach the page, None when nobody said."""

    page_url: str | None

    def of_rule(
        self, alert: Alert, condition: RuleCondition, step: rule_state.Step, project: str, now: datetime
    ) -> AlertEvent:
        """What is told of a rule that fires or is resolved."""
        state = step.state
        firing = step.event == "firing"
        data: dict[str, JSON] = {
            "status": "firing" if firing else "resolved",
            "value": state.value,
            "since": (state.began or state.since).isoformat() if firing else state.since.isoformat(),
            "condition": msgspec.to_builtins(condition),
        }
        summary = f"{alert.name}: {_measured(condition, state.value)}"
        if firing:
            summary += f", {_limit(condition)}" if condition.metric != "no_data" else ""
        else:
            summary = f"{alert.name} is resolved: {_measured(condition, state.value)}"
        name = f"alert.{step.event}"
        return self._event(alert, name, project, summary, data, now, silenced=step.silenced)

    def of_budget(
        self,
        alert: Alert,
        terms: BudgetTerms,
        step: budget_state.Step,
        bounds: budget_state.PeriodBounds,
        now: datetime,
    ) -> AlertEvent:
        """What is told of a budget that has reached a threshold."""
        state = step.state
        share = state.spent / state.limit
        data: dict[str, JSON] = {
            "threshold": step.threshold,
            "spent": _plain(state.spent),
            "limit": _plain(state.limit),
            "metric": terms.metric,
            "share": float(round(share, 4)),
            "subject": {"kind": terms.subject, "value": state.subject},
            "period": {"kind": terms.period, "from": bounds.start.isoformat(), "to": bounds.end.isoformat()},
        }
        of = f" of {terms.subject} {state.subject}" if state.subject is not None else ""
        summary = (
            f"{alert.name}: {share:.0%} of the {terms.period}'s {_amount(terms, state.limit)}{of} is spent"
            f" ({_amount(terms, state.spent)})"
        )
        name = "budget.threshold_reached"
        return self._event(alert, name, state.project, summary, data, now, silenced=step.silenced)

    def of_test(self, alert: Alert, project: str, now: datetime) -> AlertEvent:
        """What is told to try the channels of a rule or a budget."""
        kind = "alert" if alert.kind == "rule" else "budget"
        return self._event(alert, f"{kind}.test", project, f"{alert.name}: this is only a test", {}, now)

    def _event(
        self,
        alert: Alert,
        name: str,
        project: str,
        summary: str,
        data: Mapping[str, JSON],
        now: datetime,
        *,
        silenced: bool = False,
    ) -> AlertEvent:
        about: dict[str, JSON] = {"id": alert.id, "kind": alert.kind, "name": alert.name, "project": project}
        place = "rules" if alert.kind == "rule" else "budgets"
        url = f"{self.page_url.rstrip('/')}/alerts?tab={place}&project={project}" if self.page_url else None
        body: dict[str, JSON] = {
            "type": name,
            "timestamp": now.isoformat(),
            "data": {"alert": about, "summary": summary, "url": url, **data},
        }
        return AlertEvent(
            id=new_event_id(),
            at=now,
            alert_id=alert.id,
            kind=alert.kind,
            project=project,
            event=name,
            body=body,
            silenced=silenced,
        )


def new_event_id() -> str:
    """What receivers know an event by."""
    return f"evt_{secrets.token_hex(12)}"


def channel_test(now: datetime) -> Mapping[str, JSON]:
    """What is told to try a channel."""
    return {
        "type": "channel.test",
        "timestamp": now.isoformat(),
        "data": {"summary": "LLMFlow reaches this channel", "url": None},
    }


def summary_of(body: Mapping[str, JSON]) -> str:
    """An event in one line."""
    data = body["data"]
    return str(data["summary"]) if isinstance(data, Mapping) else ""


def slack_message(body: Mapping[str, JSON]) -> dict[str, JSON]:
    """The same for Slack's incoming webhooks: a text, and a block of it with a link to the page."""
    data = body["data"]
    url = data.get("url") if isinstance(data, Mapping) else None
    title, text = _TITLES.get(str(body["type"]), "LLMFlow"), _escaped(summary_of(body))
    shown = f"*{title}* {text}" + (f"\n<{url}|Open in LLMFlow>" if url else "")
    return {
        "text": f"{title}: {text}",
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": shown}}],
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _measured(condition: RuleCondition, value: float | None) -> str:
    if condition.metric == "no_data":
        return f"no data in {condition.window_minutes} minutes" if not value else f"{value:g} spans"
    if condition.metric == "quality_score":
        return f"the mean score {condition.score} is {_quantity(condition, value)}"
    aggregation = aggregation_of(condition)
    plain = aggregation == "sum" or condition.metric == "error_rate"
    name = condition.metric.value if plain else f"{condition.metric} {aggregation}"
    return f"{name} is {_quantity(condition, value)}"


def _limit(condition: RuleCondition) -> str:
    return f"{_ABOVE[condition.operator]} {_quantity(condition, condition.threshold)}"


def _quantity(condition: RuleCondition, value: float | None) -> str:
    if value is None:
        return "not known"
    if condition.metric.value in DISTRIBUTIONS:
        return f"{value / 1e9:.3g} s"
    number = f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    if "cost" in condition.metric:
        number = f"${number}"
    elif condition.metric == "error_rate":
        number = f"{value:.2%}"
    return f"{number} a second" if condition.aggregation == "rate" else number


def _amount(terms: BudgetTerms, value: Decimal) -> str:
    if terms.metric == "tokens":
        return f"{value:,.0f} tokens"
    return f"${value:,.2f}" if value >= 1 else f"${value:.4f}"


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")
