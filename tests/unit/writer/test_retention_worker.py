"""When the writer applies retention, with which times, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError, Retryable
from llmflow_store import Store
from llmflow_store.retention import RetentionDays, RetentionReport
from llmflow_testkit.polling import eventually
from llmflow_writer import retention
from llmflow_writer.retention import RetentionWorker
from llmflow_writer.settings import WriterSettings


class RecordingStore:
    """Takes down how it is asked; `answers` come one a call, the last for ever. None blocks."""

    def __init__(self, *answers: RetentionReport | Exception | None) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[RetentionDays, int | None]] = []
        self.broken_off = False

    async def apply_retention(
        self, days: RetentionDays, *, audit_days: int, max_bytes: int | None = None
    ) -> RetentionReport:
        self.calls.append((days, max_bytes))
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.broken_off = True
                raise
        assert answer is not None
        return answer


async def until(condition: Callable[[], bool]) -> None:
    async def probe() -> bool:
        return condition()

    await eventually(probe, within=30)


def start(store: RecordingStore, stop: asyncio.Event, **settings: Any) -> asyncio.Task[None]:
    worker = RetentionWorker(cast(Store, store), load_settings(WriterSettings, **settings))
    return asyncio.create_task(worker.run(stop))


async def test_it_begins_at_once_counts_and_ends_at_once() -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("llmflow_writer_retention_rows_total", {"table": "spans"}) or 0.0

    before = counted()
    store, stop = (
        RecordingStore(RetentionReport(rows={"spans": 3}, chunks={"logs": 1}, database_bytes=77)),
        asyncio.Event(),
    )
    task = start(store, stop, retention_days=10, retention_content_days=2, max_database_size="5GB")
    await until(lambda: counted() == before + 3)
    stop.set()
    await asyncio.wait_for(task, 30)
    assert store.calls == [
        (RetentionDays(spans=10, content=2, rollups=10, logs=10, metrics=10), 5_000_000_000),
    ]
    assert REGISTRY.get_sample_value("llmflow_writer_database_bytes") == 77


async def test_it_goes_on_when_the_database_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_RETRY_SECONDS", 0.001)
    store, stop = RecordingStore(Retryable("away"), Retryable("away"), RetentionReport()), asyncio.Event()
    task = start(store, stop)
    await until(lambda: len(store.calls) == 3)
    stop.set()
    await asyncio.wait_for(task, 30)


async def test_a_stop_breaks_off_what_is_going_on() -> None:
    store, stop = RecordingStore(None), asyncio.Event()
    task = start(store, stop)
    await until(lambda: bool(store.calls))
    stop.set()
    await asyncio.wait_for(task, 30)
    assert store.broken_off


def test_the_settings_of_kinds_default_to_retention_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "0")
    monkeypatch.setenv("LLMFLOW_RETENTION_LOGS_DAYS", "3")
    settings = load_settings(WriterSettings)
    assert settings.days == RetentionDays(spans=0, content=0, rollups=0, logs=3, metrics=0)
    assert settings.max_database_size is None
    monkeypatch.setenv("RETENTION_DAYS", "-1")
    with pytest.raises(ConfigError, match="RETENTION_DAYS"):
        load_settings(WriterSettings)


@pytest.mark.parametrize("size", ["0", "5", "99MB"])
def test_a_size_that_would_leave_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setenv("LLMFLOW_MAX_DATABASE_SIZE", size)
    with pytest.raises(ConfigError, match=r"LLMFLOW_MAX_DATABASE_SIZE: .* 100000000 .*=5GB"):
        load_settings(WriterSettings)
