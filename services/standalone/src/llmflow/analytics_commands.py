"""`llmflow analytics`: any metric by any dimension."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

import typer

from llmflow import formats
from llmflow.api import open_api
from llmflow.console import Column, Json, print_json, print_table
from llmflow.options import FilterWords, Project, Since, Until, filter_of, range_of

app = typer.Typer()

_METRICS = (
    "spans requests errors error_rate tokens input_tokens output_tokens cache_read_tokens cache_write_tokens"
    " reasoning_tokens cost input_cost output_cost unpriced latency ttft"
)
MetricName = StrEnum("MetricName", [(name, name) for name in _METRICS.split()])  # type: ignore[misc]
#: The longest course that is shown, in characters.
_MOST_SIGNS = 60
_LENGTHS = ((86_400, "d"), (3_600, "h"), (60, "m"))


@app.command("analytics")
def analyse(
    metric: Annotated[MetricName, typer.Argument(help="What is measured.", show_choices=True)],
    filter_words: FilterWords = None,
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Up to three dimensions: model,user ... or attr.KEY."),
    ] = None,
    aggregation: Annotated[
        Literal["sum", "avg", "rate", "p50", "p90", "p95", "p99"] | None,
        typer.Option("--aggregation", "-a", help="Without it, the metric's usual one."),
    ] = None,
    interval: Annotated[str | None, typer.Option(help="Show the course in steps of 5m, 1h, 1d, or auto.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="The most groups.")] = 20,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Measure spans by any dimension over time, of the last 24 hours unless told otherwise.

    \b
    Examples:
      llmflow analytics cost --by user --since 7d
      llmflow analytics latency -a p95 --by model --interval 1h
      llmflow analytics tokens --by model,attr.feature environment:production
    """
    with open_api() as api:
        result = api.get(
            "analytics",
            metric=metric.value,
            aggregation=aggregation,
            group_by=",".join(by) if by else None,
            interval=interval,
            filter=filter_of(filter_words),
            limit=limit,
            project=project,
            **range_of(since, until),
        )
    if as_json:
        print_json(result)
        return
    dimensions = list(result["groups"][0]["key"]) if result["groups"] else []
    columns = {name: Column(name.capitalize(), formats.one_line) for name in dimensions}
    columns["value"] = Column(f"{result['metric']} {result['aggregation']}", right=True)
    if result["interval_seconds"]:
        times = _times(result)
        step = -(-len(times) // _MOST_SIGNS)
        columns["chart"] = Column(f"every {_length(step * result['interval_seconds'])}")
        charts = [_course(group, times, step) for group in (*result["groups"], result["total"])]
    else:
        columns["chart"] = Column("")
        largest = max((group["value"] or 0.0 for group in result["groups"]), default=0.0)
        charts = [formats.bar((group["value"] or 0.0) / largest) if largest > 0 else "" for group in result["groups"]]
        charts.append("")
    columns["span_count"] = Column("Spans", formats.count, right=True)
    total = {**result["total"], "key": dict.fromkeys(dimensions, "") | dict.fromkeys(dimensions[:1], "all")}
    rows = [
        {**group["key"], **group, "value": _value(group["value"], result["unit"]), "chart": chart}
        for group, chart in zip((*result["groups"], total), charts, strict=True)
    ]
    print_table(rows, columns, nothing="No spans.")
    sys.stdout.flush()
    typer.echo(f"from {formats.moment(result['from'])} to {formats.moment(result['to'])}", err=True)


def _value(value: float | None, unit: str) -> str | None:
    return None if value is None else formats.quantity(value, unit)


def _times(result: Mapping[str, Any]) -> list[datetime]:
    """The beginning of every interval in the range. They are counted from a fixed time, so that the first may begin
    before the range does."""
    step = timedelta(seconds=result["interval_seconds"])
    start, end = (datetime.fromisoformat(result[member]) for member in ("from", "to"))
    known = [datetime.fromisoformat(point["time"]) for point in result["total"]["points"][:1]] or [start]
    first = known[0] + (start - known[0]) // step * step
    return [first + step * number for number in range(-(-(end - first) // step))]


def _course(group: Mapping[str, Any], times: Sequence[datetime], step: int) -> str:
    """A sparkline with a sign for `step` intervals each."""
    values = {datetime.fromisoformat(point["time"]): point["value"] for point in group["points"]}
    course: list[float | None] = []
    for start in range(0, len(times), step):
        known = [values[time] for time in times[start : start + step] if values.get(time) is not None]
        course.append(sum(known) / len(known) if known else None)
    return formats.sparkline(course)


def _length(seconds: int) -> str:
    """`3h`, in the largest unit of which it is a whole number."""
    length, unit = next((length, unit) for length, unit in _LENGTHS if seconds % length == 0)
    return f"{seconds // length}{unit}"
