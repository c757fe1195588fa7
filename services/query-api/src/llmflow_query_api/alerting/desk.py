"""Everything of alerts that an application has one of, made of its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from llmflow_core.destinations.secrets import secret_box
from llmflow_core.errors import Rejected
from llmflow_core.spans import JSON
from llmflow_core.url_guard import UrlGuard
from llmflow_query_api.alert_schemas import Delivery, TestResult
from llmflow_query_api.alerting.channels import open_address
from llmflow_query_api.alerting.evaluating import Evaluator
from llmflow_query_api.alerting.payloads import Payloads
from llmflow_query_api.alerting.sending import Patience, Sender
from llmflow_query_api.alerting.worker import AlertWorker
from llmflow_query_api.settings import QueryApiSettings
from llmflow_store.alerts import Attempt, Channel
from llmflow_store.port import Store


class AlertDesk:
    """What the routes of alerts need, and the worker beside them, unless the settings switch it off."""

    def __init__(self, settings: QueryApiSettings, store: Store) -> None:
        self.box = secret_box(settings.secret_key, settings.old_secret_key)
        self.payloads = Payloads(str(settings.public_url) if settings.public_url else None)
        self.sender = Sender(UrlGuard(settings.webhook_allow, setting="LLMFLOW_WEBHOOK_ALLOW", field="url"))
        self.evaluator = Evaluator(
            store,
            self.payloads,
            delay=timedelta(seconds=settings.alerts_delay_seconds),
            every=timedelta(seconds=settings.alerts_seconds),
        )
        self._worker = AlertWorker(
            store,
            self.evaluator,
            self.sender,
            self.box,
            patience=Patience(timedelta(hours=settings.alerts_give_up_hours)),
            poll_seconds=settings.alerts_poll_seconds,
            history=timedelta(days=settings.alerts_history_days),
        )
        self._works = settings.alerts_poll_seconds > 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Send and work while the context is open."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.sender)
            if self._works:
                await stack.enter_async_context(self._worker.running())
            yield

    async def try_channels(self, channels: Iterable[Channel], event_id: str, body: Mapping[str, JSON]) -> TestResult:
        """Send to each channel once, now."""
        tried = [(channel.name, await self._try(channel, event_id, body)) for channel in channels]
        return TestResult(
            deliveries=[
                Delivery(channel=name, delivered=a.delivered, http_status=a.http_status, error=a.error)
                for name, a in tried
            ]
        )

    async def _try(self, channel: Channel, event_id: str, body: Mapping[str, JSON]) -> Attempt:
        try:
            address = open_address(channel, self.box)
        except Rejected as error:
            return Attempt(delivered=False, error=str(error))
        attempt, _ = await self.sender.send(address, channel.kind, event_id, body)
        return attempt
