"""Keeps the writer's prices those of the file and of the database, while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import yaml

from llmflow_core.errors import ConfigError, Rejected, Retryable
from llmflow_core.own_prices import OwnPrice, own_prices
from llmflow_core.pricing import Prices
from llmflow_store import Store

logger = logging.getLogger(__name__)


class PriceList:
    """Reads the own prices again every `seconds`; the file, if there is one, is kept in the database for all to see."""

    def __init__(self, store: Store, prices: Prices, *, file: Path | None, seconds: float) -> None:
        self._store = store
        self._prices = prices
        self._file = file
        self._seconds = seconds
        self._stored: list[OwnPrice] | None = None

    async def load(self, stop: asyncio.Event) -> None:
        """Return once the prices are known, or `stop` is set. Raises ConfigError for a file that states none."""
        in_file = read_prices(self._file) if self._file else None
        while not stop.is_set() and not await self._refreshed(in_file):
            await self._pause(stop)

    async def run(self, stop: asyncio.Event) -> None:
        """Read them again and again until `stop` is set. A file that becomes wrong, and a database that is away, leave
        the prices as they were."""
        while not stop.is_set():
            await self._pause(stop)
            try:
                in_file = read_prices(self._file) if self._file else None
            except ConfigError as error:
                logger.warning("keeping the prices of the file as they were: %s", error)
                in_file = None
            await self._refreshed(in_file)

    async def _pause(self, stop: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), self._seconds)

    async def _refreshed(self, in_file: list[OwnPrice] | None) -> bool:
        """Whether the database took the prices of the file, if they are new, and told all there are."""
        try:
            kept = await self._store.list_prices()
            # An administrator's price may have stood in the place of one of the file until now.
            missing = {price.name for price in in_file or ()} - {one.price.name for one in kept}
            if in_file is not None and (missing or in_file != self._stored):
                await self._store.save_file_prices(in_file)
                self._stored = in_file
                kept = await self._store.list_prices()
            self._prices.use([one.price for one in kept])
        except Retryable as error:
            logger.warning("cannot read the own prices: %s", error)
            return False
        return True


def read_prices(file: Path) -> list[OwnPrice]:
    """The prices that a YAML file states. Raises ConfigError, which says what is wrong."""
    try:
        return own_prices(yaml.safe_load(file.read_text()))
    # A date that no calendar has is a ValueError.
    except (OSError, ValueError, RecursionError, yaml.YAMLError, Rejected) as error:
        raise ConfigError([f"LLMFLOW_PRICES_FILE: {file}: {error}"]) from None
