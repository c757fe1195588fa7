"""The producers and consumers that one bus has made and will close."""

from __future__ import annotations

from typing import Protocol, TypeVar


class _Client(Protocol):
    async def start(self) -> None: ...

    async def close(self) -> None: ...


_ClientT = TypeVar("_ClientT", bound=_Client)


class Clients:
    """What a bus has to close in the end."""

    def __init__(self) -> None:
        self._made: list[_Client] = []

    async def started(self, client: _ClientT) -> _ClientT:
        """`client`, started and remembered; one that cannot start is closed, and its error raised."""
        try:
            await client.start()
        except BaseException:
            await client.close()
            raise
        self._made.append(client)
        return client

    async def close(self) -> None:
        """Close every client, the last one first. Idempotent."""
        while self._made:
            await self._made.pop().close()
