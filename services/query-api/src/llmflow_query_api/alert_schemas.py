"""The bodies of alert rules, budgets, channels and their history; `schemas` says how they write times."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from llmflow_core.filters import MAX_LENGTH
from llmflow_query_api.preconditions import Version
from llmflow_store.analytics import Aggregation, Metric

_NO_NUL = r"^[^\x00]*$"
ChannelName = Annotated[
    str, Meta(description="What a channel is called.", pattern="^[a-z0-9][a-z0-9_-]{0,62}$", examples=["pager"])
]
_Channels = Annotated[
    list[ChannelName], Meta(description="Who is told, by the names of channels.", max_length=20, examples=[["pager"]])
]
_Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=_NO_NUL)]
_Filter = (
    Annotated[
        str,
        Meta(
            description="Which spans, in the filter language; all without one.",
            max_length=MAX_LENGTH,
            pattern=_NO_NUL,
            examples=["service:checkout model:gpt-4o*"],
        ),
    ]
    | None
)
_AllProjects = Annotated[
    bool, Meta(description="Watch every project, each by itself, instead of the one that is named.", examples=[False])
]
Number = Annotated[str, Meta(description="A decimal number.", pattern=r"^\d{1,12}(\.\d{1,12})?$", examples=["100.00"])]

RuleMetric = StrEnum(  # type: ignore[misc]  # mypy wants the names written out
    "RuleMetric", [(name, name) for name in (*(metric.value for metric in Metric), "quality_score", "no_data")]
)
Operator = Literal[">", ">=", "<", "<="]
RuleStatus = Literal["ok", "pending", "firing"]
Period = Literal["day", "week", "month"]
ChannelKind = Literal["webhook", "slack"]
Subject = Literal["project", "user", "model"]


class RuleCondition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a rule's condition holds: when the metric of the spans that started in the window compares so with the
    threshold, which is in the metric's unit (nanoseconds, US dollars, tokens, a share from 0 to 1)."""

    metric: Annotated[
        RuleMetric,
        Meta(
            description="quality_score is the mean of the scores named `score`; no_data holds while there is no span,"
            " and needs no threshold.",
            examples=["error_rate"],
        ),
    ]
    aggregation: Annotated[
        Aggregation | None,
        Meta(description="As in /analytics: sum unless given; avg for latency, ttft and error_rate.", examples=["avg"]),
    ] = None
    operator: Annotated[Operator, Meta(examples=[">"])] = ">"
    # The words NaN and Infinity are read as numbers, of which these are none.
    threshold: Annotated[float, Meta(ge=-1e300, le=1e300, examples=[0.05])] = 0.0
    filter: _Filter = None
    score: (
        Annotated[
            str,
            Meta(description="The name of the scores, of quality_score.", max_length=200, pattern=_NO_NUL),
        ]
        | None
    ) = None
    window_minutes: Annotated[int, Meta(description="How far back is measured.", ge=1, le=44640, examples=[15])] = 15
    for_minutes: Annotated[
        int, Meta(description="How long it must hold before the rule fires.", ge=0, le=10080, examples=[5])
    ] = 0
    recover_minutes: Annotated[
        int,
        Meta(description="How long it must not hold before the rule is resolved.", ge=0, le=10080, examples=[5]),
    ] = 0
    missing: Annotated[
        Literal["clear", "keep", "hold"],
        Meta(
            description="What holds when nothing could be measured: the condition does not (clear), does (hold), or"
            " everything stays as it is (keep).",
            examples=["clear"],
        ),
    ] = "clear"


class NewRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as it is written."""

    name: Annotated[_Name, Meta(examples=["Errors in checkout"])]
    condition: RuleCondition
    channels: _Channels = []
    enabled: bool = True
    all_projects: _AllProjects = False


class RuleState(Struct, frozen=True, kw_only=True):
    """How a rule stands with one project. `value` is what was measured last, null for nothing."""

    project: Annotated[str, Meta(examples=["default"])]
    status: RuleStatus
    since: Annotated[datetime, Meta(description="Since when it has this status.")]
    value: Annotated[float | None, Meta(examples=[0.02])]


class RuleDetail(Struct, frozen=True, kw_only=True):
    """A rule, and how it stands. `project` is null for one that watches every project."""

    id: Annotated[str, Meta(examples=["5f0c6a1e8d3b4c2a"])]
    project: Annotated[str | None, Meta(examples=["default"])]
    name: Annotated[str, Meta(examples=["Errors in checkout"])]
    condition: RuleCondition
    channels: list[ChannelName]
    enabled: bool
    silenced_until: datetime | None
    states: list[RuleState]
    error: Annotated[str | None, Meta(description="Why the last evaluation failed.", examples=[None])]
    evaluated_at: datetime | None
    version: Version


class RuleList(Struct, frozen=True, kw_only=True):
    """The rules of a project, those of every project included."""

    rules: list[RuleDetail]


class BudgetTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be spent in a period of the calendar (UTC; weeks begin on Monday), and when to tell."""

    limit: Annotated[Number, Meta(description="What may be spent: US dollars, or tokens.")]
    metric: Literal["cost", "tokens"] = "cost"
    period: Period = "month"
    subject: Annotated[
        Subject, Meta(description="Who has the budget: the project as a whole, a user, or a model.", examples=["user"])
    ] = "project"
    value: (
        Annotated[
            str,
            Meta(
                description="The user or model; without it each has a budget of its own.",
                min_length=1,
                max_length=500,
                pattern=_NO_NUL,
                examples=["alice"],
            ),
        ]
        | None
    ) = None
    filter: _Filter = None
    thresholds: Annotated[
        list[Annotated[int, Meta(ge=1, le=1000)]],
        Meta(description="Percent of the limit to tell of.", min_length=1, max_length=10, examples=[[50, 80, 100]]),
    ] = field(default_factory=lambda: [50, 80, 100])


class NewBudget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A budget as it is written."""

    name: Annotated[_Name, Meta(examples=["Spend of each user"])]
    terms: BudgetTerms
    channels: _Channels = []
    enabled: bool = True
    all_projects: _AllProjects = False


class BudgetState(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """How much of a budget is spent in its present period. `forecast` is what will be spent at its end, at the pace
    until now; null in the period's first hundredth."""

    project: Annotated[str, Meta(examples=["default"])]
    subject: Annotated[str | None, Meta(description="The user or the model.", examples=["alice"])]
    from_: Annotated[datetime, Meta(description="When the period began.")]
    to: Annotated[datetime, Meta(description="When it ends.")]
    spent: Number
    share: Annotated[float, Meta(description="Of the limit; 1 is all of it.", examples=[0.82])]
    forecast: Annotated[float | None, Meta(examples=[131.5])]
    reached: Annotated[list[int], Meta(description="The thresholds that are reached.", examples=[[50, 80]])]


class BudgetDetail(Struct, frozen=True, kw_only=True):
    """A budget, and how it stands, most spent first. `project` is null for one of every project."""

    id: Annotated[str, Meta(examples=["9b1d7e02c4a85f36"])]
    project: Annotated[str | None, Meta(examples=["default"])]
    name: Annotated[str, Meta(examples=["Spend of each user"])]
    terms: BudgetTerms
    channels: list[ChannelName]
    enabled: bool
    silenced_until: datetime | None
    states: list[BudgetState]
    error: Annotated[str | None, Meta(description="Why the last evaluation failed.", examples=[None])]
    evaluated_at: datetime | None
    version: Version


class BudgetList(Struct, frozen=True, kw_only=True):
    """The budgets of a project, those of every project included."""

    budgets: list[BudgetDetail]


class Silence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Until when nobody is told; null ends it."""

    until: datetime | None


class NoticeDetail(Struct, frozen=True, kw_only=True):
    """What became of telling one channel."""

    channel: ChannelName
    status: Literal["pending", "delivered", "failed"]
    attempts: Annotated[int, Meta(examples=[1])]
    error: Annotated[str | None, Meta(examples=["the receiver answered 503"])]
    http_status: Annotated[int | None, Meta(examples=[503])]
    settled_at: datetime | None


class AlertEventDetail(Struct, frozen=True, kw_only=True):
    """One change of a rule's or a budget's state. `payload` is what webhooks are sent, `id` their `webhook-id`."""

    number: int
    id: Annotated[str, Meta(examples=["evt_0b5e2f7c9d1a4e63"])]
    at: datetime
    alert_id: Annotated[str, Meta(examples=["5f0c6a1e8d3b4c2a"])]
    kind: Literal["rule", "budget"]
    event: Annotated[str, Meta(examples=["alert.firing"])]
    silenced: bool
    summary: Annotated[str, Meta(examples=["Errors in checkout: error_rate is 0.08, above 0.05"])]
    payload: Annotated[dict[str, Any], Meta(examples=[{"type": "alert.firing"}])]
    notices: list[NoticeDetail]


class AlertHistory(Struct, frozen=True, kw_only=True):
    """Events, newest first. Send `next_before` as `before` for the next page; it is null on the last."""

    events: list[AlertEventDetail]
    next_before: int | None


class NewChannel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where notices go. Address and secret are kept encrypted and never shown; left out, those of the channel stay."""

    kind: Annotated[
        ChannelKind,
        Meta(description="webhook sends the generic payload, slack the text that Slack's incoming webhooks take."),
    ] = "webhook"
    url: Annotated[str, Meta(max_length=2048, examples=["https://pager.example/hooks/llmflow"])] | None = None
    secret: (
        Annotated[
            str,
            Meta(
                description="Signs the notices of a webhook: `whsec_` and base64 of 24 to 64 bytes.",
                pattern=r"^whsec_[A-Za-z0-9+/]{32,88}={0,2}$",
                examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
            ),
        ]
        | None
    ) = None


class ChannelDetail(Struct, frozen=True, kw_only=True):
    """A channel without its secrets: of the address, only the host is shown."""

    name: ChannelName
    kind: ChannelKind
    host: Annotated[str, Meta(examples=["pager.example"])]
    version: Version


class ChannelList(Struct, frozen=True, kw_only=True):
    """All channels; they belong to no project. Without `can_keep_secrets` none can be added: LLMFLOW_SECRET_KEY is not
    set."""

    channels: list[ChannelDetail]
    can_keep_secrets: bool


class Delivery(Struct, frozen=True, kw_only=True):
    """How one attempt to tell a channel ended."""

    channel: ChannelName
    delivered: bool
    http_status: Annotated[int | None, Meta(examples=[204])]
    error: Annotated[str | None, Meta(examples=[None])]


class TestResult(Struct, frozen=True, kw_only=True):
    """How a test notice arrived, by channel."""

    deliveries: list[Delivery]
