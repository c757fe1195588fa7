"""`llmflow projects`: which there are, and their administration."""

from __future__ import annotations

from typing import Annotated

import typer

from llmflow import formats
from llmflow.api import open_api
from llmflow.console import Column, Json, print_json, print_table
from llmflow_core.errors import LLMFlowError

app = typer.Typer(no_args_is_help=True, help="Projects keep one team's data apart from another's.")

Name = Annotated[str, typer.Argument(help="The project's name.")]
_COLUMNS = {
    "name": Column("Name", formats.one_line),
    "title": Column("Title", formats.one_line),
    "created_at": Column("Created", formats.moment, whole=True),
}


@app.command("list")
def list_projects(*, as_json: Json = False) -> None:
    """List the projects.

    \b
    Example:
      llmflow projects list
    """
    with open_api() as api:
        found = api.get("projects")["details"]
    print_json(found) if as_json else print_table(found, _COLUMNS, nothing="No projects.")


@app.command("create")
def create_project(
    name: Name,
    *,
    title: Annotated[str, typer.Option(help="What people call it.")] = "",
    as_json: Json = False,
) -> None:
    """Create a project.

    \b
    Example:
      llmflow projects create shop --title "The shop"
    """
    with open_api() as api:
        made = api.post("projects", json={"name": name, "title": title})
    print_json(made) if as_json else print(f"created the project {made['name']}")


@app.command("rename")
def rename_project(
    name: Name, title: Annotated[str, typer.Argument(help="What people call it from now on.")], *, as_json: Json = False
) -> None:
    """Give a project another title; its name stays.

    \b
    Example:
      llmflow projects rename shop "Shop, Europe"
    """
    with open_api() as api:
        renamed = api.request("PATCH", "projects", name, json={"title": title})
    print_json(renamed) if as_json else print(f"the project {name} is called {renamed['title'] or name} now")


@app.command("delete")
def delete_project(
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a project with all its spans and API keys.

    \b
    Example:
      llmflow projects delete shop --yes
    """
    with open_api() as api:
        # To delete a project that is gone is no error of the API's, but a name mistyped is one of its user's.
        if name not in api.get("projects")["projects"]:
            raise LLMFlowError(f"there is no project {name}")
        if not yes:
            typer.confirm(f"Delete the project {name} with all that is in it?", abort=True, err=True)
        deleted = api.request("DELETE", "projects", name)
    print_json(deleted) if as_json else print(f"deleted the project {name} and its {deleted['span_count']} spans")
