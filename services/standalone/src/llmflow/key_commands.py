"""`llmflow keys`: API keys of programs."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from llmflow import formats
from llmflow.api import open_api
from llmflow.console import Column, Json, ProjectOption, print_json, print_table
from llmflow_core.api_keys import SCOPES
from llmflow_core.spans import DEFAULT_PROJECT

app = typer.Typer(no_args_is_help=True, help="API keys let programs send to a project, read it and change it.")

#: More than the API takes, and still a date.
_MOST_DAYS = 100_000
ScopeName = enum.StrEnum("ScopeName", [(scope, scope) for scope in SCOPES])  # type: ignore[misc]
_COLUMNS = {
    "id": Column("Id"),
    "name": Column("Name", formats.one_line),
    "scopes": Column("Scopes"),
    "created_at": Column("Created", formats.moment, whole=True),
    "created_by": Column("By"),
    "expires_at": Column("Expires", formats.moment, whole=True),
    "last_used_at": Column("Last used", formats.moment, whole=True),
}


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    *,
    project: ProjectOption = DEFAULT_PROJECT,
    scope: Annotated[list[ScopeName], typer.Option("--scope", "-s", help="What it may do; may be repeated.")],
    days: Annotated[
        float | None, typer.Option(min=0, max=_MOST_DAYS, help="For how many days it holds; for ever without.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Create an API key, which is shown this once.

    \b
    Example:
      llmflow keys create "checkout, production" --project shop --scope ingest
    """
    expires_at = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat()
    body = {"name": name, "scopes": sorted(set(scope)), "expires_at": expires_at}
    with open_api() as api:
        made = api.post("projects", project, "keys", json=body)
    if as_json:
        print_json(made)
        return
    print(made["key"])
    typer.echo(f"Keep it: it is shown this once. Its id is {made['detail']['id']}, its project {project}.", err=True)


@app.command("list")
def list_keys(*, project: ProjectOption = DEFAULT_PROJECT, as_json: Json = False) -> None:
    """List the API keys of a project, without the keys themselves.

    \b
    Example:
      llmflow keys list --project shop
    """
    with open_api() as api:
        found = api.get("projects", project, "keys")["keys"]
    print_json(found) if as_json else print_table(found, _COLUMNS, nothing=f"The project {project} has no API keys.")


@app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="Its id: lf-pk-...")], *, project: ProjectOption = DEFAULT_PROJECT
) -> None:
    """Revoke an API key.

    \b
    Example:
      llmflow keys revoke lf-pk-... --project shop
    """
    with open_api() as api:
        api.request("DELETE", "projects", project, "keys", key_id)
    typer.echo(f"revoked {key_id}", err=True)
