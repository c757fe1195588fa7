"""Everything that a filter lets through, for reading it to the end: the port, a part of `Store`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from llmflow_core.filters import Filter
from llmflow_core.spans import Span

if TYPE_CHECKING:
    from llmflow_store.port import TraceSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportQuery:
    """What started in from ≤ start < to and fulfils the filter."""

    project: str
    from_time: datetime | None = None
    to_time: datetime | None = None
    filter: Filter | None = None


class Exports(Protocol):
    """Both read with a cursor on a connection of their own: memory is bounded, whatever the length, and one moment of
    the database is seen. Close the generators; that ends what the database does for them. They raise Retryable while
    the database is away, and when nothing was taken for five minutes."""

    def export_traces(self, query: ExportQuery) -> AsyncGenerator[Sequence[TraceSummary], None]:
        """Portions of trace summaries, newest first."""
        ...

    def export_spans(self, query: ExportQuery, *, with_content: bool) -> AsyncGenerator[Sequence[Span], None]:
        """Portions of spans with previews and, where it is wanted, with content, newest first."""
        ...
