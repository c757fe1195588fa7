"""The loop that carries the log's spans to one destination, at least once and in the log's order."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias

from llmflow_bus import Batch, Consumer, Record, StartAt, topics
from llmflow_bus.dead_letters import DeadLetters, concerns
from llmflow_core.destinations.destination import Destination
from llmflow_core.errors import Rejected, Retryable
from llmflow_exporter.preparation import Preparation, halves
from llmflow_exporter.settings import ExporterSettings
from llmflow_exporter.status import Status
from llmflow_exporter.transport import Reply, Transport, Verdict

logger = logging.getLogger(__name__)

_POLL_RECORDS = 1000
_POLL_SECONDS = 1.0
#: While requests are under way, the next record is not waited for longer than this, so that they are committed soon.
_POLL_AHEAD_SECONDS = 0.05
#: A commit takes longer than many a request, so that this many, times `concurrency`, may be sent during one.
_REQUESTS_A_COMMIT = 4
#: How many requests, times `concurrency`, a process that dies has at most sent without a commit: those that a commit
#: was under way for, and those sent meanwhile.
UNCOMMITTED_REQUESTS = 2 * _REQUESTS_A_COMMIT
_LAG_SECONDS = 15.0
_SMALLEST_BATCH = 10_000
#: How often a destination may fail on the same records without saying that it is overloaded before they are refused.
DOUBTFUL_ATTEMPTS = 8
#: After so many failures in a row the circuit breaker is open: attempts are far apart, and begin with one record alone.
BREAKER_FAILURES = 5


class _Doubtful(Retryable):
    """The destination failed, perhaps because of what it was sent."""


#: Of a record: what goes there, None for nothing, or why it cannot be read.
_Outcome: TypeAlias = bytes | Rejected | None


class Log(Protocol):
    """Where records come from: a `Bus`, or what is stored."""

    async def consumer(self, group: str, topics: Sequence[str], *, start_at: StartAt = "earliest") -> Consumer:
        """As `Bus.consumer`."""
        ...


@dataclass(slots=True)
class _Piece:
    """What goes to the destination of one record, or a part of that."""

    record: Record
    value: bytes


@dataclass(slots=True)
class _Chunk:
    """Consecutive records and what goes of them in one request, of `size` bytes: of some nothing, and some cannot be
    read."""

    records: list[Record] = field(default_factory=list)
    pieces: list[_Piece] = field(default_factory=list)
    size: int = 0
    left_out: int = 0
    unreadable: list[tuple[Record, str]] = field(default_factory=list)


class Forwarder:
    """Forwards to one destination. A record is committed once the destination or the dead-letter topic holds it.

    Requests are under way one at a time, in the log's order, unless the destination's `concurrency` allows more.
    Meanwhile what the ones before carried is committed, and the next records are read and prepared.
    """

    def __init__(
        self,
        destination: Destination,
        transport: Transport,
        log: Log,
        dead_letters: DeadLetters,
        settings: ExporterSettings,
        status: Status | None = None,
    ) -> None:
        self._destination = destination
        self._transport = transport
        self._log = log
        self._dead_letters = dead_letters
        self._settings = settings
        self._status = status or Status(destination=destination)
        self._preparation = Preparation(destination)
        self._batch_bytes = destination.batch_bytes or settings.export_batch_bytes
        wanted = destination.batch_seconds
        self._batch_seconds = settings.export_batch_seconds if wanted is None else wanted
        self._consumer: Consumer | None = None
        #: What is read and not yet sent, and what is dealt with and not yet committed, in the log's order.
        self._ahead: list[_Chunk] = []
        self._done: list[_Chunk] = []
        self._rewind_first = False
        self._doubts = 0
        self._buried: set[tuple[int, int, bytes]] = set()
        self._next_lag = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Forward until `stop` is set. Whatever fails is logged and tried again after a pause; nothing is raised."""
        name = self._destination.name
        logger.info("forwarding to %s, %s", name, self._destination.address)
        try:
            while not stop.is_set():
                try:
                    await self._forward_once(stop)
                except Retryable as error:
                    await self._pause(stop, str(error), error.retry_after)
                except Exception:
                    logger.exception("forwarding to %s failed unexpectedly", name)
                    await self._pause(stop, "unexpected failure", self._settings.export_retry_max)
            if self._consumer is not None:
                with suppress(Retryable):  # it is sent again then
                    await self._commit(self._consumer)
        finally:
            if self._consumer is not None:
                await self._consumer.close()

    async def _forward_once(self, stop: asyncio.Event) -> None:
        if self._consumer is None:
            self._consumer = await self._log.consumer(
                self._destination.group, [topics.SPANS], start_at=self._destination.start
            )
        if self._rewind_first:
            await self._consumer.rewind()
            self._ahead.clear()
            self._done.clear()
            self._rewind_first = False
        await self._measure_lag(self._consumer)
        if not self._ahead:
            await self._commit(self._consumer)
            await self._read(self._consumer, stop, _POLL_SECONDS)
            if not self._ahead:
                self._status.is_idle()
            return
        asking = asyncio.create_task(self._read_and_commit(self._consumer, stop))
        delivered, asked = await asyncio.gather(self._deliver_until(asking, stop), asking, return_exceptions=True)
        failure = asked or delivered
        if failure is not None:
            with suppress(Retryable):
                await self._commit(self._consumer)  # so that what went through before is not sent again
            raise failure

    async def _deliver_until(self, asking: asyncio.Task[None], stop: asyncio.Event) -> None:
        """Send what is read until the log has answered, as far as it may be sent without a commit."""
        for _ in range(_REQUESTS_A_COMMIT):
            width = 1 if self._status.state == "open" else self._destination.concurrency
            chunks = self._ahead[:width]
            del self._ahead[:width]
            await self._deliver(chunks)
            if not self._ahead or asking.done() or stop.is_set():
                return

    async def _read_and_commit(self, consumer: Consumer, stop: asyncio.Event) -> None:
        """What the log is asked for while requests are under way; nothing else uses the consumer then."""
        if len(self._ahead) < _REQUESTS_A_COMMIT * self._destination.concurrency:
            await self._read(consumer, stop, _POLL_AHEAD_SECONDS)
        await self._commit(consumer)

    async def _commit(self, consumer: Consumer) -> None:
        """Commit what is dealt with."""
        done = list(self._done)
        if not done:
            return
        records = [record for chunk in done for record in chunk.records]
        await consumer.commit(Batch(records))
        del self._done[: len(done)]
        if self._buried:
            committed = {(record.partition, record.offset) for record in records}
            self._buried = {key for key in self._buried if key[:2] not in committed}

    async def _read(self, consumer: Consumer, stop: asyncio.Event, timeout: float) -> None:
        """Read and prepare the next records: as many as make a full request, or as come within the time that a request
        may wait after the first, which has to come within `timeout`."""
        records = await _unless(stop, consumer.poll(max_records=_POLL_RECORDS, timeout=timeout))
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._batch_seconds
        size = sum(len(record.value) for record in records)
        while records and size < self._batch_bytes and len(records) < _POLL_RECORDS and not stop.is_set():
            left = deadline - clock()
            if left <= 0:
                break
            more = await _unless(stop, consumer.poll(max_records=_POLL_RECORDS - len(records), timeout=left))
            records += more
            size += sum(len(record.value) for record in more)
        if records:
            self._ahead += self._chunks(await self._prepared(records))

    def _chunks(self, prepared: Iterable[tuple[Record, _Outcome]]) -> Iterator[_Chunk]:
        """The records by request: of at most `batch_bytes`, or a single one; while the breaker is open, the first
        record goes alone."""
        chunk = _Chunk()
        alone = self._status.state == "open"
        for record, outcome in prepared:
            size = len(outcome) if isinstance(outcome, bytes) else 0
            if chunk.pieces and size and (alone or chunk.size + size > self._batch_bytes):
                yield chunk
                chunk, alone = _Chunk(), False
            chunk.records.append(record)
            if isinstance(outcome, bytes):
                chunk.pieces.append(_Piece(record, outcome))
                chunk.size += size
            elif outcome is None:
                chunk.left_out += 1
            else:
                chunk.unreadable.append((record, str(outcome)))
        yield chunk

    async def _prepared(self, records: Sequence[Record]) -> list[tuple[Record, _Outcome]]:
        """What goes there of each record. Of one that another reader refused, and that is published again for it,
        nothing does: it was sent there long ago."""
        groups = (self._destination.group, *self._destination.former_groups)
        mine = [record for record in records if concerns(record, *groups)]
        prepare = self._preparation.prepare_all
        found = prepare(mine) if self._destination.passes_bytes_on else await asyncio.to_thread(prepare, mine)
        outcomes = {id(record): outcome for record, outcome in zip(mine, found, strict=True)}
        return [(record, outcomes.get(id(record))) for record in records]

    async def _deliver(self, chunks: Sequence[_Chunk]) -> None:
        """Send the chunks at once; those up to the first that failed are done."""
        outcomes = await asyncio.gather(*(self._send(chunk.pieces) for chunk in chunks), return_exceptions=True)
        for chunk, outcome in zip(chunks, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                self._doubts += isinstance(outcome, _Doubtful)  # once, however many requests were under way
                raise outcome
            for record, reason in chunk.unreadable:
                await self._bury(record, reason)
            self._done.append(chunk)
            self._status.left_out(chunk.left_out)
            self._doubts = 0
        self._status.is_well()

    async def _send(self, pieces: Sequence[_Piece]) -> None:
        """Send `pieces` as one request; what is refused is halved until the span at fault stands alone."""
        if not pieces:
            return
        reply = await self._transport.send([piece.value for piece in pieces])
        self._raise_if_retryable(reply)
        if reply.verdict is Verdict.TAKEN:
            self._note(reply, pieces)
            return
        if len(pieces) > 1:
            if reply.verdict is Verdict.TOO_LARGE:
                self._batch_bytes = max(_SMALLEST_BATCH, sum(len(piece.value) for piece in pieces) // 2)
            middle = len(pieces) // 2
            await self._send(pieces[:middle])
            await self._send(pieces[middle:])
            return
        (piece,) = pieces
        parts = await asyncio.to_thread(halves, piece.value)
        if parts is None:
            await self._bury(replace(piece.record, value=piece.value), self._destination.scrubbed(reply.reason))
            return
        for part in parts:
            await self._send([_Piece(piece.record, part)])

    def _note(self, reply: Reply, pieces: Sequence[_Piece]) -> None:
        self._status.took(len({id(piece.record) for piece in pieces}), sum(len(piece.value) for piece in pieces))
        if reply.rejected_spans or reply.reason:
            self._status.rejected(reply.rejected_spans)
            reason = self._destination.scrubbed(reply.reason)
            logger.warning("%s rejected %d spans: %s", self._destination.name, reply.rejected_spans, reason)

    async def _bury(self, record: Record, reason: str) -> None:
        """Keep what is refused, once however often what it came with has to be sent again."""
        key = (record.partition, record.offset, record.value)
        if key in self._buried:
            return
        await self._dead_letters.keep(record, source=self._destination.group, reason=reason)
        self._buried.add(key)
        self._status.buried()

    def _raise_if_retryable(self, reply: Reply) -> None:
        retry_after = reply.retry_after
        match reply.verdict:
            case Verdict.TAKEN | Verdict.REFUSED | Verdict.TOO_LARGE:
                return
            case Verdict.DOUBTFUL if self._doubts >= DOUBTFUL_ATTEMPTS:
                return
            case Verdict.DOUBTFUL:
                raise _Doubtful(reply.reason, retry_after=retry_after)
            case Verdict.BLOCKED:
                retry_after = self._settings.export_retry_max
        raise Retryable(reply.reason, retry_after=retry_after)

    async def _pause(self, stop: asyncio.Event, reason: str, retry_after: float | None) -> None:
        self._rewind_first = True
        self._next_lag = 0.0
        reason = self._destination.scrubbed(reason)
        failures = self._status.failures_in_a_row + 1
        self._status.has_failed(reason, "open" if failures >= BREAKER_FAILURES else "retrying")
        grown = min(self._settings.export_retry_max, self._settings.export_retry_min * 2.0 ** min(failures - 1, 30))
        asked = grown if retry_after is None else max(retry_after, self._settings.export_retry_min)
        seconds = asked * random.uniform(1.0, 1.5)  # noqa: S311 - jitter
        self._status.next_attempt = datetime.now(UTC) + timedelta(seconds=seconds)
        level = logging.WARNING if failures < BREAKER_FAILURES else logging.ERROR
        logger.log(level, "%s: attempt %d failed: %s", self._destination.name, failures, reason)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)

    async def _measure_lag(self, consumer: Consumer) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_lag:
            self._next_lag = now + _LAG_SECONDS
            self._status.lags(await consumer.lag())


async def _unless(stop: asyncio.Event, polling: Coroutine[Any, Any, Batch]) -> list[Record]:
    """The polled records; none once `stop` is set, which ends the wait."""
    poll, stopped = asyncio.create_task(polling), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([poll, stopped], return_when=asyncio.FIRST_COMPLETED)
        return list(poll.result().records) if poll.done() else []
    finally:
        for task in (poll, stopped):
            task.cancel()
        await asyncio.gather(poll, stopped, return_exceptions=True)
