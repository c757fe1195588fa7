"""Finished exchanges are recorded beside the traffic, soon, in order, and never too many wait."""

from __future__ import annotations

import asyncio
import time

import pytest

from llmflow_proxy import recorder as module
from llmflow_proxy.capture import Budget, Capture
from llmflow_proxy.exchange import Exchange
from llmflow_proxy.providers import providers_of
from llmflow_proxy.recorder import Recorder
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings
from llmflow_testkit.polling import eventually

ROUTE = resolve("/v1/chat/completions", "", {}, providers_of(ProxySettings()))
BUDGET_BYTES = 1000


class Records:
    """What a recorder has recorded, by path, and the budget it looks at."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.budget = Budget(BUDGET_BYTES)
        self.recorder = Recorder(self.record, self.budget)

    def record(self, exchange: Exchange) -> None:
        self.paths.append(exchange.path)
        exchange.request.release()

    def add(self, path: str, body: bytes = b"") -> None:
        request, response = Capture(BUDGET_BYTES, self.budget), Capture(0, self.budget)
        request.add(body)
        self.recorder.add(
            Exchange(
                route=ROUTE, method="POST", path=path, query="", request_headers=[], request=request, response=response
            )
        )

    async def become(self, paths: list[str]) -> None:
        async def same() -> bool:
            return self.paths == paths

        await eventually(same, within=30, every=0.005)


async def test_a_caller_does_not_wait_for_the_record() -> None:
    records = Records()
    records.add("first")
    records.add("second")
    assert records.paths == []
    await records.become(["first", "second"])
    records.add("third")
    await records.become(["first", "second", "third"])


async def test_all_are_recorded_at_once_when_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 2)
    records = Records()
    for path in "abcd":
        records.add(path)
    assert records.paths == ["a", "b", "c"]
    await records.become(["a", "b", "c", "d"])


async def test_bodies_do_not_wait_while_half_of_the_budget_is_held() -> None:
    records = Records()
    records.add("small", bytes(200))
    assert records.paths == []
    records.add("large", bytes(600))
    assert records.paths == ["small", "large"]
    records.add("last", bytes(400))
    assert records.paths == ["small", "large"]
    assert records.budget.held == 400


async def test_others_get_their_turn_between_slow_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLICE_SECONDS", 0.0)
    records = Records()
    for path in "abc":
        records.add(path)
    seen: list[int] = []
    deadline = time.monotonic() + 30
    while len(records.paths) < 3 and time.monotonic() < deadline:
        await asyncio.sleep(0)
        seen.append(len(records.paths))
    assert {1, 2, 3} <= set(seen)


async def test_nothing_waits_after_the_end() -> None:
    records = Records()
    records.add("first")
    records.add("second")
    records.recorder.finish()
    assert records.paths == ["first", "second"]
