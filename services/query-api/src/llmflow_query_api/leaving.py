"""What becomes of an answer whose client has left: it ends, and with it what the database does for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

from litestar import Response
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from llmflow_query_api.auth import SAFE_METHODS

#: Marks routes whose answers are not compressed.
AS_IT_IS = "as_it_is"


def end_with_client(app: ASGIApp) -> ASGIApp:
    """Middleware: a request that only reads is cancelled when its client leaves; the store then cancels its statement.

    One that changes something is finished, whoever waits for it.
    """

    async def ended(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] not in SAFE_METHODS:
            await app(scope, receive, send)
            return
        messages: asyncio.Queue[Message] = asyncio.Queue()

        async def listen() -> None:
            message = None
            while message is None or message["type"] != "http.disconnect":
                message = await receive()
                messages.put_nowait(message)  # type: ignore[arg-type]

        answer = asyncio.ensure_future(app(scope, messages.get, send))  # type: ignore[arg-type]
        client = asyncio.ensure_future(listen())
        try:
            await asyncio.wait({answer, client}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                answer.result()
        finally:
            for task in (answer, client):
                task.cancel()
            await asyncio.gather(answer, client, return_exceptions=True)

    return ended


class Streamed(Response[None]):
    """Answers 200 with chunks, each as soon as it is there. They are closed when the answer ends, however it ends; what
    fails before the first chunk can still be answered as an error."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], *, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(None, media_type=media_type, headers=dict(headers))
        self._chunks = chunks

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Litestar's hook."""

        async def answer(_: Scope, __: Receive, send: Send) -> None:
            headers = {**self.headers, "content-type": str(self.media_type)}
            encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            async with aclosing(self._chunks) as chunks:
                first = await anext(chunks, b"")
                await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": encoded})
                await send({"type": "http.response.body", "body": first, "more_body": True})
                async for chunk in chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        return answer
