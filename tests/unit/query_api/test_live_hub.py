"""The hub of the live stream, over a store that cannot answer one of the filters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import cast

from llmflow_core.errors import TookTooLong
from llmflow_core.filters import Filter
from llmflow_query_api.live import LiveHub
from llmflow_store.live import Changes
from llmflow_store.port import Store, TraceSummary
from llmflow_testkit.polling import eventually


class SlowForOneFilter:
    """A store in which one trace has changed; whoever filters asks for too much."""

    def __init__(self) -> None:
        self.written = asyncio.Event()

    async def live_position(self) -> str:
        return "1"

    async def changes_since(self, position: str, project: str | None = None) -> Changes:
        traces = {"default": [bytes(16)]} if position == "1" and self.written.is_set() else {}
        return Changes("2" if traces else position, traces, complete=True)

    async def changed_traces(self, project: str, ids: Sequence[bytes], parsed: Filter | None) -> Sequence[TraceSummary]:
        if parsed is not None:
            raise TookTooLong("the database needs too long")
        return []

    async def watch_writes(self, heard: Callable[[Sequence[str]], None]) -> None:
        await self.written.wait()
        heard([])
        await asyncio.Event().wait()


async def allowed() -> bool:
    return True


async def test_a_filter_that_cannot_be_answered_keeps_no_other_client_waiting() -> None:
    store = SlowForOneFilter()
    hub = LiveHub(cast(Store, store), heartbeat_seconds=0.2, most_clients=2)
    async with (
        asyncio.timeout(60),
        aclosing(hub.watch("default", "cost:>1", None, allowed)) as slow,
        aclosing(hub.watch("default", "", None, allowed)) as quick,
    ):
        assert (await anext(slow)).startswith(b"event: ready\nid: 1\n")
        assert (await anext(quick)).startswith(b"event: ready\nid: 1\n")
        store.written.set()
        while not (event := await anext(slow)).startswith(b"event:"):
            pass  # a heartbeat
        assert event.startswith(b"event: resync\nid: 2\n")
        while b"id: 2\n" not in await anext(quick):
            pass


async def test_a_heartbeat_does_not_lead_past_an_event_that_waits() -> None:
    store = SlowForOneFilter()
    hub = LiveHub(cast(Store, store), heartbeat_seconds=0.01, most_clients=1)

    async def allowed_once_something_has_changed() -> bool:
        store.written.set()
        return await eventually(lambda: asyncio.sleep(0, hub._position == "2"), within=30)

    async with aclosing(hub.watch("default", "cost:>1", None, allowed_once_something_has_changed)) as stream:
        assert (await anext(stream)).startswith(b"event: ready\nid: 1\n")
        assert await anext(stream) == b": alive\n\n"
        assert (await anext(stream)).startswith(b"event: resync\nid: 2\n")
