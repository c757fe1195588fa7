"""`llmflow dead-letters` on both kinds of log."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from llmflow_bus import Record, open_bus, topics
from llmflow_bus.dead_letters import SOURCE_HEADER, DeadLetters
from llmflow_testkit.commands import printed, run_llmflow
from llmflow_testkit.otlp_requests import otlp_request

SPAN = otlp_request([7]).SerializeToString()


@pytest.fixture
def source(bus_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A reader that has refused a readable record and an unreadable one."""
    monkeypatch.setenv("LLMFLOW_BUS_URL", bus_url)
    source = f"reader-{uuid.uuid4().hex}"
    _refuse(bus_url, source, [SPAN, b"\xff"])
    return source


def _refuse(bus_url: str, source: str, values: Sequence[bytes]) -> None:
    async def refuse() -> None:
        bus = open_bus(bus_url)
        await bus.create_topics(topics.ALL)
        letters = DeadLetters(bus)
        for number, value in enumerate(values):
            record = Record(topics.SPANS, 0, number, 0, None, value, {})
            await letters.keep(record, source=source, reason=f"broken \x1b[2J{number}")
        await bus.close()

    asyncio.run(refuse())


def _listed(source: str) -> list[dict[str, Any]]:
    letters: list[dict[str, Any]] = printed(run_llmflow("dead-letters", "list", "--source", source, "--json"))[
        "dead_letters"
    ]
    return letters


def _published(bus_url: str, source: str) -> list[bytes]:
    async def read() -> list[bytes]:
        bus = open_bus(bus_url)
        found = [r.value async for r in bus.read(topics.SPANS) if r.headers.get(SOURCE_HEADER) == source]
        await bus.close()
        return sorted(found)

    return asyncio.run(read())


def test_letters_are_listed_shown_and_replayed_once(source: str, bus_url: str) -> None:
    table = run_llmflow("dead-letters", "list", "--source", source).stdout
    assert "otlp_spans[0] 1" in table
    assert "broken �[2J1" in table
    assert [letter["reason"][-1] for letter in _listed(source)] == ["1", "0"], "newest first"
    bad, good = _listed(source)

    told = printed(run_llmflow("dead-letters", "show", good["id"], "--json"))
    assert told["value"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] == (7).to_bytes(8).hex()
    shown = run_llmflow("dead-letters", "show", bad["id"]).stdout
    assert shown.endswith("\n\nff\n")
    assert "\x1b" not in shown

    replay = ("dead-letters", "replay")
    assert run_llmflow(*replay, good["id"]).stdout == "replayed 1 dead letters\n"
    assert _published(bus_url, source) == [SPAN]
    assert run_llmflow(*replay, good["id"]).stdout == "replayed 0 dead letters, left 1 alone\n"
    assert printed(run_llmflow(*replay, "--all", "--source", source, "--json"))["replayed"] == 1
    assert _published(bus_url, source) == sorted([SPAN, b"\xff"])
    assert {letter["state"] for letter in _listed(source)} == {"replayed"}


def test_what_is_refused_again_is_replayed_only_when_asked_for(source: str, bus_url: str) -> None:
    async def refuse_again() -> None:
        bus = open_bus(bus_url)
        records = [r async for r in bus.read(topics.SPANS) if r.headers.get(SOURCE_HEADER) == source]
        for record in records:
            await DeadLetters(bus).keep(record, source=source, reason="still broken")
        await bus.close()

    every = ("dead-letters", "replay", "--all", "--source", source)
    assert "replayed 2" in run_llmflow(*every).stdout
    asyncio.run(refuse_again())
    assert sorted(letter["state"] for letter in _listed(source)) == ["refused again"] * 2 + ["replayed"] * 2
    assert "replayed 0" in run_llmflow(*every).stdout
    assert "replayed 4" in run_llmflow(*every, "--again").stdout


def test_wrong_requests(source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run_llmflow("dead-letters", "replay").exit_code == 2
    assert run_llmflow("dead-letters", "replay", "0:1", "--all").exit_code == 2
    failed = run_llmflow("dead-letters", "show", "9999:1")
    assert (failed.exit_code, failed.stderr) == (1, "llmflow: there is no dead letter 9999:1\n")
    monkeypatch.setenv("LLMFLOW_BUS_URL", f"embedded://{tmp_path}/absent")
    absent = run_llmflow("dead-letters", "list")
    assert absent.exit_code == 1
    assert "set LLMFLOW_BUS_URL" in absent.stderr
    assert not (tmp_path / "absent").exists()
