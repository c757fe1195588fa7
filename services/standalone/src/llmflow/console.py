"""What commands have in common: how they print, for people or scripts, and how they fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from llmflow_core.errors import LLMFlowError

#: The option of every command that shows something.
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
ProjectOption = Annotated[str, typer.Option("--project", "-p", envvar="LLMFLOW_PROJECT", help="Which project.")]


@contextmanager
def errors_for_people() -> Iterator[None]:
    """What went wrong on purpose is told in plain words, without a traceback."""
    try:
        yield
    except LLMFlowError as error:
        typer.echo(f"llmflow: {error}", err=True)
        raise typer.Exit(1) from None


def print_json(value: Any) -> None:
    """Print a value as JSON, on one line when another program reads it."""
    print(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, nothing: str) -> None:
    """Print rows as a table of `columns` (member of a row to heading), or the sentence `nothing` without any."""
    from rich.console import Console
    from rich.table import Table

    if not rows:
        print(nothing)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[member]) for member in columns))
    # What is piped elsewhere is not cut to the width of a terminal that is not there.
    Console(width=None if sys.stdout.isatty() else 1000, markup=False, highlight=False).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
