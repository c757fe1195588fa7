"""Work that is done beside the writes, from time to time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine


async def repeat(work: Callable[[], Coroutine[object, object, float]], stop: asyncio.Event) -> None:
    """Do `work` again and again, after a pause of as many seconds as it returns, until `stop` is set, which breaks off
    what is going on."""
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            working = asyncio.create_task(work())
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                working.cancel()
                await asyncio.wait({working})
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(stopping), working.result())
    finally:
        stopping.cancel()
