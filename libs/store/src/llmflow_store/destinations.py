"""Destinations that administrators added, how all of them are doing, and what is to be done for them: the port, a part
of `Store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from llmflow_core.spans import JSON, Span
from llmflow_store.administration import Actor
from llmflow_store.versions import UNCONDITIONAL, Precondition, version_of

JobKind = Literal["test", "replay"]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]

#: What exporters count for each destination.
COUNTS = ("sent", "sent_bytes", "filtered", "dead_letters", "rejected_spans")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDestination:
    """A destination of the administrators'. `definition` is as `llmflow_core.destinations.secrets.sealed` made it."""

    name: str
    definition: Mapping[str, JSON]
    epoch: int
    created_at: datetime
    created_by: str
    changed_at: datetime

    @property
    def version(self) -> str:
        """Of what an edit replaces; see `versions`."""
        return version_of(dict(self.definition))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterReport:
    """What an exporter says of each of its destinations (`llmflow_exporter.status.Status.document`), and when."""

    exporter: str
    reported_at: datetime
    destinations: Sequence[Mapping[str, JSON]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something that an exporter does for a destination. A replay sends again what is stored of `project` (None: of
    all) and started in from ≤ start < to: `sent` spans so far, of about `total`, and next those after `position`.
    `message` is what came of it."""

    id: int
    destination: str
    kind: JobKind
    project: str | None
    from_time: datetime | None
    to_time: datetime | None
    state: JobState
    created_at: datetime
    created_by: str
    finished_at: datetime | None
    position: Mapping[str, JSON] | None
    sent: int
    total: int | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPage:
    """Some spans of one project with their content, oldest first, and the position after them; None at the end."""

    project: str
    spans: Sequence[Span] = field(default_factory=list)
    next: Mapping[str, JSON] | None = None


class Destinations(Protocol):
    """Every change by somebody writes its line in the audit log, and raises Changed, and changes nothing, where
    `only_if` does not hold of what is there. Methods raise Retryable while the database is away."""

    async def list_destinations(self) -> Sequence[KeptDestination]:
        """All of them, by name."""
        ...

    async def add_destination(self, definition: Mapping[str, JSON], *, by: Actor) -> KeptDestination | None:
        """Keep a new one under the `name` that it has in its definition; None if there is one of that name."""
        ...

    async def change_destination(
        self, definition: Mapping[str, JSON], *, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> KeptDestination | None:
        """Give the one of that name this definition; None if there is none."""
        ...

    async def pause_destination(
        self, name: str, *, paused: bool, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> KeptDestination | None:
        """Set `paused` in its definition, and leave the rest as it is; None if there is none."""
        ...

    async def remove_destination(
        self, name: str, *, forget: bool, by: Actor, only_if: Precondition = UNCONDITIONAL
    ) -> bool:
        """Remove one and its jobs; False if there is none. With `forget`, one that is added under its name later does
        not go on in the log where this one was."""
        ...

    async def report_destinations(self, exporter: str, destinations: Sequence[Mapping[str, JSON]]) -> None:
        """Note what an exporter says of all its destinations. Its counts are those since the time that it names in
        `since`; they are added to the totals once, however often they are reported."""
        ...

    async def exporter_reports(self) -> Sequence[ExporterReport]:
        """The newest report of every exporter that reported within the last day, newest first."""
        ...

    async def destination_totals(self) -> Mapping[str, Mapping[str, int]]:
        """By destination, the sums of what exporters have counted (`COUNTS`)."""
        ...

    async def add_job(
        self,
        destination: str,
        kind: JobKind,
        *,
        by: Actor,
        project: str | None = None,
        from_time: datetime | None = None,
        to_time: datetime | None = None,
    ) -> Job:
        """Ask exporters to do something. The newest fifty finished jobs of a destination are remembered."""
        ...

    async def list_jobs(self, destination: str, *, kind: JobKind | None = None) -> Sequence[Job]:
        """The jobs of a destination, newest first."""
        ...

    async def get_job(self, job_id: int) -> Job | None:
        """One job."""
        ...

    async def cancel_job(self, destination: str, job_id: int, *, by: Actor) -> Job | None:
        """End a job unless it has ended; None if the destination has none of that id."""
        ...

    async def lease_jobs(
        self, exporter: str, destinations: Sequence[str], *, holding: Sequence[int], seconds: float
    ) -> Sequence[Job]:
        """The jobs that this exporter is to do: those it holds already, for so long again, and of the destinations that
        it names those that nobody holds. No job is with two exporters at once."""
        ...

    async def note_job(
        self,
        exporter: str,
        job_id: int,
        *,
        state: JobState,
        sent: int = 0,
        position: Mapping[str, JSON] | None = None,
        message: str = "",
    ) -> bool:
        """Note that `sent` more spans are sent, and where to go on; False, and nothing noted, if the job is not this
        exporter's any more. One that is `waiting` is anybody's."""
        ...

    async def replay_page(self, job: Job, *, limit: int) -> ReplayPage:
        """The spans after the job's position: at most `limit`, none at the end."""
        ...
