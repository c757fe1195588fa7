"""`llmflow logs`: log records and events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from llmflow import formats
from llmflow.api import open_api
from llmflow.console import Column, Json, print_page
from llmflow.options import Cursor, Limit, Project, Since, Until, range_of

app = typer.Typer()


class Severity(StrEnum):
    """OpenTelemetry's, from the least severe."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"


_COLUMNS = {
    "time": Column("Time", formats.moment, whole=True),
    "severity_text": Column("Severity"),
    "service": Column("Service", formats.one_line),
    "text": Column("Record", formats.one_line),
}


@app.command("logs")
def list_logs(
    text: Annotated[str | None, typer.Argument(help="What the body or the attributes say.")] = None,
    *,
    severity: Annotated[Severity | None, typer.Option(help="Records at least as severe.")] = None,
    service: Annotated[str | None, typer.Option(help="Records of this service.")] = None,
    event: Annotated[str | None, typer.Option(help="Events of this name.")] = None,
    tool: Annotated[
        str | None, typer.Option(help="Events of this AI command-line tool: claude_code, codex ...")
    ] = None,
    session: Annotated[str | None, typer.Option(help="Records of this session.")] = None,
    trace: Annotated[str | None, typer.Option(help="Records of this trace.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """List log records and events, newest first.

    \b
    Examples:
      llmflow logs --severity error --since 1h
      llmflow logs "rate limit" --service checkout --since 24h
    """
    with open_api() as api:
        page = api.listed(
            "logs",
            "logs",
            limit=limit,
            cursor=cursor,
            project=project,
            text=text,
            severity=severity.value if severity else None,
            service=service,
            event_name=event,
            tool=tool,
            session_id=session,
            trace_id=trace,
            **range_of(since, until),
        )
    print_page(page, "logs", _COLUMNS, nothing="No log records.", as_json=as_json, row=_with_text)


def _with_text(record: Mapping[str, Any]) -> dict[str, Any]:
    return {**record, "text": _text(record)}


def _text(record: Mapping[str, Any]) -> str:
    """The event's name and the body; without a body, the attributes."""
    body = record["body"] if record["body"] not in (None, "") else record["attributes"]
    told = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return f"{record['event_name']} {told}".strip()
