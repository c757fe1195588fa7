"""Scores: the port, a part of `Store`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from llmflow_core.filters import Filter


class ScoreType(StrEnum):
    """What a score is to be read by: its value, its label, or both (0 or 1, and the word for it)."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScore:
    """A judgement of a span, of a trace (no `span_id`) or of a session (no `trace_id`).

    `id` is the caller's or, of a score that came with a span, derived from the span's key. `source` says who judges
    (`eval`, `user`, `annotation`, `api`, ...), `author` which user of the API it was. Time in Unix nanoseconds, to the
    microsecond.
    """

    project: str
    id: str
    trace_id: bytes | None = None
    span_id: bytes | None = None
    session_id: str | None = None
    name: str
    value: float | None = None
    label: str | None = None
    data_type: str
    comment: str | None = None
    source: str
    author: str | None = None
    time_ns: int


@dataclass(frozen=True, slots=True)
class ScoreCursor:
    """The position after a score in the list's order: newest first, then id."""

    time_ns: int
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreQuery:
    """Which scores, newest first. Every condition given must hold; times bound the score's (from ≤ time < to)."""

    project: str
    limit: int = 50
    after: ScoreCursor | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    trace_id: bytes | None = None
    span_id: bytes | None = None
    session_id: str | None = None
    name: str | None = None
    source: str | None = None
    data_type: str | None = None


@dataclass(frozen=True, slots=True)
class ScorePage:
    """Some scores, and where the next page begins; `next` is None on the last one."""

    scores: Sequence[StoredScore]
    next: ScoreCursor | None


class Scores(Protocol):
    """Scores of all projects. Those that came with spans are written with them, by `Store.write_spans`.

    Methods raise Retryable while the database is away or overloaded.
    """

    async def save_score(self, score: StoredScore) -> None:
        """Store a score in place of the one with its id, if there is one. Raises Permanent for one that the database
        can never hold."""
        ...

    async def list_scores(self, query: ScoreQuery) -> ScorePage:
        """One page of scores."""
        ...

    async def average_score(
        self, project: str, name: str, from_time: datetime, to_time: datetime, filter_by: Filter | None = None
    ) -> tuple[float | None, int]:
        """The mean of the values that scores of one name have which were given in from ≤ time < to, and how many there
        were; None for none. With a filter, of those whose span, or a span of whose trace, fulfils it."""
        ...

    async def delete_score(self, project: str, score_id: str) -> bool:
        """Delete a score; whether there was one."""
        ...
