"""`llmflow tail`: traces as they arrive."""

from __future__ import annotations

import json
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmflow import formats
from llmflow.api import Api, ApiError, open_api
from llmflow.console import console, print_json
from llmflow.event_stream import Event, events
from llmflow.options import FilterWords, Project, filter_of
from llmflow_core.errors import LLMFlowError

if TYPE_CHECKING:
    from rich.text import Text

app = typer.Typer()

#: What goes by itself: too many requests, or a part of LLMFlow, or what is behind a gateway, that is away.
_PASSING = (429, 502, 503, 504)
_PAUSE_SECONDS = 1.0
#: How many traces are known again when they change.
_REMEMBERED = 10_000


@app.command("tail")
def tail(
    filter_words: FilterWords = None,
    *,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="End after so many lines.")] = None,
    project: Project = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document a line, for scripts.")] = False,
) -> None:
    """Show traces as they arrive, and again when more of their spans do, until Ctrl-C.

    \b
    Examples:
      llmflow tail
      llmflow tail status:error model:gpt-4o*
    """
    with open_api() as api:
        screen = console()
        for number, trace in enumerate(_changes(_watch(api, filter_of(filter_words), project)), 1):
            if as_json:
                print_json(trace, one_line=True)
            else:
                screen.print(_line(trace), soft_wrap=True)
            sys.stdout.flush()
            if number == limit:
                return


def _watch(api: Api, filter_text: str | None, project: str | None) -> Iterator[Event]:
    """The events of the live stream; when it breaks off, those that follow after it is there again."""
    last_id = ""
    while True:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        try:
            with api.stream(
                "GET", "stream", kind="event-stream", headers=headers, project=project, filter=filter_text
            ) as answer:
                for event in events(answer.iter_lines()):
                    last_id = event.id or last_id
                    yield event
        except LLMFlowError as error:
            if not last_id or (isinstance(error, ApiError) and error.status not in _PASSING):
                raise
            typer.echo(f"llmflow: {error}; trying again", err=True)
        time.sleep(_PAUSE_SECONDS)


def _changes(stream: Iterator[Event]) -> Iterator[dict[str, Any]]:
    """The traces of the events, oldest first, each whenever it is new or has changed."""
    known: OrderedDict[str, Any] = OrderedDict()
    for event in stream:
        if event.name == "resync":
            typer.echo("llmflow: too much arrived at once: some traces are missing here", err=True)
        if event.name != "traces":
            continue
        for trace in reversed(json.loads(event.data)["traces"]):
            if known.get(trace["trace_id"]) == trace:
                continue
            known[trace["trace_id"]] = trace
            known.move_to_end(trace["trace_id"])
            if len(known) > _REMEMBERED:
                known.popitem(last=False)
            yield trace


def _line(trace: Mapping[str, Any]) -> Text:
    from rich.text import Text

    tokens = trace["input_tokens"] + trace["output_tokens"]
    facts = (
        formats.moment(trace["start_time"]),
        trace["trace_id"],
        f"{formats.duration(trace['duration_ns']):>8}",
        f"{formats.count(trace['span_count']):>4} spans",
        f"{formats.count(tokens):>8} tokens",
        f"{'-' if trace['cost'] is None else formats.dollars(trace['cost']):>10}",
        formats.one_line(trace["name"]),
        formats.one_line(", ".join(trace["models"])),
        formats.one_line(trace["user_id"] or ""),
    )
    failed = trace["status"] == "error"
    errors = f"  {formats.count(trace['error_count'])} errors" if failed else ""
    return Text("  ".join(facts).rstrip() + errors, style="red" if failed else "")
