"""Exports: all traces or spans that a filter lets through, as one file."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter, SkipValidation
from msgspec import Struct

from llmflow_core.filters import parse_filter
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.export_formats import Format, format_of, written
from llmflow_query_api.export_schemas import ExportedSpan
from llmflow_query_api.leaving import Streamed
from llmflow_query_api.limits import EXPORTS, Limits
from llmflow_query_api.present import exported_span_of, summary_of
from llmflow_query_api.problems import HEADERS, documented
from llmflow_query_api.schemas import TraceSummary
from llmflow_query_api.traces import (
    READ_ERRORS,
    FilterParameter,
    ProjectParameter,
    StoreDependency,
    time_parameter,
    utc,
)
from llmflow_store.exports import ExportQuery

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
_FormatParameter = Annotated[
    Format | None, QueryParameter(name="format", description="csv, json or jsonl; else the Accept header says.")
]
_AcceptHeader = Annotated[str, HeaderParameter(name="Accept", description="Instead of `format`.", max_length=1024)]


async def export_query(
    project: ProjectParameter = DEFAULT_PROJECT,
    from_: Annotated[datetime | None, time_parameter("from", "What started at or after this time.")] = None,
    to: Annotated[datetime | None, time_parameter("to", "What started before this time.")] = None,
    filter_: FilterParameter = None,
) -> ExportQuery:
    """What the query parameters ask for."""
    parsed = parse_filter(filter_) if filter_ else None
    return ExportQuery(project=project, from_time=utc(from_), to_time=utc(to), filter=parsed)


def _described(body: type[Struct]) -> ResponseSpec:
    description = "The file: rows with a header, a list, or an object a line."
    return ResponseSpec(list[body], description=description, generate_examples=False)  # type: ignore[valid-type]


@get(
    "/export/traces",
    operation_id="exportTraces",
    summary="Download traces",
    responses={**documented(*READ_ERRORS), 200: _described(TraceSummary)},
    dependencies={"selection": Provide(export_query)},
    tags=["exports"],
)
async def export_traces(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    selection: NamedDependency[SkipValidation[ExportQuery]],
    format_: _FormatParameter = None,
    accept: _AcceptHeader = "",
) -> Streamed:
    """All trace summaries that fulfil the filter, newest first, however many: the file is made while it is sent."""
    chosen = format_of(format_, accept)

    async def bodies() -> AsyncGenerator[Sequence[TraceSummary], None]:
        async with aclosing(store.export_traces(selection)) as portions:
            async for portion in portions:
                yield [summary_of(trace) for trace in portion]

    return _file(request, "traces", selection.project, chosen, TraceSummary, bodies())


@get(
    "/export/spans",
    operation_id="exportSpans",
    summary="Download spans",
    responses={**documented(*READ_ERRORS), 200: _described(ExportedSpan)},
    dependencies={"selection": Provide(export_query)},
    tags=["exports"],
)
async def export_spans(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    selection: NamedDependency[SkipValidation[ExportQuery]],
    format_: _FormatParameter = None,
    accept: _AcceptHeader = "",
    content: Annotated[bool, QueryParameter(description="With prompts, completions and the like.")] = False,
) -> Streamed:
    """All spans that fulfil the filter, newest first, however many: the file is made while it is sent."""
    chosen = format_of(format_, accept)

    async def bodies() -> AsyncGenerator[Sequence[ExportedSpan], None]:
        async with aclosing(store.export_spans(selection, with_content=content)) as portions:
            async for portion in portions:
                yield [exported_span_of(span, with_content=content) for span in portion]

    return _file(request, "spans", selection.project, chosen, ExportedSpan, bodies())


def _file(
    request: Request[Any, Any, Any],
    kind: str,
    project: str,
    chosen: Format,
    body: type[Struct],
    bodies: AsyncGenerator[Sequence[Struct], None],
) -> Streamed:
    limits: Limits = request.app.state.limits
    name = f"llmflow-{kind}-{_NOT_IN_NAMES.sub('-', project)}.{chosen}"

    async def chunks() -> AsyncGenerator[bytes, None]:
        async with limits.slot(EXPORTS), aclosing(bodies), aclosing(written(chosen, body, bodies)) as file:
            async for chunk in file:
                yield chunk

    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Streamed(chunks(), media_type=chosen.media_type, headers=headers)
