"""The bodies of scores; `schemas` says how they write ids and times."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from llmflow_store.scores import ScoreType

_NO_NUL = r"^[^\x00]*$"
ScoreId = Annotated[
    str,
    Meta(description="Yours or a generated one.", min_length=1, max_length=200, pattern=_NO_NUL, examples=["run-7"]),
]
ScoreName = Annotated[str, Meta(min_length=1, max_length=200, pattern=_NO_NUL, examples=["helpfulness"])]
ScoreText = Annotated[str, Meta(max_length=10_000, pattern=_NO_NUL)]


class NewScore(Struct, frozen=True, kw_only=True):
    """A judgement of a span, a trace or a session. Sent again with the same `id`, it takes the earlier one's place."""

    name: ScoreName
    id: ScoreId | None = None
    trace_id: (
        Annotated[
            str,
            Meta(
                description="Hexadecimal, a UUID, or what was sent as X-Trace-Id.",
                min_length=1,
                max_length=1024,
                pattern=_NO_NUL,
            ),
        ]
        | None
    ) = None
    span_id: Annotated[str, Meta(pattern="^[0-9a-fA-F]{16}$", examples=["00f067aa0ba902b7"])] | None = None
    session_id: Annotated[str, Meta(min_length=1, max_length=512, pattern=_NO_NUL, examples=["chat-42"])] | None = None
    # The words NaN and Infinity are read as numbers, of which these are none.
    value: Annotated[float, Meta(description="0 or 1 for a boolean.", ge=-1e300, le=1e300, examples=[0.9])] | None = (
        None
    )
    label: ScoreText | None = None
    data_type: Annotated[ScoreType | None, Meta(description="Numeric with a value, else categorical.")] = None
    comment: ScoreText | None = None
    source: Annotated[str, Meta(min_length=1, max_length=200, pattern=_NO_NUL, examples=["annotation"])] = "api"
    time: Annotated[datetime | None, Meta(description="When it was judged; now without it.")] = None


class Score(Struct, frozen=True, kw_only=True):
    """A judgement: of a span, of a trace (`span_id` null) or of a session (`trace_id` null)."""

    id: str
    trace_id: Annotated[str | None, Meta(examples=["4bf92f3577b34da6a3ce929d0e0e4736"])]
    span_id: Annotated[str | None, Meta(examples=["00f067aa0ba902b7"])]
    session_id: Annotated[str | None, Meta(examples=["chat-42"])]
    name: Annotated[str, Meta(examples=["helpfulness"])]
    value: Annotated[float | None, Meta(examples=[0.9])]
    label: Annotated[str | None, Meta(examples=["good"])]
    data_type: ScoreType
    comment: str | None
    source: Annotated[str, Meta(description="Who judges: eval, user, annotation, api, ...", examples=["eval"])]
    author: Annotated[str | None, Meta(description="The API's user or key; null for what came with a span.")]
    time: datetime


class ScorePage(Struct, frozen=True, kw_only=True):
    """Some scores, newest first; pass `next_cursor` as `cursor` to get the next page, null on the last one."""

    scores: list[Score]
    next_cursor: str | None
