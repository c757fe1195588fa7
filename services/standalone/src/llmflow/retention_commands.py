"""`llmflow retention`: how long data is kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmflow import formats
from llmflow.api import open_api
from llmflow.console import Column, Json, ProjectOption, print_json, print_table
from llmflow.instance import default_data_dir, read_where
from llmflow_core.errors import LLMFlowError
from llmflow_core.spans import DEFAULT_PROJECT

# What is imported in functions here costs memory that `llmflow up`, which needs none of it, would keep.
if TYPE_CHECKING:
    from llmflow_store.retention import RetentionReport

app = typer.Typer(no_args_is_help=True, help="Data is kept for some days, by kind and project.")

_Days = Annotated[int | None, typer.Option(min=0, help="Days; 0 is for ever. Without it: as the server says.")]
_KINDS = {
    "kind": Column("Kind"),
    "chosen": Column("Chosen", formats.plain, right=True),
    "days": Column("Days", formats.plain, right=True),
}
_REMOVED = {
    "table": Column("Table"),
    "rows": Column("Rows", formats.count, right=True),
    "chunks": Column("Chunks", formats.count, right=True),
}


@app.command("show")
def show_retention(*, project: ProjectOption = DEFAULT_PROJECT, as_json: Json = False) -> None:
    """Show for how many days a project's data is kept: what it has chosen, and what holds. 0 is for ever.

    \b
    Example:
      llmflow retention show --project shop
    """
    with open_api() as api:
        found = api.get("projects", project, "retention")
    _print(found, as_json)


@app.command("set")
def set_retention(
    *,
    project: ProjectOption = DEFAULT_PROJECT,
    spans: _Days = None,
    content: _Days = None,
    rollups: _Days = None,
    logs: _Days = None,
    metrics: _Days = None,
    as_json: Json = False,
) -> None:
    """Choose for how many days a project's data is kept. Kinds that are not named are kept as the server says.

    \b
    Example:
      llmflow retention set --project shop --content 7 --spans 90
    """
    chosen = {"spans": spans, "content": content, "rollups": rollups, "logs": logs, "metrics": metrics}
    with open_api() as api:
        found = api.request("PUT", "projects", project, "retention", json=chosen)
    _print(found, as_json)


@app.command("apply")
def apply_retention(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what is past its time now, as the writer does every ten minutes.

    It works on the database itself: that of LLMFLOW_DATABASE_URL, else that of the LLMFlow on this machine. The days
    are those that the writer applied last, and what projects have chosen.

    \b
    Example:
      llmflow retention apply --dry-run
    """
    import asyncio

    report = asyncio.run(_apply(dry_run))
    removed = [
        {"table": table, "rows": report.rows.get(table, 0), "chunks": report.chunks.get(table, 0)}
        for table in sorted({*report.rows, *report.chunks})
    ]
    if as_json:
        print_json(asdict(report))
    else:
        print_table(removed, _REMOVED, nothing="Nothing is past its time.")


async def _apply(dry_run: bool) -> RetentionReport:
    from llmflow.command_settings import CommandSettings
    from llmflow_core.config import load_settings
    from llmflow_store import open_store

    command = load_settings(CommandSettings)
    where = read_where(command.data_dir or default_data_dir())
    url = command.database_url or (where.database_url if where else None)
    if url is None:
        raise LLMFlowError("no LLMFlow runs on this machine: set LLMFLOW_DATABASE_URL")
    store = open_store(url)
    try:
        # This program's environment may say other days than the writer's, and would remove what that keeps.
        days = await store.applied_retention()
        if days is None:
            raise LLMFlowError("no writer has ever worked on this database: start LLMFlow")
        report = await store.apply_retention(days, dry_run=dry_run)
    finally:
        await store.close()
    if report is None:
        raise LLMFlowError("a writer is applying retention right now")
    return report


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    days = found["days"] or {}
    rows = [{"kind": kind, "chosen": chosen, "days": days.get(kind)} for kind, chosen in found["chosen"].items()]
    print_table(rows, _KINDS, nothing="")
