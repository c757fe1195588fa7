"""Arguments and options that several commands take."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import typer

_AGO = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def time_of(text: str) -> str:
    """The time that people mean by `24h` (ago), `2026-11-21` or `2026-11-21T08:00`, as the API wants it."""
    if ago := _AGO.fullmatch(text):
        try:
            return (datetime.now().astimezone() - timedelta(**{_UNITS[ago[2]]: float(ago[1])})).isoformat()
        except OverflowError:
            raise typer.BadParameter(f"{text} is too long ago") from None
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is neither a length such as 30m, 24h or 7d, nor an ISO 8601 time") from None


#: Without it the API takes the default project, or the one that the key is for.
Project = Annotated[
    str | None,
    typer.Option("--project", "-p", envvar="LLMFLOW_PROJECT", help="Which project; without it, default or the key's."),
]
FilterWords = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILTER", help="Conditions in the filter language: model:gpt-4o status:error 'cost:>0.01'."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", parser=time_of, help="From this time on: 30m, 24h or 7d (ago), or an ISO 8601 time."),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", parser=time_of, help="Before this time.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="The most that is shown.")]
ListOrder = Annotated[
    Literal["time", "duration", "cost", "tokens"],
    typer.Option("--order", help="By what, largest or newest first; what has no such value comes last."),
]
Reverse = Annotated[bool, typer.Option("--reverse", help="Smallest or oldest first.")]
Cursor = Annotated[str | None, typer.Option(help="Go on where an earlier list ended.")]


def range_of(since: str | None, until: str | None) -> dict[str, Any]:
    """The API's parameters for a range of time."""
    return {"from": since, "to": until}


def filter_of(words: list[str] | None) -> str | None:
    """The filter that the words on the command line make, all of which must hold."""
    return " ".join(words) if words else None
