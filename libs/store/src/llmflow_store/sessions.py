"""Sessions: the traces that carry one session id, as a conversation. The port, a part of `Store`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from llmflow_core.filters import Filter

if TYPE_CHECKING:
    from llmflow_store.port import TraceCursor, TraceSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTotals:
    """What the traces of one session (those in the range that was asked for) come to.

    Times in Unix nanoseconds, from the first trace's start to the end of what ended last. `user_ids` are ten at most.
    """

    session_id: str
    first_time_ns: int
    last_time_ns: int
    trace_count: int
    span_count: int
    error_count: int
    generation_count: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    unpriced_count: int
    user_ids: Sequence[str]
    models: Sequence[str]


@dataclass(frozen=True, slots=True)
class Session:
    """One session in a list, with its newest trace that was asked for, and the AI command-line tools whose logs carry
    the same id."""

    totals: SessionTotals
    newest: TraceSummary
    coding_tools: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionQuery:
    """Which sessions: those with a trace that started in from ≤ start < to and fulfils the filter, in the order of the
    newest such trace, newest first. `after` is that of the session before."""

    project: str
    limit: int = 50
    after: TraceCursor | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Some sessions, and where the next page begins; None on the last one."""

    sessions: Sequence[Session]
    next: TraceCursor | None


@dataclass(frozen=True, slots=True)
class SessionTraces:
    """A session's totals over all of its traces, some of these, oldest first, and where the next page begins."""

    totals: SessionTotals
    traces: Sequence[TraceSummary]
    next: TraceCursor | None


class Sessions(Protocol):
    """Methods raise Retryable while the database is away or overloaded."""

    async def list_sessions(self, query: SessionQuery) -> SessionPage:
        """One page of sessions. While traces arrive no session is repeated, unless its newest trace turns out to have
        begun earlier; one that is used again moves to the beginning of the list."""
        ...

    async def get_session(
        self, project: str, session_id: str, *, limit: int, after: TraceCursor | None = None
    ) -> SessionTraces | None:
        """One session with up to `limit` of its traces; None if no trace carries the id."""
        ...
