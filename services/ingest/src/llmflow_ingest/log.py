"""The receiver's way into the message log."""

from __future__ import annotations

import asyncio

from llmflow_bus import Bus, Producer


class Log:
    """A producer that is opened when it is first needed, so that the receiver starts while the log is away."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._opening: asyncio.Task[Producer] | None = None

    async def producer(self) -> Producer:
        """The one producer. Raises Retryable while the log is away; callers of the moment share one attempt."""
        if self._opening is None or (self._opening.done() and self._opening.exception()):
            self._opening = asyncio.create_task(self._bus.producer())
        return await asyncio.shield(self._opening)

    async def healthy(self) -> bool:
        """Whether the log answers."""
        return await self._bus.healthy()
