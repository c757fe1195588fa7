"""When the writer makes the rollups of users."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from llmflow_core.errors import Retryable
from llmflow_store import Store
from llmflow_writer import user_rollups
from llmflow_writer.user_rollups import UserRollups


class RecordingStore:
    """Has two portions of work, is away in between, and sets `done` when asked for a fifth time."""

    def __init__(self) -> None:
        self.answers: list[int | Exception] = [1, Retryable("away"), 1, 0]
        self.done = asyncio.Event()

    async def make_user_rollups(self, *, limit: int) -> int:
        assert limit == 1
        if not self.answers:
            self.done.set()
            return 0
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_it_goes_on_until_all_is_made_and_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_rollups, "_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(user_rollups, "_IDLE_SECONDS", 0.001)
    store, stop = RecordingStore(), asyncio.Event()
    task = asyncio.create_task(UserRollups(cast(Store, store)).run(stop))
    await asyncio.wait_for(store.done.wait(), 30)
    stop.set()
    await asyncio.wait_for(task, 30)
