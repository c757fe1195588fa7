"""`llmflow export destinations`, `test` and `replay`: where spans are forwarded to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from llmflow import formats
from llmflow.api import Api, open_api
from llmflow.console import Column, Json, print_json, print_table, progress
from llmflow.options import time_of
from llmflow_core.errors import LLMFlowError

app = typer.Typer()

_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.3
_COLUMNS = {
    "name": Column("Name", whole=True),
    "state": Column("State"),
    "sent": Column("Sent", formats.count, right=True),
    "lag": Column("Waiting", formats.count, right=True),
    "dead_letters": Column("Refused", formats.count, right=True),
    "address": Column("Where"),
    "last_error": Column("Last error"),
}
_Name = Annotated[str, typer.Argument(help="The destination's name.")]

_Project = Annotated[
    str | None,
    typer.Option("--project", "-p", envvar="LLMFLOW_PROJECT", help="Of this project only; without it, of all."),
]


@app.command("destinations")
def list_destinations(*, as_json: Json = False) -> None:
    """List the destinations that spans are forwarded to, and how they are doing.

    \b
    Example:
      llmflow export destinations
    """
    with open_api() as api:
        found = api.get("destinations")
    if as_json:
        print_json(found)
        return
    rows = [{**one, **one["status"]} for one in found["destinations"]]
    print_table(rows, _COLUMNS, nothing="no destinations: add one on the page")


@app.command("test")
def probe(name: _Name, *, as_json: Json = False) -> None:
    """Have the exporter send one span to a destination, and say what came back.

    \b
    Example:
      llmflow export test phoenix
    """
    with open_api() as api:
        job = api.post("destinations", name, "test", json=None)
        job = _finished(api, job, lambda _: None)
        if as_json:
            print_json(job)
        else:
            typer.echo(job["message"])
    raise typer.Exit(0 if job["state"] == "done" else 1)


@app.command("replay")
def replay(
    name: _Name,
    *,
    from_time: Annotated[
        str, typer.Option("--from", metavar="TIME", parser=time_of, help="30m, 24h or 7d (ago), or an ISO 8601 time.")
    ],
    to_time: Annotated[
        str, typer.Option("--to", metavar="TIME", parser=time_of, help="Before this time.", show_default="now")
    ] = "0s",
    project: _Project = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is through.")] = True,
    as_json: Json = False,
) -> None:
    """Send stored spans to a destination once more, those that started in a range of time, at least once each.

    \b
    Example:
      llmflow export replay phoenix --from 24h
    """
    with open_api() as api:
        body = {"from": from_time, "to": to_time, "project": project}
        job = api.post("destinations", name, "replays", json=body)
        if wait:
            with progress(f"replaying to {name}", total=job["total"]) as done:
                job = _finished(api, job, done)
        if as_json:
            print_json(job)
        else:
            typer.echo(f"replay {job['id']} to {name}: {job['state']}, {job['sent']:,} spans. {job['message']}".strip())
    raise typer.Exit(1 if job["state"] in ("failed", "cancelled") else 0)


def _finished(api: Api, job: dict[str, Any], done: Callable[[int], None]) -> dict[str, Any]:
    """The job once it has ended. Raises LLMFlowError when no exporter takes it up."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while job["finished_at"] is None:
        if job["state"] == "waiting" and time.monotonic() > deadline:
            raise LLMFlowError(
                "no exporter has taken it up; is one running that asks this LLMFlow (LLMFLOW_KEYS_URL, "
                "LLMFLOW_KEYS_TOKEN)?"
            )
        time.sleep(_LOOK_SECONDS)
        job = api.get("destinations", job["destination"], "jobs", str(job["id"]))
        done(job["sent"])
    return job
