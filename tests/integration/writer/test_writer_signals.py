"""Logs and metrics on their way from the log to a real database, read again after a crash in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from llmflow_bus import Bus, Message, open_bus, topics
from llmflow_core.errors import Retryable
from llmflow_core.logs import LogRecord, logs_of
from llmflow_core.metrics import MetricPoint, metric_points_of
from llmflow_core.pricing import Prices
from llmflow_store import Store, WriteResult, open_store
from llmflow_store.migrations import migrate
from llmflow_store.signals import LogQuery
from llmflow_testkit.polling import eventually
from llmflow_testkit.recorded_coding_tools import recorded_logs, recorded_metrics
from llmflow_writer.loop import WriterLoop
from llmflow_writer.settings import WriterSettings

TOOLS = ("claude_code", "codex", "gemini_cli")
LOG_COUNT = sum(len(logs_of(recorded_logs(tool), place=b"", received_ns=1)) for tool in TOOLS)
POINT_COUNT = sum(len(metric_points_of(recorded_metrics(tool))) for tool in TOOLS)


class ForgetfulStore:
    """Stores, and then fails once for each kind: as when the writer dies after the database's commit and before the
    log's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._has_failed: set[str] = set()
        self.inserted = {"logs": 0, "metrics": 0}
        self.duplicates = {"logs": 0, "metrics": 0}

    async def write_logs(self, logs: Sequence[LogRecord]) -> WriteResult:
        return self._counted("logs", await self._store.write_logs(logs))

    async def write_metrics(self, points: Sequence[MetricPoint]) -> WriteResult:
        return self._counted("metrics", await self._store.write_metrics(points))

    def _counted(self, kind: str, result: WriteResult) -> WriteResult:
        self.inserted[kind] += result.inserted
        self.duplicates[kind] += result.duplicates
        if kind not in self._has_failed:
            self._has_failed.add(kind)
            raise Retryable("the connection broke")
        return result


async def publish(bus: Bus) -> None:
    """Put what the tools sent into the log."""
    producer = await bus.producer()
    headers = {topics.PROJECT_HEADER: "cli"}
    logs = [Message(recorded_logs(tool).SerializeToString(), headers=headers) for tool in TOOLS]
    metrics = [Message(recorded_metrics(tool).SerializeToString(), headers=headers) for tool in TOOLS]
    await producer.publish(topics.LOGS, logs)
    await producer.publish(topics.METRICS, metrics)
    await producer.close()


async def test_what_the_tools_sent_is_stored_once(tmp_path: Path, embedded_database_url: str) -> None:
    await migrate(embedded_database_url)
    store, bus = open_store(embedded_database_url), open_bus(f"embedded://{tmp_path}/log")
    await bus.create_topics(topics.ALL)
    await publish(bus)
    forgetful = ForgetfulStore(store)
    settings = WriterSettings(writer_retry_min=0.001, writer_retry_max=0.01)
    stop = asyncio.Event()
    writing = asyncio.create_task(WriterLoop(bus, cast(Store, forgetful), Prices(), settings).run(stop))

    async def all_there() -> bool:
        return forgetful.inserted == {"logs": LOG_COUNT, "metrics": POINT_COUNT} and all(forgetful.duplicates.values())

    try:
        await eventually(all_there, within=30)
        page = await store.list_logs(LogQuery(project="cli", limit=500))
        assert len(page.logs) == len({record.id for record in page.logs}) == LOG_COUNT
        tools = await store.coding_tools("cli")
        assert [tool.tool for tool in tools] == list(TOOLS)
        assert all(tool.usage.requests == 2 and tool.usage.unpriced_count == 0 and tool.usage.cost for tool in tools)
        assert {metric.name.partition(".")[0] for metric in await store.list_metrics("cli")} == {*TOOLS, "gen_ai"}
    finally:
        stop.set()
        await asyncio.gather(writing, return_exceptions=True)
        await store.close()
        await bus.close()
