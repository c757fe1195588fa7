"""What rules and budgets look at, asked of the store: rollups wherever they can answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from llmflow_core.errors import Rejected
from llmflow_core.filters import And, Condition, Filter, Operator, parse_filter
from llmflow_query_api.alert_schemas import BudgetTerms, RuleCondition
from llmflow_query_api.alerting.budget_state import PeriodBounds
from llmflow_store.analytics import DISTRIBUTIONS, Aggregation, AnalyticsQuery, AnalyticsResult, Metric
from llmflow_store.directory import UserCourse

#: Subjects of one budget that are watched: those that spend most.
MOST_SUBJECTS = 100


class Measures(Protocol):
    """The part of `Store` that answers."""

    async def analyse(self, query: AnalyticsQuery) -> AnalyticsResult:
        """See `Store`."""
        ...

    async def average_score(
        self, project: str, name: str, from_time: datetime, to_time: datetime, filter_by: Filter | None = None
    ) -> tuple[float | None, int]:
        """See `Scores`."""
        ...

    async def get_user(
        self, project: str, user_id: str, from_time: datetime, to_time: datetime, interval: timedelta
    ) -> UserCourse | None:
        """See `Directory`."""
        ...


class Measured(NamedTuple):
    """The value, None for nothing; `cheap` says that rollups answered."""

    value: float | None
    cheap: bool


class Spent(NamedTuple):
    """What each subject has spent, the largest; `cheap` says that rollups answered."""

    amounts: Sequence[tuple[str | None, Decimal]]
    cheap: bool


def aggregation_of(condition: RuleCondition) -> Aggregation:
    """How the condition's metric is aggregated."""
    metric = _metric(condition)
    averaged = metric in DISTRIBUTIONS or metric is Metric.ERROR_RATE
    return condition.aggregation or ("avg" if averaged else "sum")


def check_condition(condition: RuleCondition, now: datetime) -> None:
    """Raise Rejected, naming the field, for a condition that nothing can answer."""
    filter_of(condition.filter)
    if condition.metric == "quality_score":
        if not condition.score:
            raise Rejected("must be given for quality_score", field="score")
    else:
        _rule_query(condition, "default", now).check()


def check_terms(terms: BudgetTerms) -> None:
    """Raise Rejected, naming the field, for terms that make no sense."""
    filter_of(terms.filter)
    if not Decimal(terms.limit):
        raise Rejected("must be more than nothing", field="limit")
    if terms.subject == "project" and terms.value is not None:
        raise Rejected("is for budgets of a user or a model", field="value")


def window_end(now: datetime, delay: timedelta) -> datetime:
    """Up to when rules measure: the last whole minute that ended `delay` ago, so that its spans have arrived."""
    return (now - delay).replace(second=0, microsecond=0)


async def measure_rule(store: Measures, condition: RuleCondition, project: str, end: datetime) -> Measured:
    """The value of the condition's metric in the window that ends then."""
    if condition.metric == "quality_score":
        start = end - timedelta(minutes=condition.window_minutes)
        parsed = filter_of(condition.filter)
        value, _ = await store.average_score(project, condition.score or "", start, end, parsed)
        return Measured(value, cheap=parsed is None)
    result = await store.analyse(_rule_query(condition, project, end))
    found = result.total.value
    return Measured(None if found is None else float(found), result.source == "rollups")


async def measure_budget(
    store: Measures, terms: BudgetTerms, project: str, bounds: PeriodBounds, now: datetime
) -> Spent:
    """What the budget's subjects have spent in a period until now."""
    end = min(bounds.end, now + timedelta(minutes=1))
    if terms.subject == "user" and terms.value is not None and terms.filter is None:
        user = await store.get_user(project, terms.value, bounds.start, end, timedelta(days=1))
        used = Decimal(0)
        if user is not None:
            usage = user.usage
            used = usage.cost if terms.metric == "cost" else Decimal(usage.input_tokens + usage.output_tokens)
        return Spent([(terms.value, used)], cheap=True)
    each = terms.subject != "project" and terms.value is None
    result = await store.analyse(
        AnalyticsQuery(
            project=project,
            metric=Metric(terms.metric),
            aggregation="sum",
            from_time=bounds.start,
            to_time=end,
            group_by=(terms.subject,) if each else (),
            filter=_budget_filter(terms),
            limit=MOST_SUBJECTS,
        )
    )
    found = [(group.key[0], group.value) for group in result.groups] if each else [(terms.value, result.total.value)]
    return Spent([(subject, Decimal(value or 0)) for subject, value in found], result.source == "rollups")


def filter_of(text: str | None) -> Filter | None:
    """The filter that `text` states. Raises FilterError, a Rejected."""
    return parse_filter(text) if text else None


def _rule_query(condition: RuleCondition, project: str, end: datetime) -> AnalyticsQuery:
    return AnalyticsQuery(
        project=project,
        metric=_metric(condition),
        aggregation=aggregation_of(condition),
        from_time=end - timedelta(minutes=condition.window_minutes),
        to_time=end,
        filter=filter_of(condition.filter),
    )


def _metric(condition: RuleCondition) -> Metric:
    return Metric.SPANS if condition.metric in ("no_data", "quality_score") else Metric(condition.metric)


def _budget_filter(terms: BudgetTerms) -> Filter | None:
    parsed = filter_of(terms.filter)
    if terms.subject == "project" or terms.value is None:
        return parsed
    subject = Condition(terms.subject, Operator.EQ, terms.value)
    return And((parsed, subject)) if parsed else subject
