"""`llmflow export`: all traces or spans as a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from llmflow.api import open_api
from llmflow.console import progress
from llmflow.options import FilterWords, Project, Since, Until, filter_of, range_of
from llmflow_core.errors import LLMFlowError

app = typer.Typer(no_args_is_help=True, help="Write traces or spans to a file, or see where spans are forwarded to.")


class FileFormat(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


#: What the content types of files say.
_KINDS = {FileFormat.CSV: "csv", FileFormat.JSON: "json", FileFormat.JSONL: "ndjson"}
_Output = Annotated[
    Path | None, typer.Option("--output", "-o", dir_okay=False, help="The file; standard output without it.")
]
_FormatOption = Annotated[
    FileFormat | None, typer.Option("--format", help="Without it, as the file's name ends, else jsonl.")
]


@app.command("traces")
def export_traces(
    filter_words: FilterWords = None,
    *,
    output: _Output = None,
    file_format: _FormatOption = None,
    since: Since = None,
    until: Until = None,
    project: Project = None,
) -> None:
    """Export the summaries of traces, newest first.

    \b
    Example:
      llmflow export traces --since 30d -o traces.csv
    """
    _export("traces", output, file_format, filter=filter_of(filter_words), project=project, **range_of(since, until))


@app.command("spans")
def export_spans(
    filter_words: FilterWords = None,
    *,
    output: _Output = None,
    file_format: _FormatOption = None,
    content: Annotated[bool, typer.Option("--content", help="With prompts, completions and the like.")] = False,
    since: Since = None,
    until: Until = None,
    project: Project = None,
) -> None:
    """Export spans, newest first.

    \b
    Example:
      llmflow export spans type:generation --content --format jsonl -o calls.jsonl
    """
    _export(
        "spans",
        output,
        file_format,
        content=content or None,
        filter=filter_of(filter_words),
        project=project,
        **range_of(since, until),
    )


def _export(rows: str, output: Path | None, file_format: FileFormat | None, **parameters: Any) -> None:
    chosen = file_format or _format_of(output)
    size = 0
    with (
        open_api() as api,
        _written(output) as file,
        progress(f"exporting {rows}", unit="bytes") as done,
        api.stream("GET", "export", rows, kind=_KINDS[chosen], format=chosen.value, **parameters) as answer,
    ):
        for chunk in answer.iter_bytes():
            file.write(chunk)
            size += len(chunk)
            done(size)
    if output:
        typer.echo(f"wrote {size:,} bytes to {output}", err=True)


def _format_of(output: Path | None) -> FileFormat:
    ending = output.suffix.removeprefix(".").lower() if output else ""
    return FileFormat(ending) if ending in list(FileFormat) else FileFormat.JSONL


@contextmanager
def _written(output: Path | None) -> Iterator[BinaryIO]:
    """A file that has its name only once it is whole; standard output without a name. A device or a pipe is written to
    as it is."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        # A pipe that has no name, like /dev/stdout may be, is known by this one only.
        if output.exists() and not output.is_file():
            with output.open("wb") as file:
                yield file
            return
        # A link stays one, and what it leads to is replaced.
        target = Path(os.path.realpath(output))
        part = target.with_name(f"{target.name}.part")
        try:
            with part.open("wb") as file:
                yield file
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise LLMFlowError(f"{output} cannot be written: {error.strerror}") from error
