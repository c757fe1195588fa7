"""`llmflow alerts` and `llmflow budgets`: how rules and budgets stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from llmflow import formats
from llmflow.api import open_api
from llmflow.console import Column, Json, print_json, print_table
from llmflow.options import Project

alerts_app = typer.Typer(no_args_is_help=True, help="Rules that watch a metric and tell when it crosses a threshold.")
budgets_app = typer.Typer(no_args_is_help=True, help="What may be spent in a period, and how much of it is.")

#: The units of metrics that are no counts.
_UNITS = {
    "latency": "nanoseconds",
    "ttft": "nanoseconds",
    "error_rate": "ratio",
    "cost": "usd",
    "input_cost": "usd",
    "output_cost": "usd",
}
_RULES = {
    "name": Column("Rule", formats.one_line),
    "status": Column("State"),
    "since": Column("Since", formats.moment, whole=True),
    "value": Column("Value", right=True),
    "condition": Column("Fires when"),
    "filter": Column("Filter", formats.one_line),
    "channels": Column("Tells"),
}
_BUDGETS = {
    "name": Column("Budget", formats.one_line),
    "subject": Column("Of", formats.one_line),
    "spent": Column("Spent", right=True),
    "limit": Column("Limit", right=True),
    "share": Column("Share", right=True),
    "forecast": Column("Forecast", right=True),
    "to": Column("Until", formats.moment, whole=True),
}


@alerts_app.command("list")
def list_rules(*, project: Project = None, as_json: Json = False) -> None:
    """List the alert rules of a project and those of every project, and how they stand.

    \b
    Example:
      llmflow alerts list --project shop
    """
    with open_api() as api:
        found = api.get("alerts", project=project)["rules"]
    print_json(found) if as_json else print_table(list(map(_rule, found)), _RULES, nothing="No rules.")


@budgets_app.command("list")
def list_budgets(*, project: Project = None, as_json: Json = False) -> None:
    """List the budgets of a project and those of every project, and how much is spent.

    \b
    Example:
      llmflow budgets list --project shop
    """
    with open_api() as api:
        found = api.get("budgets", project=project)["budgets"]
    if as_json:
        print_json(found)
        return
    rows = [_budget(budget, state) for budget in found for state in budget["states"] or [None]]
    print_table(rows, _BUDGETS, nothing="No budgets.")


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    condition = rule["condition"]
    unknown: dict[str, Any] = {"status": "not measured yet", "since": None, "value": None}
    state = rule["states"][0] if rule["states"] else unknown
    status = "off" if not rule["enabled"] else "cannot be measured" if rule["error"] else state["status"]
    metric = condition["metric"]
    compared = "" if metric == "no_data" else f" {condition['operator']} {_measured(metric, condition['threshold'])}"
    return {
        "name": rule["name"],
        "status": status,
        "since": state["since"],
        "value": None if state["value"] is None else _measured(metric, state["value"]),
        "condition": f"{condition['score'] or metric}{compared} over {condition['window_minutes']} min",
        "filter": condition["filter"],
        "channels": ", ".join(rule["channels"]),
    }


def _budget(budget: Mapping[str, Any], state: Mapping[str, Any] | None) -> dict[str, Any]:
    terms = budget["terms"]
    unit = "usd" if terms["metric"] == "cost" else "tokens"
    row = dict.fromkeys(_BUDGETS) | {"name": budget["name"], "limit": formats.quantity(float(terms["limit"]), unit)}
    if state is None:
        return row
    forecast = state["forecast"]
    return {
        **row,
        "subject": state["subject"],
        "spent": formats.quantity(float(state["spent"]), unit),
        "share": formats.quantity(state["share"], "ratio"),
        "forecast": None if forecast is None else formats.quantity(forecast, unit),
        "to": state["to"],
    }


def _measured(metric: str, value: float) -> str:
    return f"{value:g}" if metric == "quality_score" else formats.quantity(value, _UNITS.get(metric, "count"))
