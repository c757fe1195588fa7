"""Alert rules, budgets, their history and their notices: the port, a part of `Store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from llmflow_core.spans import JSON
from llmflow_store.administration import Actor
from llmflow_store.versions import UNCONDITIONAL, Precondition, version_of

AlertKind = Literal["rule", "budget"]
NoticeStatus = Literal["pending", "delivered", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A rule or a budget, and what its last evaluation found.

    Without a `project` it is about every project, each by itself. What is in `definition` and `states` is the query
    API's affair; `states` are by project, then by a key of its choice. `error` says why the last evaluation failed.
    `claim` is the number of the claim that it was read by.
    """

    id: str
    kind: AlertKind
    project: str | None
    name: str
    definition: Mapping[str, JSON]
    channels: tuple[str, ...] = ()
    enabled: bool = True
    silenced_until: datetime | None = None
    states: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    error: str | None = None
    evaluated_at: datetime | None = None
    claim: int = 0

    @property
    def version(self) -> str:
        """Of what an edit replaces; see `versions`."""
        return version_of(self.project, self.name, dict(self.definition), list(self.channels), self.enabled)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """One change of an alert's state. `id` is what receivers know it by; `body` is what they are told.

    `silenced` ones are kept, and nobody is told.
    """

    id: str
    at: datetime
    alert_id: str
    kind: AlertKind
    project: str
    event: str
    body: Mapping[str, JSON]
    silenced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What became of telling one channel of one event. `http_status` is that of the last answer."""

    channel: str
    status: NoticeStatus
    attempts: int
    error: str | None
    http_status: int | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class PastEvent:
    """An event as the history shows it; a higher `number` came later."""

    number: int
    event: AlertEvent
    notices: Sequence[Notice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where notices go. `host` is what may be shown of the address; `sealed` holds the rest, encrypted."""

    name: str
    kind: str
    host: str
    sealed: str

    @property
    def version(self) -> str:
        """Of what an edit replaces; see `versions`."""
        return version_of(self.kind, self.host, self.sealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueNotice:
    """A notice to deliver now. `number` is the event's, `attempts` counts this attempt."""

    number: int
    event: AlertEvent
    channel: Channel
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one attempt to deliver ended: with `retry_seconds` it is tried again after them; else it is `delivered`, or
    given up."""

    delivered: bool
    retry_seconds: float | None = None
    error: str | None = None
    http_status: int | None = None


class Alerts(Protocol):
    """Changes write their line in the audit log, as done `by` somebody, in one transaction with the change. They raise
    Changed, and change nothing, where `only_if` does not hold of what is there. Methods raise Retryable while the
    database is away or overloaded.

    Several processes may call `claim_alerts` and `claim_notices` at once: each alert and notice goes to one of them.
    Who claims has it for a while, and if it does not report back then, another gets it.
    """

    async def list_alerts(self, kind: AlertKind, project: str) -> Sequence[Alert]:
        """The rules or budgets of a project and those of every project, by name."""
        ...

    async def get_alert(self, alert_id: str) -> Alert | None:
        """One alert; None if there is none of that id."""
        ...

    async def save_alert(self, alert: Alert, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> Alert | None:
        """Keep a new alert, or change what is said of one with its id; states stay. It is due at once. None if its
        project does not exist."""
        ...

    async def silence_alert(
        self, alert_id: str, until: datetime | None, *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> Alert | None:
        """Send nothing of an alert until then, or send again; None if there is none of that id."""
        ...

    async def delete_alert(
        self, alert_id: str, events: Sequence[AlertEvent], *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> bool:
        """Forget an alert, with these last events told to its channels; False if there is none of that id."""
        ...

    async def claim_alerts(self, *, limit: int, lease_seconds: float) -> Sequence[Alert]:
        """Alerts that are due, which nobody else gets for so long."""
        ...

    async def renew_claim(self, alert: Alert, *, lease_seconds: float) -> bool:
        """Have a claimed alert for so long from now; False when it was claimed or changed meanwhile."""
        ...

    async def record_evaluation(
        self,
        alert: Alert,
        *,
        states: Mapping[str, Mapping[str, JSON]],
        events: Sequence[AlertEvent],
        due_seconds: float | None,
        error: str | None = None,
    ) -> bool:
        """Keep what an evaluation of a claimed alert found, with its events and a pending notice to each channel of
        every event that is not silenced, all in one transaction. The alert is due again after `due_seconds`, or when it
        is changed. False, and nothing kept, when the alert was claimed or changed meanwhile."""
        ...

    async def list_events(
        self, project: str, *, limit: int, before: int | None = None, alert_id: str | None = None
    ) -> Sequence[PastEvent]:
        """The newest events of a project, those with a number below `before`, of one alert or of all."""
        ...

    async def forget_events(self, before: datetime) -> int:
        """Forget events from before then whose notices are all settled; return how many."""
        ...

    async def list_channels(self) -> Sequence[Channel]:
        """All channels by name."""
        ...

    async def save_channel(self, channel: Channel, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> None:
        """Keep a channel in place of the one of its name, if there is one."""
        ...

    async def delete_channel(self, name: str, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> bool:
        """Forget a channel, with its notices; alerts that name it tell it nothing any more. False if there is none."""
        ...

    async def claim_notices(self, *, limit: int, lease_seconds: float) -> Sequence[DueNotice]:
        """Pending notices that are due, which nobody else gets for so long. Of one alert a channel's notices are given
        one after the other, in the order of the events."""
        ...

    async def settle_notice(self, notice: DueNotice, attempt: Attempt) -> None:
        """Keep how an attempt ended, unless another was begun meanwhile."""
        ...
