"""What the forwarder does at the same time, and what of that it may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from llmflow_bus import Batch, Record, StartAt, open_bus, topics
from llmflow_bus.dead_letters import SOURCE_HEADER, DeadLetters
from llmflow_core.destinations.destination import Destination
from llmflow_core.errors import Retryable
from llmflow_exporter.forwarder import DOUBTFUL_ATTEMPTS, UNCOMMITTED_REQUESTS, Forwarder
from llmflow_exporter.settings import ExporterSettings
from llmflow_exporter.status import Status
from llmflow_exporter.transport import Reply, Verdict
from llmflow_testkit.polling import eventually

RECORDS = 30


class _Log:
    """A log of one partition, which gives some records at once; a commit takes until `commits` is set. `refused_by`
    are the groups that had refused records, by number."""

    def __init__(self, at_once: int = 3, refused_by: dict[int, str] | None = None) -> None:
        self._refused_by = refused_by or {}
        self.committed = 0
        self.commits = asyncio.Event()
        self._at_once = at_once
        self.read_until = 0

    async def consumer(self, group: str, topics: Sequence[str], *, start_at: StartAt = "earliest") -> _Log:
        return self

    async def poll(self, *, max_records: int, timeout: float) -> Batch:
        """The next records."""
        if self.read_until == RECORDS:
            await asyncio.sleep(timeout)
        numbers = range(self.read_until, min(self.read_until + self._at_once, RECORDS))
        self.read_until = numbers.stop
        return Batch([self._record(number) for number in numbers])

    def _record(self, number: int) -> Record:
        headers = {SOURCE_HEADER: self._refused_by[number]} if number in self._refused_by else {}
        return Record(topics.SPANS, 0, number, 0, None, bytes([number]), headers)

    async def commit(self, batch: Batch) -> None:
        await self.commits.wait()
        assert batch.records[0].offset == self.committed
        self.committed = batch.records[-1].offset + 1

    async def rewind(self) -> None:
        self.read_until = self.committed

    async def lag(self) -> int:
        return RECORDS - self.committed

    async def close(self) -> None:
        """Nothing is held."""


class _Transport:
    """Takes everything but what `moods` says otherwise."""

    def __init__(self, moods: dict[int, Verdict] | None = None) -> None:
        self.sent: list[int] = []
        self._moods = moods or {}

    async def send(self, values: Sequence[bytes]) -> Reply:
        await asyncio.sleep(0)
        self.sent += b"".join(values)
        return Reply(self._moods.pop(self.sent[-1], Verdict.TAKEN))

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def _forwarding(
    log: _Log, transport: _Transport, *, concurrency: int = 1, epoch: int = 0, patience: float = 0
) -> AsyncIterator[Status]:
    """A forwarder that sends each record alone and in order; with `patience`, in seconds, together with what comes."""
    size = 1000 if patience else 1
    settings = ExporterSettings(export_batch_bytes=size, export_batch_seconds=patience, export_retry_min=0.01)
    stop = asyncio.Event()
    letters = DeadLetters(open_bus("embedded:///nowhere"))
    destination = Destination(name="d", url="-", concurrency=concurrency, epoch=epoch)
    status = Status(destination=destination)
    forwarder = Forwarder(destination, transport, log, letters, settings, status)
    task = asyncio.create_task(forwarder.run(stop))
    try:
        yield status
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def test_a_slow_commit_holds_up_only_what_is_too_far_ahead_of_it() -> None:
    log, transport = _Log(), _Transport()
    async with _forwarding(log, transport):
        await eventually(lambda: _reached(len(transport.sent) >= UNCOMMITTED_REQUESTS // 2), within=30)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(transport.sent) <= UNCOMMITTED_REQUESTS
        assert log.committed == 0
        log.commits.set()
        await eventually(lambda: _reached(log.committed == RECORDS), within=30)
    assert transport.sent == list(range(RECORDS))


async def test_what_went_through_before_a_failure_is_not_sent_again() -> None:
    log, transport = _Log(), _Transport({7: Verdict.LATER, 12: Verdict.DOUBTFUL})
    log.commits.set()
    async with _forwarding(log, transport):
        await eventually(lambda: _reached(log.committed == RECORDS), within=30)
    assert transport.sent == sorted([*range(RECORDS), 7, 12])


async def test_what_went_through_before_the_log_failed_is_not_sent_again() -> None:
    class FailingLog(_Log):
        failures = 3

        async def poll(self, *, max_records: int, timeout: float) -> Batch:
            if self.failures and self.read_until >= 6:
                self.failures -= 1
                raise Retryable("another broker leads the partition")
            return await super().poll(max_records=max_records, timeout=timeout)

    log, transport = FailingLog(), _Transport()
    log.commits.set()
    async with _forwarding(log, transport):
        await eventually(lambda: _reached(log.committed == RECORDS), within=30)
    assert log.failures == 0
    assert transport.sent == list(range(RECORDS))


async def test_letters_from_before_a_reset_are_still_the_destinations() -> None:
    group = "llmflow-exporter-d"
    log, transport = (
        _Log(refused_by={3: group, 4: f"{group}.1", 5: f"{group}.2", 6: f"{group}-e", 7: "w"}),
        _Transport(),
    )
    log.commits.set()
    async with _forwarding(log, transport, epoch=2):
        await eventually(lambda: _reached(log.committed == RECORDS), within=30)
    assert transport.sent == sorted({*range(RECORDS)} - {6, 7})


async def test_a_request_that_waits_for_more_holds_up_no_end() -> None:
    log, transport = _Log(), _Transport()
    async with _forwarding(log, transport, patience=3600):
        await eventually(lambda: _reached(log.read_until == RECORDS), within=30)
    assert (transport.sent, log.committed) == ([], 0)


async def test_requests_that_fail_together_are_one_doubt() -> None:
    log, transport = _Log(at_once=RECORDS), _Transport(dict.fromkeys(range(RECORDS), Verdict.DOUBTFUL))
    log.commits.set()
    async with _forwarding(log, transport, concurrency=DOUBTFUL_ATTEMPTS * 2) as status:
        await eventually(lambda: _reached(log.committed == RECORDS), within=30)
    assert status.dead_letters == 0
    assert status.sent >= RECORDS


async def test_what_is_sent_when_it_ends_is_committed() -> None:
    log, transport = _Log(), _Transport()
    log.commits.set()
    async with _forwarding(log, transport):
        await eventually(lambda: _reached(len(transport.sent) >= 2), within=30)
    assert log.committed == len(transport.sent)


async def _reached(condition: bool) -> bool:
    return condition
