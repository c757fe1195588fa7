"""What the routes of rules and of budgets have in common."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter, SkipValidation

from llmflow_core.errors import Rejected
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.alert_schemas import NewBudget, NewRule, Silence, TestResult
from llmflow_query_api.alerting.desk import AlertDesk
from llmflow_query_api.auth import actor
from llmflow_query_api.traces import READ_ERRORS, utc
from llmflow_store.alerts import Alert, AlertKind
from llmflow_store.port import Store
from llmflow_store.versions import UNCONDITIONAL, Precondition

_ID_BYTES = 8
_LAST_TIME = datetime(2262, 4, 11, tzinfo=UTC)

CREATE_ERRORS = (*READ_ERRORS, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
CHANGE_ERRORS = (*CREATE_ERRORS, HTTPStatus.PRECONDITION_FAILED)
DELETE_ERRORS = (*READ_ERRORS, HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)
AlertsDependency = NamedDependency[SkipValidation[AlertDesk]]
AlertId = Annotated[str, PathParameter(description="The id.", pattern=r"^[^\x00]*$", max_length=64)]
AnyRequest = Request[Any, Any, Any]
NewProject = Annotated[
    str | None,
    QueryParameter(
        name="project",
        description="The project to move it to; it stays where it is without.",
        pattern=r"^[^\x00]*$",
        max_length=63,
    ),
]


async def provide_alerts(request: AnyRequest) -> AlertDesk:
    """The application's alerts, for handlers."""
    desk: AlertDesk = request.app.state.alerts
    return desk


def new_id() -> str:
    """The id of a new rule or budget."""
    return secrets.token_hex(_ID_BYTES)


async def found_alert(store: Store, alert_id: str, kind: AlertKind) -> Alert:
    """The rule or budget of that id. Raises NotFoundException."""
    alert = await store.get_alert(alert_id)
    if alert is None or alert.kind != kind:
        raise NotFoundException(f"there is no {kind} {alert_id}")
    return alert


def project_of(alert: Alert) -> str:
    """The project that a rule or budget belongs to."""
    return alert.project or DEFAULT_PROJECT


async def save_alert(
    request: AnyRequest,
    store: Store,
    alert_id: str,
    data: NewRule | NewBudget,
    project: str,
    only_if: Precondition = UNCONDITIONAL,
) -> Alert:
    """Keep a rule or a budget. Raises Rejected for a channel that is not there, NotFoundException for a project, and
    Changed where `only_if` does not hold."""
    unknown = set(data.channels) - {channel.name for channel in await store.list_channels()}
    if unknown:
        raise Rejected(f"there is no channel {min(unknown)}", field="channels")
    rule = isinstance(data, NewRule)
    alert = Alert(
        id=alert_id,
        kind="rule" if rule else "budget",
        project=None if data.all_projects else project,
        name=data.name,
        definition=msgspec.to_builtins(data.condition if isinstance(data, NewRule) else data.terms),
        channels=tuple(dict.fromkeys(data.channels)),
        enabled=data.enabled,
    )
    saved = await store.save_alert(alert, by=actor(request), only_if=only_if)
    if saved is None:
        raise NotFoundException(f"there is no project {project}")
    return saved


async def silence_alert(
    request: AnyRequest, store: Store, alert_id: str, kind: AlertKind, data: Silence, only_if: Precondition
) -> None:
    """Send nothing until the time that is asked for. Raises Rejected for one that has passed."""
    until = utc(data.until)
    if until is not None and not datetime.now(UTC) < until < _LAST_TIME:
        raise Rejected("must lie in the future, before 2262", field="until")
    await found_alert(store, alert_id, kind)
    await store.silence_alert(alert_id, until, by=actor(request), only_if=only_if)


async def try_alert(request: AnyRequest, store: Store, desk: AlertDesk, alert_id: str, kind: AlertKind) -> TestResult:
    """Send a test notice to each of its channels, once."""
    alert = await found_alert(store, alert_id, kind)
    await store.append_audit(f"{kind}.test", by=actor(request), project=alert.project, subject=alert.id)
    event = desk.payloads.of_test(alert, project_of(alert), datetime.now(UTC))
    channels = [channel for channel in await store.list_channels() if channel.name in alert.channels]
    return await desk.try_channels(channels, event.id, event.body)


async def delete_alert(
    request: AnyRequest, store: Store, desk: AlertDesk, alert_id: str, kind: AlertKind, only_if: Precondition
) -> None:
    """Forget it, and tell whoever was told that it fires that it is resolved."""
    alert = await found_alert(store, alert_id, kind)
    events = desk.evaluator.last_events(alert, datetime.now(UTC))
    await store.delete_alert(alert_id, events, by=actor(request), only_if=only_if)
