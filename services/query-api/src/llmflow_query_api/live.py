"""Traces as they change, for any number of clients: what changed is asked once for all of them.

The hub listens for writes on one connection, and reads what they changed at most every `_PAUSE_SECONDS`, once for each
project and filter that somebody watches. Every client has a queue of its own; one that does not keep up is told to read
the list again instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from llmflow_core.errors import LLMFlowError, Retryable
from llmflow_core.filters import Filter, parse_filter
from llmflow_query_api.live_schemas import ChangedTraces
from llmflow_query_api.present import summary_of
from llmflow_store.live import Changes
from llmflow_store.port import Store

logger = logging.getLogger(__name__)

#: The least time between two reads, so that a busy writer does not keep the database busy with them.
_PAUSE_SECONDS = 0.25
#: A notification that was lost is made up for after this time.
_POLL_SECONDS = 5.0
_RECONNECT_SECONDS = 1.0
_TRACES_AN_EVENT = 100
_WAITING_EVENTS = 64


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `id` is the position to go on from."""

    name: str
    id: str
    data: bytes = b"{}"

    def encoded(self) -> bytes:
        """As it is sent."""
        return b"event: %s\nid: %s\ndata: %s\n\n" % (self.name.encode(), self.id.encode(), self.data)


class Client:
    """One watcher's queue of events."""

    def __init__(self, waiting: int) -> None:
        self._events: asyncio.Queue[Event] = asyncio.Queue(waiting)

    def offer(self, event: Event) -> None:
        """Add an event; when there is no room, all that wait give way to one that says so."""
        if self._events.full():
            while not self._events.empty():
                self._events.get_nowait()
            event = Event("resync", event.id)
        self._events.put_nowait(event)

    async def next(self, seconds: float) -> Event | None:
        """The next event, None when there is none for so long."""
        try:
            return await asyncio.wait_for(self._events.get(), seconds)
        except TimeoutError:
            return None

    @property
    def has_all(self) -> bool:
        """Whether no event waits for it."""
        return self._events.empty()


@dataclass(slots=True)
class _Channel:
    """Those who watch the same traces."""

    parsed: Filter | None
    clients: set[Client] = field(default_factory=set)


class LiveHub:
    """All that is watched through this process. It works, and holds its connection, only while somebody watches."""

    def __init__(self, store: Store, *, heartbeat_seconds: float, most_clients: int) -> None:
        self._store = store
        self._heartbeat_seconds = heartbeat_seconds
        self._most_clients = most_clients
        self._channels: dict[tuple[str, str], _Channel] = {}
        self._position = ""
        self._written = asyncio.Event()
        self._step = asyncio.Lock()
        self._work: asyncio.Task[None] | None = None

    async def watch(
        self, project: str, filter_text: str, last_id: str | None, allowed: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[bytes, None]:
        """The event stream of one client, from now or from where `last_id` says, until the client is not `allowed` any
        more, which is asked with every heartbeat.

        Raises Rejected for an id or a filter that is none, Retryable when the database is away or there are too many
        clients.
        """
        parsed = parse_filter(filter_text) if filter_text else None
        async with self._joined(project, filter_text, parsed) as (client, position):
            missed = await self._missed(project, parsed, last_id) if last_id else []
            for missing in (Event("ready", last_id or position), *missed):
                yield missing.encoded()
            clock = asyncio.get_running_loop().time
            due = clock() + self._heartbeat_seconds
            while True:
                event = await client.next(max(due - clock(), 0))
                if event is not None:
                    yield event.encoded()
                if clock() >= due:
                    if self._work is None or self._work.done() or not await allowed():
                        yield Event("end", self._position).encoded()
                        return
                    due = clock() + self._heartbeat_seconds
                    # Where all was delivered, the id is that of now: on a quiet day, too, it must not grow too old.
                    at_end = event is None and client.has_all
                    yield b": alive\nid: %s\n\n" % self._position.encode() if at_end else b": alive\n\n"

    @contextlib.asynccontextmanager
    async def _joined(self, project: str, filter_text: str, parsed: Filter | None) -> AsyncIterator[tuple[Client, str]]:
        key = (project, filter_text)
        client = Client(_WAITING_EVENTS)
        # Not in the middle of a step, whose changes the client would miss.
        async with self._step:
            if sum(len(channel.clients) for channel in self._channels.values()) >= self._most_clients:
                raise Retryable(f"{self._most_clients} clients watch already")
            if self._work is None or self._work.done():
                self._position = await self._store.live_position()
                self._work = asyncio.create_task(self._run())
            self._channels.setdefault(key, _Channel(parsed)).clients.add(client)
            position = self._position
        try:
            yield client, position
        finally:
            self._channels[key].clients.discard(client)
            if not self._channels[key].clients:
                del self._channels[key]
            if not self._channels and self._work is not None:
                self._work.cancel()
                self._work = None

    async def _missed(self, project: str, parsed: Filter | None, since: str) -> list[Event]:
        changes = await self._store.changes_since(since, project)
        return await self._events(project, parsed, since, changes)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._written.wait(), _POLL_SECONDS)
                self._written.clear()
                try:
                    async with self._step:
                        await self._tell()
                except LLMFlowError as error:
                    logger.warning("cannot read what has changed: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _listen(self) -> None:
        def heard(projects: Sequence[str]) -> None:
            watched = {project for project, _ in self._channels}
            if not projects or watched.intersection(projects):
                self._written.set()

        while True:
            try:
                await self._store.watch_writes(heard)
            except LLMFlowError as error:
                logger.warning("cannot listen for writes: %s", error)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _tell(self) -> None:
        """Give every client what has changed since the last time."""
        changes = await self._store.changes_since(self._position)
        for (project, filter_text), channel in list(self._channels.items()):
            try:
                events = await self._events(project, channel.parsed, self._position, changes)
            except LLMFlowError as error:
                # One filter that takes too long must not keep the others waiting.
                logger.warning("cannot read the changes that %r lets through: %s", filter_text, error)
                events = [Event("resync", changes.position)]
            for client in channel.clients:
                for event in events:
                    client.offer(event)
        self._position = changes.position

    async def _events(self, project: str, parsed: Filter | None, since: str, changes: Changes) -> list[Event]:
        if not changes.complete:
            return [Event("resync", changes.position)]
        ids = changes.traces.get(project, ())
        if not ids:
            return []
        traces = [summary_of(trace) for trace in await self._store.changed_traces(project, ids, parsed)]
        portions = [traces[n : n + _TRACES_AN_EVENT] for n in range(0, len(traces), _TRACES_AN_EVENT)]
        # Only the last portion has the new position: who leaves before it gets all of them again.
        positions = [since] * (len(portions) - 1) + [changes.position]
        return [
            Event("traces", position, msgspec.json.encode(ChangedTraces(traces=portion)))
            for position, portion in zip(positions, portions, strict=False)
        ]
