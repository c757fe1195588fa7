"""Alert rules, budgets and their history."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, PathParameter, QueryParameter, SkipValidation
from litestar.types import Method
from litestar.types.callable_types import OperationIDCreator
from litestar.types.internal_types import PathParameterDefinition

from llmflow_core.errors import Rejected
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api import alert_schemas as schemas
from llmflow_query_api.alerting.desk import AlertDesk
from llmflow_query_api.alerting.measuring import check_condition, check_terms
from llmflow_query_api.auth import actor
from llmflow_query_api.present_alerts import budget_of, event_of, rule_of
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import READ_ERRORS, ProjectParameter, StoreDependency, text_parameter, utc
from llmflow_store.alerts import Alert, AlertKind
from llmflow_store.port import Store

_ID_BYTES = 8
_LAST_TIME = datetime(2262, 4, 11, tzinfo=UTC)
_CHANGE_ERRORS = (*READ_ERRORS, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

AlertsDependency = NamedDependency[SkipValidation[AlertDesk]]
_Id = Annotated[str, PathParameter(description="The id of a rule or a budget.", pattern=r"^[^\x00]*$", max_length=64)]


def _operation(verb: str) -> OperationIDCreator:
    """The name of an operation that rules and budgets share."""

    def name(_: HTTPRouteHandler, __: Method, path: list[str | PathParameterDefinition]) -> str:
        return f"{verb}{'Budget' if 'budgets' in path else 'Rule'}"

    return name


async def provide_alerts(request: Request[Any, Any, Any]) -> AlertDesk:
    """The application's alerts, for handlers."""
    desk: AlertDesk = request.app.state.alerts
    return desk


@get(
    "/alerts",
    operation_id="listRules",
    summary="List the alert rules of a project, and how they stand",
    responses=documented(*READ_ERRORS),
    tags=["alerts"],
)
async def list_rules(store: StoreDependency, project: ProjectParameter = DEFAULT_PROJECT) -> schemas.RuleList:
    """With those that watch every project, of which only the state of this one is shown."""
    return schemas.RuleList(rules=[rule_of(alert, project) for alert in await store.list_alerts("rule", project)])


@post(
    "/alerts",
    operation_id="createRule",
    summary="Create an alert rule",
    response_description="Created.",
    responses=documented(*_CHANGE_ERRORS),
    tags=["alerts"],
)
async def create_rule(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    data: JSONBody[schemas.NewRule],
    project: ProjectParameter = DEFAULT_PROJECT,
) -> schemas.RuleDetail:
    """It is evaluated within seconds, and then every minute."""
    return rule_of(await _save_rule(request, store, _new_id(), data, project), project)


@put(
    "/alerts/{alert_id:str}",
    operation_id="changeRule",
    summary="Change an alert rule",
    responses=documented(*_CHANGE_ERRORS),
    tags=["alerts"],
)
async def change_rule(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    alert_id: _Id,
    data: JSONBody[schemas.NewRule],
    project: ProjectParameter = DEFAULT_PROJECT,
) -> schemas.RuleDetail:
    """The rule is replaced as a whole and keeps its state: one that fires goes on firing while the new condition
    holds. One that is switched off is resolved."""
    await _found(store, alert_id, "rule")
    return rule_of(await _save_rule(request, store, alert_id, data, project), project)


@get(
    "/budgets",
    operation_id="listBudgets",
    summary="List the budgets of a project, and how much of them is spent",
    responses=documented(*READ_ERRORS),
    tags=["alerts"],
)
async def list_budgets(store: StoreDependency, project: ProjectParameter = DEFAULT_PROJECT) -> schemas.BudgetList:
    """With those of every project, of which only the state of this one is shown."""
    now = datetime.now(UTC)
    found = await store.list_alerts("budget", project)
    return schemas.BudgetList(budgets=[budget_of(alert, project, now) for alert in found])


@post(
    "/budgets",
    operation_id="createBudget",
    summary="Create a budget",
    response_description="Created.",
    responses=documented(*_CHANGE_ERRORS),
    tags=["alerts"],
)
async def create_budget(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    data: JSONBody[schemas.NewBudget],
    project: ProjectParameter = DEFAULT_PROJECT,
) -> schemas.BudgetDetail:
    """What was spent since the period began counts from the start."""
    return budget_of(await _save_budget(request, store, _new_id(), data, project), project, datetime.now(UTC))


@put(
    "/budgets/{alert_id:str}",
    operation_id="changeBudget",
    summary="Change a budget",
    responses=documented(*_CHANGE_ERRORS),
    tags=["alerts"],
)
async def change_budget(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    alert_id: _Id,
    data: JSONBody[schemas.NewBudget],
    project: ProjectParameter = DEFAULT_PROJECT,
) -> schemas.BudgetDetail:
    """The budget is replaced as a whole. Thresholds that a new limit is below again are told of anew."""
    await _found(store, alert_id, "budget")
    return budget_of(await _save_budget(request, store, alert_id, data, project), project, datetime.now(UTC))


@put(
    ["/alerts/{alert_id:str}/silence", "/budgets/{alert_id:str}/silence"],
    operation_id=_operation("silence"),
    summary="Silence a rule or a budget for a time",
    response_description="Silenced.",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(*_CHANGE_ERRORS),
    tags=["alerts"],
)
async def silence(
    request: Request[Any, Any, Any], store: StoreDependency, alert_id: _Id, data: JSONBody[schemas.Silence]
) -> None:
    """States go on changing and are kept in the history. What still holds when the silence ends is told of then; that
    something ends which was told of before is told all the same."""
    until = utc(data.until)
    if until is not None and not datetime.now(UTC) < until < _LAST_TIME:
        raise Rejected("must lie in the future, before 2262", field="until")
    if await store.silence_alert(alert_id, until, by=actor(request)) is None:
        raise NotFoundException(f"there is no rule or budget {alert_id}")


@post(
    ["/alerts/{alert_id:str}/test", "/budgets/{alert_id:str}/test"],
    operation_id=_operation("test"),
    summary="Send a test notice to the channels of a rule or a budget",
    response_description="Every channel was tried once.",
    status_code=HTTPStatus.OK,
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["alerts"],
)
async def test_alert(
    request: Request[Any, Any, Any], store: StoreDependency, alerts: AlertsDependency, alert_id: _Id
) -> schemas.TestResult:
    """Its state does not change, and nothing is tried again."""
    alert = await store.get_alert(alert_id)
    if alert is None:
        raise NotFoundException(f"there is no rule or budget {alert_id}")
    await store.append_audit(f"{alert.kind}.test", by=actor(request), project=alert.project, subject=alert.id)
    event = alerts.payloads.of_test(alert, alert.project or DEFAULT_PROJECT, datetime.now(UTC))
    channels = [channel for channel in await store.list_channels() if channel.name in alert.channels]
    return await alerts.try_channels(channels, event.id, event.body)


@delete(
    ["/alerts/{alert_id:str}", "/budgets/{alert_id:str}"],
    operation_id=_operation("delete"),
    summary="Delete a rule or a budget",
    response_description="Deleted.",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["alerts"],
)
async def delete_alert(
    request: Request[Any, Any, Any], store: StoreDependency, alerts: AlertsDependency, alert_id: _Id
) -> None:
    """Who was told that a rule fires is told that it is resolved. The history stays."""
    alert = await store.get_alert(alert_id)
    events = alerts.evaluator.last_events(alert, datetime.now(UTC)) if alert else []
    if not await store.delete_alert(alert_id, events, by=actor(request)):
        raise NotFoundException(f"there is no rule or budget {alert_id}")


@get(
    "/alerts/history",
    operation_id="listAlertHistory",
    summary="List what rules and budgets have told, newest first",
    responses=documented(*READ_ERRORS),
    tags=["alerts"],
)
async def list_history(
    store: StoreDependency,
    project: ProjectParameter = DEFAULT_PROJECT,
    alert_id: Annotated[str | None, text_parameter("alert_id", "Of this rule or budget alone.")] = None,
    limit: Annotated[int, QueryParameter(description="The most events on a page.", ge=1, le=200)] = 50,
    before: Annotated[
        int | None, QueryParameter(description="next_before of the page before.", ge=0, le=2**63 - 1)
    ] = None,
) -> schemas.AlertHistory:
    """With what became of every notice."""
    found = await store.list_events(project, limit=limit + 1, before=before, alert_id=alert_id)
    page = found[:limit]
    more = len(found) > limit
    return schemas.AlertHistory(events=[event_of(past) for past in page], next_before=page[-1].number if more else None)


async def _save_rule(
    request: Request[Any, Any, Any], store: Store, alert_id: str, data: schemas.NewRule, project: str
) -> Alert:
    check_condition(data.condition, datetime.now(UTC))
    return await _save(request, store, alert_id, "rule", data, data.condition, project)


async def _save_budget(
    request: Request[Any, Any, Any], store: Store, alert_id: str, data: schemas.NewBudget, project: str
) -> Alert:
    check_terms(data.terms)
    return await _save(request, store, alert_id, "budget", data, data.terms, project)


async def _save(
    request: Request[Any, Any, Any],
    store: Store,
    alert_id: str,
    kind: AlertKind,
    data: schemas.NewRule | schemas.NewBudget,
    definition: msgspec.Struct,
    project: str,
) -> Alert:
    unknown = set(data.channels) - {channel.name for channel in await store.list_channels()}
    if unknown:
        raise Rejected(f"there is no channel {min(unknown)}", field="channels")
    alert = Alert(
        id=alert_id,
        kind=kind,
        project=None if data.all_projects else project,
        name=data.name,
        definition=msgspec.to_builtins(definition),
        channels=tuple(dict.fromkeys(data.channels)),
        enabled=data.enabled,
    )
    saved = await store.save_alert(alert, by=actor(request))
    if saved is None:
        raise NotFoundException(f"there is no project {project}")
    return saved


async def _found(store: Store, alert_id: str, kind: AlertKind) -> None:
    alert = await store.get_alert(alert_id)
    if alert is None or alert.kind != kind:
        raise NotFoundException(f"there is no {kind} {alert_id}")


def _new_id() -> str:
    return secrets.token_hex(_ID_BYTES)
