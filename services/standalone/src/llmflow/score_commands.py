"""`llmflow scores`: judgements of spans, traces and sessions."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated

import typer

from llmflow import formats
from llmflow.api import open_api
from llmflow.console import Column, Json, print_json, print_page
from llmflow.options import Cursor, Limit, Project, Since, Until, range_of

app = typer.Typer(no_args_is_help=True, help="Scores judge spans, traces and sessions.")


class ScoreType(StrEnum):
    """The types that scores have."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"


_Trace = Annotated[str | None, typer.Option("--trace", help="A trace's id.")]
_Span = Annotated[str | None, typer.Option("--span", help="A span's id: 16 hexadecimal digits.")]
_Session = Annotated[str | None, typer.Option("--session", help="A session's id.")]
_COLUMNS = {
    "time": Column("Time", formats.moment, whole=True),
    "name": Column("Name", formats.one_line),
    "value": Column("Value", formats.count, right=True),
    "label": Column("Label", formats.one_line),
    "source": Column("Source", formats.one_line),
    "author": Column("Author", formats.one_line),
    "trace_id": Column("Trace", whole=True),
    "span_id": Column("Span", whole=True),
    "session_id": Column("Session", formats.one_line),
    "comment": Column("Comment", formats.one_line),
}


@app.command("list")
def list_scores(
    *,
    trace: _Trace = None,
    span: _Span = None,
    session: _Session = None,
    name: Annotated[str | None, typer.Option(help="Scores of this name.")] = None,
    source: Annotated[str | None, typer.Option(help="Scores that this source gave.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """List scores, newest first.

    \b
    Example:
      llmflow scores list --name helpfulness --since 7d
    """
    with open_api() as api:
        page = api.listed(
            "scores",
            "scores",
            limit=limit,
            cursor=cursor,
            project=project,
            trace_id=trace,
            span_id=span,
            session_id=session,
            name=name,
            source=source,
            **range_of(since, until),
        )
    print_page(page, "scores", _COLUMNS, nothing="No scores.", as_json=as_json)


# A number may be negative, and is no option then.
@app.command("add", context_settings={"ignore_unknown_options": True})
def add_score(
    name: Annotated[str, typer.Argument(help="What is judged: helpfulness, ...")],
    value: Annotated[float | None, typer.Argument(help="The score; 0 or 1 for a boolean.")] = None,
    *,
    trace: _Trace = None,
    span: _Span = None,
    session: _Session = None,
    label: Annotated[str | None, typer.Option(help="The category of a categorical score.")] = None,
    score_type: Annotated[
        ScoreType | None, typer.Option("--type", help="Numeric with a value, else categorical.")
    ] = None,
    comment: Annotated[str | None, typer.Option(help="Why.")] = None,
    source: Annotated[str, typer.Option(help="Who judges: eval, user, annotation, ...")] = "annotation",
    score_id: Annotated[
        str | None, typer.Option("--id", help="Given again, it takes the earlier score's place.")
    ] = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Score a trace, one of its spans, or a session.

    \b
    Examples:
      llmflow scores add helpfulness 0.9 --trace 4bf92f3577b34da6a3ce929d0e0e4736
      llmflow scores add tone --label friendly --session chat-42
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("must be a finite number", param_hint="'value'")
    if trace is None and session is None:
        raise typer.BadParameter("say what is scored: give --trace or --session")
    body = {
        "name": name,
        "value": value,
        "trace_id": trace,
        "span_id": span,
        "session_id": session,
        "label": label,
        "data_type": score_type,
        "comment": comment,
        "source": source,
        "id": score_id,
    }
    with open_api() as api:
        made = api.post(
            "scores", json={key: given for key, given in body.items() if given is not None}, project=project
        )
    print_json(made) if as_json else print(f"scored: {made['id']}")
