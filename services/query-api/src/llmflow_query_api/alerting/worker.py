"""What every process of the query API does for alerts: evaluates those that are due, and delivers their notices.

The store gives each alert and each notice to one process at a time, so that any number of them can run, and takes what
was found together with its notices or not at all. A process that dies leaves what it had to the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from llmflow_core.destinations.secrets import SecretBox
from llmflow_core.errors import LLMFlowError, Rejected
from llmflow_query_api.alerting.channels import open_address
from llmflow_query_api.alerting.evaluating import Evaluation, Evaluator
from llmflow_query_api.alerting.sending import Patience, Sender, final
from llmflow_store.alerts import Alert, Attempt, DueNotice
from llmflow_store.port import Store

logger = logging.getLogger(__name__)

_EVALUATION_LEASE = 120.0
_NOTICE_LEASE = 60.0
_NOTICES_AT_ONCE = 10
_CLEANING = timedelta(hours=1)
_STOP_SECONDS = 5.0


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class AlertWorker:
    """One a process. `clock` tells the time that states are reckoned by."""

    def __init__(
        self,
        store: Store,
        evaluator: Evaluator,
        sender: Sender,
        box: SecretBox | None,
        *,
        patience: Patience,
        poll_seconds: float,
        history: timedelta,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._evaluator = evaluator
        self._sender = sender
        self._box = box
        self._patience = patience
        self._poll_seconds = poll_seconds
        self._history = history
        self._clock = clock
        self._news = asyncio.Event()
        self._cleaned: datetime | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while the context is open; at its end, what is going on has a moment to come to its end too."""
        stop = asyncio.Event()
        work = [
            asyncio.create_task(self._repeat(self.evaluate_due, stop, asyncio.Event())),
            asyncio.create_task(self._repeat(self.deliver_due, stop, self._news)),
        ]
        try:
            yield
        finally:
            stop.set()
            _, late = await asyncio.wait(work, timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def evaluate_due(self) -> None:
        """Evaluate every alert that is due."""
        now = self._clock()
        if self._cleaned is None or now - self._cleaned > _CLEANING:
            await self._store.forget_events(now - self._history)
            self._cleaned = now
        while alerts := await self._store.claim_alerts(limit=1, lease_seconds=_EVALUATION_LEASE):
            for alert in alerts:
                await self._evaluate(alert)

    async def deliver_due(self) -> None:
        """Make one attempt at every notice that is due."""
        while notices := await self._store.claim_notices(limit=_NOTICES_AT_ONCE, lease_seconds=_NOTICE_LEASE):
            await asyncio.gather(*(self._deliver(notice) for notice in notices))

    async def _evaluate(self, alert: Alert) -> None:
        error, found = None, Evaluation(alert.states, [], self._evaluator.every.total_seconds())
        try:
            async with self._held(alert):
                found = await self._evaluator.evaluate(alert, self._clock())
        except LLMFlowError as failure:
            logger.warning("cannot evaluate the %s %s: %s", alert.kind, alert.id, failure)
            error = str(failure)
        except Exception:  # whatever it is, the alerts behind this one must not wait for its repair
            logger.exception("cannot evaluate the %s %s", alert.kind, alert.id)
            error = "an error of LLMFlow; its log says more"
        kept = await self._store.record_evaluation(
            alert, states=found.states, events=found.events, due_seconds=found.due_seconds, error=error
        )
        if kept and found.events:
            self._news.set()

    @contextlib.asynccontextmanager
    async def _held(self, alert: Alert) -> AsyncIterator[None]:
        """Keep other processes from taking up the alert for as long as the context is open."""
        renewing = asyncio.create_task(self._renew(alert))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, alert: Alert) -> None:
        kept = True
        while kept:
            await asyncio.sleep(_EVALUATION_LEASE / 4)
            try:
                kept = await self._store.renew_claim(alert, lease_seconds=_EVALUATION_LEASE)
            except LLMFlowError as error:
                logger.warning("cannot renew the claim of the %s %s now: %s", alert.kind, alert.id, error)

    async def _deliver(self, notice: DueNotice) -> None:
        event = notice.event
        try:
            address = open_address(notice.channel, self._box)
            attempt, asked = await self._sender.send(address, notice.channel.kind, event.id, event.body)
        except Rejected as error:
            attempt, asked = Attempt(delivered=False, error=str(error)), None
        if not final(attempt):
            pause = self._patience.pause(notice.attempts, event.at, self._clock(), asked)
            attempt = replace(attempt, retry_seconds=pause)
            outcome = "given up" if pause is None else f"again in {pause:.0f} s"
            logger.warning("%s was not told of %s: %s; %s", notice.channel.name, event.id, attempt.error, outcome)
        await self._store.settle_notice(notice, attempt)

    async def _repeat(self, work: Callable[[], Awaitable[None]], stop: asyncio.Event, news: asyncio.Event) -> None:
        """Do the work, and again at news or after a while, until `stop` is set."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                news.clear()
                try:
                    await work()
                except LLMFlowError as error:
                    logger.warning("alerts wait: %s", error)
                except Exception:
                    logger.exception("alerts wait after an error of LLMFlow")
                hearing = asyncio.create_task(news.wait())
                await asyncio.wait({stopping, hearing}, timeout=self._poll_seconds, return_when=asyncio.FIRST_COMPLETED)
                hearing.cancel()
        finally:
            stopping.cancel()
