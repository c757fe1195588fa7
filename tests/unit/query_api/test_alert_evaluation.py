"""What an evaluation makes of what was there before: whom it still knows, and what has come to an end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from llmflow_core.errors import Retryable
from llmflow_query_api.alerting import worker as alerting_worker
from llmflow_query_api.alerting.evaluating import Evaluation, Evaluator
from llmflow_query_api.alerting.measuring import MOST_SUBJECTS
from llmflow_query_api.alerting.payloads import Payloads
from llmflow_query_api.alerting.sending import Patience, Sender
from llmflow_query_api.alerting.worker import AlertWorker
from llmflow_query_api.present_alerts import budget_of
from llmflow_store.administration import Project
from llmflow_store.alerts import Alert
from llmflow_store.analytics import AnalyticsQuery, AnalyticsResult, Group
from llmflow_store.port import Store

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


class Figures:
    """The part of a store that is asked: what each user has spent, and which projects there are."""

    def __init__(self) -> None:
        self.spent: dict[str, Decimal] = {}
        self.projects = ["shop", "lab"]

    async def analyse(self, query: AnalyticsQuery) -> AnalyticsResult:
        largest = sorted(self.spent.items(), key=lambda item: -item[1])[: query.limit]
        groups = [Group((user,), amount, 1, []) for user, amount in largest]
        return AnalyticsResult(0, 1, Group((), sum(self.spent.values()), 1, []), groups, "rollups")

    async def list_projects(self) -> Sequence[Project]:
        return [Project(name=name, title=name, created_at=NOW) for name in self.projects]


class Due(Figures):
    """With alerts that are due, and the errors that their evaluations ended with."""

    def __init__(self, *alerts: Alert) -> None:
        super().__init__()
        self.waiting = list(alerts)
        self.errors: list[str | None] = []

    async def forget_events(self, before: datetime) -> int:
        return 0

    async def claim_alerts(self, *, limit: int, lease_seconds: float) -> Sequence[Alert]:
        return [self.waiting.pop(0)] if self.waiting else []

    async def record_evaluation(self, alert: Alert, *, error: str | None, **_: Any) -> bool:
        self.errors.append(error)
        return True


def worker(due: Due) -> AlertWorker:
    return AlertWorker(
        cast(Store, due),
        evaluator(due),
        cast(Sender, None),
        None,
        patience=Patience(timedelta(hours=1)),
        poll_seconds=1,
        history=timedelta(days=1),
    )


def evaluator(figures: Figures) -> Evaluator:
    every = timedelta(minutes=1)
    return Evaluator(cast(Store, figures), Payloads(None), delay=timedelta(0), every=every)


def alert(kind: Any, project: str | None, **definition: Any) -> Alert:
    return Alert(id="a", kind=kind, project=project, name="An alert", definition=definition)


async def evaluated(figures: Figures, watched: Alert) -> tuple[Alert, Evaluation]:
    found = await evaluator(figures).evaluate(watched, NOW)
    return replace(watched, states=found.states), found


async def test_a_threshold_is_told_of_once_to_a_user_who_was_not_among_the_largest_for_a_while() -> None:
    figures = Figures()
    budget = alert("budget", "shop", limit="10", subject="user", thresholds=[50])
    figures.spent = {"ada": Decimal(6)}
    budget, found = await evaluated(figures, budget)
    assert [event.event for event in found.events] == ["budget.threshold_reached"]

    figures.spent |= {f"user-{number}": Decimal(7) for number in range(MOST_SUBJECTS)}
    budget, found = await evaluated(figures, budget)
    assert len(found.events) == MOST_SUBJECTS
    assert "ada" not in {state.subject for state in budget_of(budget, "shop", NOW).states}

    figures.spent["ada"] = Decimal(8)
    budget, found = await evaluated(figures, budget)
    assert found.events == []
    assert {"ada"} < {state.subject for state in budget_of(budget, "shop", NOW).states}


async def test_what_fires_in_a_project_that_is_gone_is_resolved() -> None:
    figures = Figures()
    figures.spent = {"ada": Decimal(6)}
    rule, found = await evaluated(figures, alert("rule", None, metric="cost", threshold=1))
    assert [(event.event, event.project) for event in found.events] == [
        ("alert.firing", "shop"),
        ("alert.firing", "lab"),
    ]

    figures.projects.remove("lab")
    rule, found = await evaluated(figures, rule)
    assert [(event.event, event.project) for event in found.events] == [("alert.resolved", "lab")]
    assert list(rule.states) == ["shop"]

    rule, found = await evaluated(figures, rule)
    assert found.events == []


async def test_an_alert_that_cannot_be_read_says_so_and_keeps_no_other_waiting() -> None:
    due = Due(*(alert("rule", "shop", metric="cost", threshold=threshold) for threshold in (None, 1)))
    await worker(due).evaluate_due()
    assert due.errors == ["an error of LLMFlow; its log says more", None]


async def test_an_alert_stays_claimed_for_as_long_as_its_evaluation_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerting_worker, "_EVALUATION_LEASE", 0.004)
    renewed: list[float] = []
    enough = asyncio.Event()

    class Slow(Due):
        async def renew_claim(self, alert: Alert, *, lease_seconds: float) -> bool:
            renewed.append(lease_seconds)
            if len(renewed) == 1:
                raise Retryable("the database is away")
            if len(renewed) == 3:
                enough.set()
            return True

        async def analyse(self, query: AnalyticsQuery) -> AnalyticsResult:
            await enough.wait()
            return await super().analyse(query)

    due = Slow(alert("rule", "shop", metric="cost", threshold=1))
    await worker(due).evaluate_due()
    assert due.errors == [None]
    assert renewed[:3] == [0.004] * 3
