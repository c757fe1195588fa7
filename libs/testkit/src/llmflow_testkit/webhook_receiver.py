"""A receiver of webhooks that takes nothing that is not signed as Standard Webhooks states."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from standardwebhooks import Webhook

from llmflow_testkit.serving import serving

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@dataclass
class WebhookReceiver:
    """What has arrived, in order: `webhook-id` and body. Answers `statuses` one after the other, then 204."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    attempts: int = 0
    received: list[tuple[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        """The types of what has arrived."""
        return [body["type"] for _, body in self.received]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As an ASGI application. `/slack` asks for no signature."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        content = b""
        while True:
            message = await receive()
            content += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status = self._take(scope["path"], headers, content)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body"})

    def _take(self, path: str, headers: dict[str, str], content: bytes) -> int:
        self.attempts += 1
        if path != "/slack":
            try:
                Webhook(SECRET).verify(content, headers)
            except Exception as error:
                self.refused.append(f"{type(error).__name__}: {error}")
                return 401
        status = self.statuses.pop(0) if self.statuses else 204
        if status < 300:
            self.received.append((headers.get("webhook-id", ""), orjson.loads(content)))
        return status


@asynccontextmanager
async def webhook_receiver(port: int | None = None) -> AsyncIterator[WebhookReceiver]:
    """A receiver on a port of this machine while the block runs."""
    receiver = WebhookReceiver()
    async with serving(receiver, port) as url:
        receiver.url = url
        yield receiver
