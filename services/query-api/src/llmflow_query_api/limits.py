"""How much one process does at once, so that a few heavy questions do not take the database from all others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from llmflow_core.errors import Retryable

#: The `opt` of routes whose questions may be heavy.
HEAVY = "heavy"
#: The limit that exports have to themselves.
EXPORTS = "exports"
_PATIENCE_SECONDS = 10.0
_RETRY_AFTER_SECONDS = 10.0


class Limits:
    """Places by kind. Who finds none waits for a while, and is then told to come back."""

    def __init__(self, places: Mapping[str, int], *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._places = {kind: asyncio.Semaphore(count) for kind, count in places.items()}
        self._patience_seconds = patience_seconds

    @asynccontextmanager
    async def slot(self, kind: str) -> AsyncIterator[None]:
        """Hold a place. Raises Retryable when there is none for too long."""
        places = self._places[kind]
        try:
            await asyncio.wait_for(places.acquire(), self._patience_seconds)
        except TimeoutError:
            raise Retryable(f"too many {kind} requests at once", retry_after=_RETRY_AFTER_SECONDS) from None
        try:
            yield
        finally:
            places.release()


def one_at_a_place(app: ASGIApp) -> ASGIApp:
    """Middleware: a request for a route that is marked HEAVY holds a place of that kind."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["route_handler"].opt.get(HEAVY):
            limits: Limits = scope["litestar_app"].state.limits
            async with limits.slot(HEAVY):
                await app(scope, receive, send)
        else:
            await app(scope, receive, send)

    return limited
