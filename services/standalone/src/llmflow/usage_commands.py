"""`llmflow sessions`, `users` and `models`: who and what was at work."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from llmflow import formats
from llmflow.api import open_api
from llmflow.console import Column, Json, print_json, print_page, print_table
from llmflow.options import Cursor, FilterWords, Limit, Project, Since, Until, filter_of, range_of
from llmflow.trace_commands import with_tokens

app = typer.Typer()


class Order(StrEnum):
    """By what users and models are ordered, largest first."""

    COST = "cost"
    TOKENS = "tokens"
    REQUESTS = "requests"
    ERRORS = "errors"


_OrderOption = Annotated[Order, typer.Option(help="By what, largest first.")]
_FIGURES = {
    "request_count": Column("Requests", formats.count, right=True),
    "error_count": Column("Errors", formats.count, right=True),
    "tokens": Column("Tokens", formats.count, right=True),
    "cost": Column("Cost", formats.dollars, right=True),
    "unpriced_count": Column("Unpriced", formats.count, right=True),
}
_SESSION_COLUMNS = {
    "last_time": Column("Last", formats.moment, whole=True),
    "session_id": Column("Session", formats.one_line),
    "user_ids": Column("User"),
    "trace_count": Column("Traces", formats.count, right=True),
    "error_count": Column("Errors", formats.count, right=True),
    "tokens": Column("Tokens", formats.count, right=True),
    "cost": Column("Cost", formats.dollars, right=True),
    "models": Column("Models"),
}
_USER_COLUMNS = {"user_id": Column("User", formats.one_line), **_FIGURES}
_MODEL_COLUMNS = {
    "model": Column("Model", formats.one_line),
    "provider": Column("Provider", formats.one_line),
    **_FIGURES,
    "p50": Column("p50", formats.duration, right=True),
    "p95": Column("p95", formats.duration, right=True),
    "ttft": Column("TTFT p50", formats.duration, right=True),
}


@app.command("sessions")
def list_sessions(
    filter_words: FilterWords = None,
    *,
    project: Project = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List sessions, the one used last first.

    \b
    Examples:
      llmflow sessions --since 24h
      llmflow sessions user:alice status:error
    """
    with open_api() as api:
        page = api.listed(
            "sessions",
            "sessions",
            limit=limit,
            cursor=cursor,
            project=project,
            filter=filter_of(filter_words),
            **range_of(since, until),
        )
    print_page(page, "sessions", _SESSION_COLUMNS, nothing="No sessions.", as_json=as_json, row=_totals)


@app.command("users")
def list_users(
    filter_words: FilterWords = None,
    *,
    project: Project = None,
    since: Since = None,
    until: Until = None,
    order: _OrderOption = Order.COST,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="The most that is shown.")] = 50,
    as_json: Json = False,
) -> None:
    """List the largest users, of the last 24 hours unless told otherwise.

    \b
    Examples:
      llmflow users --since 30d --order tokens
      llmflow users model:gpt-4o
    """
    with open_api() as api:
        found = api.get(
            "users",
            project=project,
            filter=filter_of(filter_words),
            order=order.value,
            limit=limit,
            **range_of(since, until),
        )
    if as_json:
        print_json(found)
        return
    print_table([_with_usage(user) for user in found["users"]], _USER_COLUMNS, nothing="No users.")


@app.command("models")
def list_models(
    *,
    project: Project = None,
    since: Since = None,
    until: Until = None,
    order: _OrderOption = Order.COST,
    unpriced: Annotated[bool, typer.Option("--unpriced", help="Only those with calls without a known price.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="The most that is shown.")] = 50,
    as_json: Json = False,
) -> None:
    """List the models that were used, in the last 24 hours unless told otherwise.

    \b
    Examples:
      llmflow models --since 7d
      llmflow models --unpriced
    """
    with open_api() as api:
        found = api.get(
            "models",
            project=project,
            order=order.value,
            unpriced=unpriced or None,
            limit=limit,
            **range_of(since, until),
        )
    if as_json:
        print_json(found)
        return
    rows = [
        {
            **_with_usage(model),
            "p50": model["latency"]["p50"],
            "p95": model["latency"]["p95"],
            "ttft": model["time_to_first_token"]["p50"],
        }
        for model in found["models"]
    ]
    print_table(rows, _MODEL_COLUMNS, nothing="No models.")


def _with_usage(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, **with_tokens(entry["usage"])}


def _totals(session: Mapping[str, Any]) -> dict[str, Any]:
    return with_tokens(session["totals"])
