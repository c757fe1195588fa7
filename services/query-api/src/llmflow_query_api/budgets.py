"""Budgets."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

from litestar import delete, get, post, put
from litestar.params import JSONBody

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
from llmflow_query_api.alerting.measuring import check_terms
from llmflow_query_api.preconditions import PreconditionDependency
from llmflow_query_api.present_alerts import budget_of
from llmflow_query_api.problems import documented
from llmflow_query_api.traces import READ_ERRORS, ProjectParameter, StoreDependency


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
    responses=documented(*CREATE_ERRORS),
    tags=["alerts"],
)
async def create_budget(
    request: AnyRequest,
    store: StoreDependency,
    data: JSONBody[schemas.NewBudget],
    project: ProjectParameter = DEFAULT_PROJECT,
) -> schemas.BudgetDetail:
    """What was spent since the period began counts from the start."""
    check_terms(data.terms)
    return budget_of(await save_alert(request, store, new_id(), data, project), project, datetime.now(UTC))


@put(
    "/budgets/{alert_id:str}",
    operation_id="changeBudget",
    summary="Change a budget",
    responses=documented(*CHANGE_ERRORS),
    tags=["alerts"],
)
async def change_budget(
    request: AnyRequest,
    store: StoreDependency,
    only_if: PreconditionDependency,
    alert_id: AlertId,
    data: JSONBody[schemas.NewBudget],
    project: NewProject = None,
) -> schemas.BudgetDetail:
    """The budget is replaced as a whole. Thresholds that are below a new limit again are told of anew."""
    check_terms(data.terms)
    before = await found_alert(store, alert_id, "budget")
    project = project or project_of(before)
    return budget_of(await save_alert(request, store, alert_id, data, project, only_if), project, datetime.now(UTC))


@put(
    "/budgets/{alert_id:str}/silence",
    operation_id="silenceBudget",
    summary="Silence a budget for a time",
    response_description="Silenced.",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(*CHANGE_ERRORS),
    tags=["alerts"],
)
async def silence_budget(
    request: AnyRequest,
    store: StoreDependency,
    only_if: PreconditionDependency,
    alert_id: AlertId,
    data: JSONBody[schemas.Silence],
) -> None:
    """What is spent goes on being reckoned and is kept in the history. A threshold that was reached meanwhile is
    told of when the silence ends."""
    await silence_alert(request, store, alert_id, "budget", data, only_if)


@post(
    "/budgets/{alert_id:str}/test",
    operation_id="testBudget",
    summary="Send a test notice to the channels of a budget",
    response_description="Every channel was tried once.",
    status_code=HTTPStatus.OK,
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["alerts"],
)
async def test_budget(
    request: AnyRequest, store: StoreDependency, alerts: AlertsDependency, alert_id: AlertId
) -> schemas.TestResult:
    """Its state does not change, and nothing is tried again."""
    return await try_alert(request, store, alerts, alert_id, "budget")


@delete(
    "/budgets/{alert_id:str}",
    operation_id="deleteBudget",
    summary="Delete a budget",
    response_description="Deleted.",
    responses=documented(*DELETE_ERRORS),
    tags=["alerts"],
)
async def delete_budget(
    request: AnyRequest,
    store: StoreDependency,
    alerts: AlertsDependency,
    only_if: PreconditionDependency,
    alert_id: AlertId,
) -> None:
    """The history stays."""
    await delete_alert(request, store, alerts, alert_id, "budget", only_if)
