"""`llmflow traces`, `trace` and `spans`: what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from llmflow import formats
from llmflow.api import Api, open_api
from llmflow.console import Column, Json, console, print_json, print_page, progress
from llmflow.options import Cursor, FilterWords, Limit, ListOrder, Project, Reverse, Since, Until, filter_of, range_of
from llmflow_core.ids import trace_id_from_text

app = typer.Typer()

TRACE_COLUMNS = {
    "start_time": Column("Time", formats.moment, whole=True),
    "name": Column("Name", formats.one_line),
    "duration_ns": Column("Duration", formats.duration, right=True),
    "span_count": Column("Spans", formats.count, right=True),
    "error_count": Column("Errors", formats.count, right=True),
    "tokens": Column("Tokens", formats.count, right=True),
    "cost": Column("Cost", formats.dollars, right=True),
    "models": Column("Models"),
    "user_id": Column("User", formats.one_line),
    "trace_id": Column("Trace", whole=True),
}
_SPAN_COLUMNS = {
    "start_time": Column("Time", formats.moment, whole=True),
    "name": Column("Name", formats.one_line),
    "observation_type": Column("Type"),
    "duration_ns": Column("Duration", formats.duration, right=True),
    "tokens": Column("Tokens", formats.count, right=True),
    "cost": Column("Cost", formats.dollars, right=True),
    "error_type": Column("Error", formats.one_line),
    "user_id": Column("User", formats.one_line),
    "span_id": Column("Span", whole=True),
    "trace_id": Column("Trace", whole=True),
}


@app.command("traces")
def list_traces(
    filter_words: FilterWords = None,
    *,
    project: Project = None,
    since: Since = None,
    until: Until = None,
    order: ListOrder = "time",
    reverse: Reverse = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List traces, newest first or in another order.

    \b
    Examples:
      llmflow traces --since 24h
      llmflow traces model:gpt-4o* status:error --limit 10
      llmflow traces 'cost:>0.01 OR duration:>5s' --json
      llmflow traces --order cost --since 7d
    """
    with open_api() as api:
        page = api.listed(
            "traces",
            "traces",
            limit=limit,
            cursor=cursor,
            project=project,
            filter=filter_of(filter_words),
            order=order,
            direction="asc" if reverse else "desc",
            **range_of(since, until),
        )
        print_page(page, "traces", TRACE_COLUMNS, nothing="No traces.", as_json=as_json, row=with_tokens)


@app.command("spans")
def list_spans(
    filter_words: FilterWords = None,
    *,
    project: Project = None,
    since: Since = None,
    until: Until = None,
    order: ListOrder = "time",
    reverse: Reverse = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List spans of all traces, newest first or in another order.

    \b
    Examples:
      llmflow spans type:generation --since 1h
      llmflow spans type:tool status:error
      llmflow spans type:generation --order duration --limit 10
    """
    with open_api() as api:
        page = api.listed(
            "spans",
            "spans",
            limit=limit,
            cursor=cursor,
            project=project,
            filter=filter_of(filter_words),
            order=order,
            direction="asc" if reverse else "desc",
            **range_of(since, until),
        )
        print_page(page, "spans", _SPAN_COLUMNS, nothing="No spans.", as_json=as_json, row=with_tokens)


@app.command("trace")
def show_trace(
    trace_id: Annotated[str, typer.Argument(help="Its id: hexadecimal, a UUID, or what was sent as X-Trace-Id.")],
    *,
    messages: Annotated[bool, typer.Option("--messages", "-m", help="Show the conversation.")] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Show one trace as a tree of its spans, and its conversation.

    \b
    Examples:
      llmflow trace 4bf92f3577b34da6a3ce929d0e0e4736
      llmflow trace 4bf92f3577b34da6a3ce929d0e0e4736 --messages
    """
    with open_api() as api:
        # An id that was sent as X-Trace-Id may have slashes, and paths have no place for them.
        shown = trace_id_from_text(trace_id).hex() if "/" in trace_id else trace_id
        trace = api.get("traces", shown, project=project)
        conversations = _conversations(api, trace, project) if messages else {}
        if as_json:
            print_json({**trace, "conversations": conversations} if messages else trace)
            return
        screen = console()
        screen.print(_headline(trace["trace"]))
        screen.print()
        _print_tree(trace["spans"])
        for score in trace["scores"]:
            value = score["label"] if score["value"] is None else formats.count(score["value"])
            screen.print(formats.one_line(f"score {score['name']}: {value} ({score['source']})"))
        if messages:
            _print_conversations(trace["spans"], conversations)


def with_tokens(row: Mapping[str, Any]) -> dict[str, Any]:
    """A trace or a span with the sum of its `tokens`."""
    parts = [row["input_tokens"], row["output_tokens"]]
    return {**row, "tokens": None if parts == [None, None] else sum(part or 0 for part in parts)}


def _headline(trace: Mapping[str, Any]) -> str:
    facts = [
        formats.moment(trace["start_time"]),
        formats.duration(trace["duration_ns"]),
        f"{formats.count(trace['span_count'])} spans",
        f"{trace['error_count']} errors" if trace["error_count"] else "no errors",
        f"{formats.count(trace['input_tokens'])} + {formats.count(trace['output_tokens'])} tokens",
        "no known cost" if trace["cost"] is None else formats.dollars(trace["cost"]),
        *(f"{name} {formats.one_line(trace[member])}" for member, name in _WHO.items() if trace[member]),
        *([] if trace["has_root"] else ["its root has not arrived"]),
    ]
    return f"{formats.one_line(trace['name'])}  {trace['trace_id']}\n{'  '.join(facts)}"


_WHO = {"service": "service", "user_id": "user", "session_id": "session", "environment": "environment"}


def _print_tree(spans: list[Mapping[str, Any]]) -> None:
    from rich.text import Text

    from llmflow.trace_tree import tree

    headings = ("Span", "Start", "Duration", "Tokens", "Cost", "Model, error")
    rows = [[Text(heading, style="bold") for heading in headings]]
    for guide, span in tree(spans):
        tokens = with_tokens(span)["tokens"]
        name = Text(guide, style="dim").append(formats.one_line(span["name"]), style="not dim")
        end = Text(formats.one_line(span["model"] or ""))
        if span["status"] == "error":
            error = formats.one_line(span["status_message"] or span["error_type"] or "failed")
            end.append(f"{': ' if span['model'] else ''}{error}", style="red")
        figures = (
            f"+{formats.duration(span['offset_ns'])}",
            formats.duration(span["duration_ns"]),
            "" if tokens is None else formats.count(tokens),
            "" if span["cost"] is None else formats.dollars(span["cost"]),
        )
        rows.append([name.append(f" [{span['observation_type']}]", style="dim"), *map(Text, figures), end])
    # A table of rich takes seconds for thousands of spans.
    widths = [max(row[place].cell_len for row in rows) for place in range(len(headings) - 1)]
    screen = console()
    for name, *rest, end in rows:
        name.pad_right(widths[0] - name.cell_len)
        for text, width in zip(rest, widths[1:], strict=True):
            text.pad_left(width - text.cell_len)
        screen.print(Text("  ").join([name, *rest, end]), soft_wrap=True)


def _conversations(api: Api, trace: Mapping[str, Any], project: str | None) -> dict[str, Any]:
    """What was said in each call of a model, by span; of a trace without such calls, in its first span."""
    calls = [span for span in trace["spans"] if span["observation_type"] == "generation"] or trace["spans"][:1]
    found = {}
    with progress("reading", total=len(calls)) as done:
        for number, span in enumerate(calls, 1):
            detail = api.get("traces", trace["trace"]["trace_id"], "spans", span["span_id"], project=project)
            found[span["span_id"]] = detail["conversation"]
            done(number)
    return found


def _print_conversations(spans: list[Mapping[str, Any]], conversations: Mapping[str, Any]) -> None:
    from llmflow.conversation_view import messages

    screen = console()
    seen: set[str] = set()
    for span in spans:
        if span["span_id"] in conversations:
            screen.print(f"\n── {formats.one_line(span['name'])}, {formats.duration(span['duration_ns'])}", style="dim")
            for text in messages(conversations[span["span_id"]], seen):
                screen.print(text, soft_wrap=True)
