"""Traces as they change: the port, a part of `Store`.

A position is what somebody has seen: a moment, and the database's snapshot at it. Whatever is not visible in that
snapshot has been committed since, however long its transaction took, so that nothing is skipped. As text: the moment in
Unix seconds, a dot, and the snapshot as PostgreSQL writes it (`1750000000.735:740:736,738`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from llmflow_core.filters import Filter

if TYPE_CHECKING:
    from llmflow_store.port import TraceSummary


@dataclass(frozen=True, slots=True)
class Changes:
    """The traces, by project, that were written between two positions; `position` is the later one.

    Not `complete`: the earlier position is too old to tell, or there are too many, and everything may have changed.
    """

    position: str
    traces: Mapping[str, Sequence[bytes]]
    complete: bool


class Live(Protocol):
    """Methods raise Retryable while the database is away or overloaded."""

    async def live_position(self) -> str:
        """What is stored now."""
        ...

    async def changes_since(self, position: str, project: str | None = None) -> Changes:
        """What has been stored since then, of one project or of all. Raises Rejected for a text that is no position."""
        ...

    async def changed_traces(
        self, project: str, trace_ids: Sequence[bytes], filter_by: Filter | None = None
    ) -> Sequence[TraceSummary]:
        """Those of the traces that fulfil the filter, newest first."""
        ...

    async def watch_writes(self, heard: Callable[[Sequence[str]], None]) -> None:
        """Call `heard` with the projects of every write, until cancelled; with none when there may have been any write,
        as there may before this begins to listen.

        Takes a connection of its own. Raises Retryable when that is lost; writes then go by unheard.
        """
        ...
