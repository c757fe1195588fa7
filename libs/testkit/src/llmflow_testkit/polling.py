"""Waiting for something to become true, with a deadline instead of a sleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(probe: Callable[[], Awaitable[T]], *, within: float, every: float = 0.05) -> T:
    """Call `probe` until it returns something true, and return that; fail after `within` seconds.

    An AssertionError of the probe counts as not yet; the last one is part of the failure.
    """
    deadline = time.monotonic() + within
    last: object = None
    while True:
        try:
            result = await probe()
            if result:
                return result
            last = result
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last: {last!r}")
        await asyncio.sleep(every)
