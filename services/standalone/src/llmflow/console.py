"""What commands have in common: how they print, for people or scripts, and how they fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from llmflow.api import ApiError
from llmflow.formats import plain
from llmflow_core.errors import LLMFlowError

if TYPE_CHECKING:
    from rich.console import Console

#: The option of every command that shows something.
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
ProjectOption = Annotated[str, typer.Option("--project", "-p", envvar="LLMFLOW_PROJECT", help="Which project.")]

#: The options of parameters that have another name in the API.
_OPTIONS = {"from": "--since", "to": "--until", "group_by": "--by", "data_type": "--type"}
_WIDE = 1000
#: To how many characters a column may be wrapped.
_NARROWEST = 12
#: How much of a long filter is shown on either side of the mistake.
_CONTEXT = 60


@contextmanager
def errors_for_people() -> Iterator[None]:
    """What went wrong on purpose is told in plain words, without a traceback. Ends with 2 when the API finds what was
    asked for wrong, as for a wrong option, else with 1."""
    try:
        yield
    except ApiError as error:
        message = str(error)
        if error.field in _OPTIONS:
            message = message.replace(f"{error.field}:", f"{_OPTIONS[error.field]}:", 1)
        typer.echo(f"llmflow: {plain(message)}", err=True)
        if error.text is not None and error.position is not None:
            typer.echo(_pointed(error.text, error.position), err=True)
        raise typer.Exit(2 if error.status == 400 else 1) from None
    except LLMFlowError as error:
        typer.echo(f"llmflow: {error}", err=True)
        raise typer.Exit(1) from None


def _pointed(text: str, position: int) -> str:
    """The text around `position`, and below it a caret at that place."""
    from rich.cells import cell_len

    start = max(0, position - _CONTEXT)
    before = " ".join(plain(text[start:position]).splitlines())
    after = " ".join(plain(text[position : position + _CONTEXT]).splitlines())
    return f"  {before}{after}\n  {' ' * cell_len(before)}^"


def console(*, wide: bool = False) -> Console:
    """Where people read: standard output, in colour only on a terminal, and as wide as that unless `wide`."""
    from rich.console import Console

    # What is piped elsewhere is not cut to the width of a terminal that is not there.
    width = None if sys.stdout.isatty() and not wide else _WIDE
    # Of a terminal that says little of itself (TERM=dumb) rich takes a width only together with a height.
    height = None if width is None else 25
    return Console(width=width, height=height, markup=False, highlight=False, emoji=False)


def print_json(value: Any, *, one_line: bool = False) -> None:
    """Print a value as JSON, on one line when another program reads it or `one_line` wants it."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(value, ensure_ascii=not unicode, indent=2 if sys.stdout.isatty() and not one_line else None))


class Column(NamedTuple):
    """One column of a table: how its values are written, on the right for numbers; a `whole` one is never wrapped."""

    heading: str
    shown: Callable[[Any], str] = plain
    right: bool = False
    whole: bool = False


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Column], *, nothing: str) -> None:
    """Print rows as a table of `columns` (by the member of a row), or the sentence `nothing` without any."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        print(nothing)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns.values():
        whole = column.whole or column.right
        justify: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(
            column.heading, justify=justify, no_wrap=whole, min_width=None if whole else _NARROWEST, overflow="fold"
        )
    for row in rows:
        cells = ("-" if row[member] is None else column.shown(row[member]) for member, column in columns.items())
        table.add_row(*map(Text, cells), style="red" if row.get("status") == "error" else "")
    screen, wide = console(), console(wide=True)
    # Where it does not fit each row is one line, for the terminal to wrap: nothing that people copy is cut.
    fits = wide.measure(table).minimum <= screen.width
    (screen if fits else wide).print(table, crop=False)


def print_page(
    page: Mapping[str, Any],
    member: str,
    columns: Mapping[str, Column],
    *,
    nothing: str,
    as_json: bool,
    row: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda entry: entry,
) -> None:
    """Print a list's page: as JSON it is, or a table of what `row` makes of its entries, and on standard error how to
    get those that follow."""
    if as_json:
        print_json(page)
        return
    print_table([row(entry) for entry in page[member]], columns, nothing=nothing)
    if page["next_cursor"]:
        sys.stdout.flush()
        typer.echo(f"There are more: --limit, or --cursor {page['next_cursor']}", err=True)


@contextmanager
def progress(work: str, *, total: int | None = None, unit: str = "") -> Iterator[Callable[[int], None]]:
    """Says on standard error how far a long `work` has come, where that is a terminal. Gives a function that takes how
    much has been done altogether: of the `total`, or in the `unit` where nobody knows how much there is."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    measured = (
        (BarColumn(), MofNCompleteColumn())
        if total is not None
        else (SpinnerColumn(), TextColumn(f"{{task.completed:,.0f}} {unit}"))
    )
    screen = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        *measured,
        TimeElapsedColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as bar:
        task = bar.add_task(work, total=total)
        yield lambda done: bar.update(task, completed=done)
