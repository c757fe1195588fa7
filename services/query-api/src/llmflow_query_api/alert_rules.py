"""Alert rules, and the history of what rules and budgets have told."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from litestar import delete, get, post, put
from litestar.params import JSONBody, QueryParameter

from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api import alert_schemas as schemas
from llmflow_query_api.alert_changes import (
    CHANGE_ERRORS,
    CREATE_ERRORS,
    DELETE_ERRORS,
    AlertId,
    AlertsDependency,
    AnyRequest,
    NewProject,
    delete_alert,
    found_alert,
    new_id,
    project_of,
    save_alert,
    silence_alert,
    try_alert,
)
from llmflow_query_api.alerting.measuring import check_condition
from llmflow_query_api.preconditions import PreconditionDependency
from llmflow_query_api.present_alerts import event_of, rule_of
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import READ_ERRORS, ProjectParameter, StoreDependency, text_parameter


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
    responses=documented(*CREATE_ERRORS),
    tags=["alerts"],
)
async def create_rule(
    request: AnyRequest,
    store: StoreDependency,
    data: JSONBody[schemas.NewRule],
    project: ProjectParameter = DEFAULT_PROJECT,
) -> schemas.RuleDetail:
    """It is evaluated within seconds, and then every minute."""
    check_condition(data.condition, datetime.now(UTC))
    return rule_of(await save_alert(request, store, new_id(), data, project), project)


@put(
    "/alerts/{alert_id:str}",
    operation_id="changeRule",
    summary="Change an alert rule",
    responses=documented(*CHANGE_ERRORS),
    tags=["alerts"],
)
async def change_rule(
    request: AnyRequest,
    store: StoreDependency,
    only_if: PreconditionDependency,
    alert_id: AlertId,
    data: JSONBody[schemas.NewRule],
    project: NewProject = None,
) -> schemas.RuleDetail:
    """The rule is replaced as a whole and keeps its state: one that fires goes on firing while the new condition
    holds. One that is switched off is resolved."""
    check_condition(data.condition, datetime.now(UTC))
    before = await found_alert(store, alert_id, "rule")
    project = project or project_of(before)
    return rule_of(await save_alert(request, store, alert_id, data, project, only_if), project)


@put(
    "/alerts/{alert_id:str}/silence",
    operation_id="silenceRule",
    summary="Silence a rule for a time",
    response_description="Silenced.",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(*CHANGE_ERRORS),
    tags=["alerts"],
)
async def silence_rule(
    request: AnyRequest,
    store: StoreDependency,
    only_if: PreconditionDependency,
    alert_id: AlertId,
    data: JSONBody[schemas.Silence],
) -> None:
    """The state goes on changing and is kept in the history. What still fires when the silence ends is told of then;
    that a rule is resolved which was told of before is told all the same."""
    await silence_alert(request, store, alert_id, "rule", data, only_if)


@post(
    "/alerts/{alert_id:str}/test",
    operation_id="testRule",
    summary="Send a test notice to the channels of a rule",
    response_description="Every channel was tried once.",
    status_code=HTTPStatus.OK,
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["alerts"],
)
async def test_rule(
    request: AnyRequest, store: StoreDependency, alerts: AlertsDependency, alert_id: AlertId
) -> schemas.TestResult:
    """Its state does not change, and nothing is tried again."""
    return await try_alert(request, store, alerts, alert_id, "rule")


@delete(
    "/alerts/{alert_id:str}",
    operation_id="deleteRule",
    summary="Delete a rule",
    response_description="Deleted.",
    responses=documented(*DELETE_ERRORS),
    tags=["alerts"],
)
async def delete_rule(
    request: AnyRequest,
    store: StoreDependency,
    alerts: AlertsDependency,
    only_if: PreconditionDependency,
    alert_id: AlertId,
) -> None:
    """Who was told that it fires is told that it is resolved. The history stays."""
    await delete_alert(request, store, alerts, alert_id, "rule", only_if)


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
