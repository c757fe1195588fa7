"""Scores: judgements of spans, traces and sessions."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import JSONBody, PathParameter, QueryParameter, SkipValidation

from llmflow_core.errors import Rejected
from llmflow_core.ids import trace_id_from_text
from llmflow_core.projects import project_named
from llmflow_core.spans import DEFAULT_PROJECT
from llmflow_query_api.cursor import decode_text_position, encode_position
from llmflow_query_api.present import score_of
from llmflow_query_api.problems import documented
from llmflow_query_api.score_schemas import NewScore, Score, ScorePage
from llmflow_query_api.traces import (
    READ_ERRORS,
    ProjectParameter,
    StoreDependency,
    text_parameter,
    time_parameter,
    utc,
)
from llmflow_store.scores import ScoreCursor, ScoreQuery, ScoreType, StoredScore

_MICROSECOND_NS = 1000


async def score_query(
    project: ProjectParameter = DEFAULT_PROJECT,
    limit: Annotated[int, QueryParameter(description="The most scores on a page.", ge=1, le=500)] = 50,
    cursor: Annotated[str | None, QueryParameter(description="next_cursor of the page before.")] = None,
    from_: Annotated[datetime | None, time_parameter("from", "Scores given at this time or later.")] = None,
    to: Annotated[datetime | None, time_parameter("to", "Scores given before this time.")] = None,
    trace_id: Annotated[str | None, text_parameter("trace_id", "Scores of this trace and of its spans.")] = None,
    span_id: Annotated[
        str | None, QueryParameter(description="Scores of this span.", pattern="^[0-9a-fA-F]{16}$")
    ] = None,
    session_id: Annotated[str | None, text_parameter("session_id", "Scores of this session and its spans.")] = None,
    name: Annotated[str | None, text_parameter("name", "Scores of this name.")] = None,
    source: Annotated[str | None, text_parameter("source", "Scores that this source gave.")] = None,
    data_type: Annotated[ScoreType | None, QueryParameter(description="Scores of this type.")] = None,
) -> ScoreQuery:
    """The list that the query parameters ask for."""
    return ScoreQuery(
        project=project,
        limit=limit,
        after=ScoreCursor(*decode_text_position(cursor)) if cursor is not None else None,
        from_time=utc(from_),
        to_time=utc(to),
        trace_id=trace_id_from_text(trace_id) if trace_id else None,
        span_id=bytes.fromhex(span_id) if span_id else None,
        session_id=session_id,
        name=name,
        source=source,
        data_type=data_type,
    )


@get(
    "/scores",
    operation_id="listScores",
    summary="List scores, newest first",
    responses=documented(*READ_ERRORS),
    dependencies={"selection": Provide(score_query)},
    tags=["scores"],
)
async def list_scores(store: StoreDependency, selection: NamedDependency[SkipValidation[ScoreQuery]]) -> ScorePage:
    """Those that came with spans, and those that were posted here. Every condition given must hold."""
    page = await store.list_scores(selection)
    following = encode_position(page.next.time_ns, page.next.id.encode()) if page.next else None
    return ScorePage(scores=[score_of(score) for score in page.scores], next_cursor=following)


@post(
    "/scores",
    operation_id="createScore",
    summary="Score a span, a trace or a session",
    response_description="Stored.",
    responses=documented(*READ_ERRORS, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    tags=["scores"],
)
async def create_score(
    request: Request[Any, Any, Any],
    store: StoreDependency,
    data: JSONBody[NewScore],
    project: ProjectParameter = DEFAULT_PROJECT,
) -> Score:
    """The span or trace need not have arrived yet. With the `id` of an earlier score it takes that one's place, so that
    sending it again does no harm."""
    score = _stored(data, project_named(project, field="project"), author=request.user)
    await store.save_score(score)
    return score_of(score)


@delete(
    "/scores/{score_id:str}",
    operation_id="deleteScore",
    summary="Delete a score",
    response_description="Deleted.",
    responses=documented(*READ_ERRORS, HTTPStatus.NOT_FOUND),
    tags=["scores"],
)
async def delete_score(
    store: StoreDependency,
    score_id: Annotated[str, PathParameter(description="The score's id.", pattern=r"^[^\x00]*$", max_length=200)],
    project: ProjectParameter = DEFAULT_PROJECT,
) -> None:
    """For good."""
    if not await store.delete_score(project, score_id):
        raise NotFoundException(f"project {project} has no score {score_id}")


def _stored(data: NewScore, project: str, *, author: str) -> StoredScore:
    """The score to store. Raises Rejected for one of nothing, and for one that its type does not fit."""
    if data.trace_id is None and data.session_id is None:
        raise Rejected("or session_id must be given", field="trace_id")
    if data.span_id is not None and data.trace_id is None:
        raise Rejected("must be given with span_id", field="trace_id")
    data_type = data.data_type or (ScoreType.CATEGORICAL if data.value is None else ScoreType.NUMERIC)
    if data_type is ScoreType.CATEGORICAL and data.label is None:
        raise Rejected("must be given for a categorical score", field="label")
    if data_type is not ScoreType.CATEGORICAL and data.value is None:
        raise Rejected(f"must be given for a {data_type} score", field="value")
    if data_type is ScoreType.BOOLEAN and data.value not in (0, 1):
        raise Rejected("must be 0 or 1 for a boolean score", field="value")
    label = data.label
    if data_type is ScoreType.BOOLEAN and label is None:
        label = "true" if data.value else "false"
    time = utc(data.time) or datetime.now(UTC)
    return StoredScore(
        project=project,
        id=data.id or uuid.uuid4().hex,
        trace_id=trace_id_from_text(data.trace_id) if data.trace_id is not None else None,
        span_id=bytes.fromhex(data.span_id) if data.span_id is not None else None,
        session_id=data.session_id,
        name=data.name,
        value=data.value,
        label=label,
        data_type=data_type,
        comment=data.comment,
        source=data.source,
        author=author,
        time_ns=round(time.timestamp() * 1e6) * _MICROSECOND_NS,
    )
