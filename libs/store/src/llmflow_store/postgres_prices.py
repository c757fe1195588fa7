"""Own prices over asyncpg."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from llmflow_core.own_prices import OwnPrice, encoded, own_price
from llmflow_core.pricing import Prices
from llmflow_store import repricing_sql
from llmflow_store.administration import Actor
from llmflow_store.port import SpanCursor
from llmflow_store.postgres_administration import audit
from llmflow_store.prices import KeptPrice, Origin, RepricedPortion
from llmflow_store.versions import UNCONDITIONAL, Precondition

if TYPE_CHECKING:
    import asyncpg

_LIST = "SELECT definition FROM own_prices ORDER BY definition ->> 'origin', name"
# Two who set a price of one name at once could both find that there is none.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('own_prices ' || $1, 0))"
_GET_TO_CHANGE = "SELECT definition FROM own_prices WHERE name = $1 FOR UPDATE"
_DELETE = "DELETE FROM own_prices WHERE name = $1 AND definition ->> 'origin' = 'api' RETURNING definition"
_SAVE = """
INSERT INTO own_prices AS p (name, definition) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, changed_at = now()
"""
_SAVE_OF_FILE = f"{_SAVE} WHERE p.definition ->> 'origin' = 'file' AND p.definition <> excluded.definition"
_FORGET_OF_FILE = "DELETE FROM own_prices WHERE definition ->> 'origin' = 'file' AND name <> ALL ($1::text[])"


class PostgresPrices:
    """`OwnPrices` for a class with a pool; see there for every method."""

    def _connection(self) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
        raise NotImplementedError

    async def list_prices(self) -> Sequence[KeptPrice]:
        """See `OwnPrices`."""
        async with self._connection() as connection:
            rows = await connection.fetch(_LIST)
        return [_price(row) for row in rows]

    async def save_price(self, price: OwnPrice, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> None:
        """See `OwnPrices`."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(_LOCK, price.name)
            before = await connection.fetchrow(_GET_TO_CHANGE, price.name)
            only_if.check(_price(before).version if before else None)
            await connection.execute(_SAVE, price.name, _definition(price, "api"))
            await audit(connection, "price.save", by, None, price.name, encoded(price))

    async def delete_price(self, name: str, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> bool:
        """See `OwnPrices`."""
        async with self._connection() as connection, connection.transaction():
            row = await connection.fetchrow(_DELETE, name)
            if row is None:
                return False
            only_if.check(_price(row).version)
            await audit(connection, "price.delete", by, None, name, {})
        return True

    async def save_file_prices(self, prices: Sequence[OwnPrice]) -> None:
        """See `OwnPrices`."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(_FORGET_OF_FILE, [price.name for price in prices])
            for price in sorted(prices, key=lambda price: price.name):
                await connection.execute(_SAVE_OF_FILE, price.name, _definition(price, "file"))

    async def reprice(
        self,
        prices: Prices,
        project: str,
        from_time: datetime,
        to_time: datetime,
        *,
        after: SpanCursor | None = None,
        limit: int = 2000,
    ) -> RepricedPortion:
        """See `OwnPrices`. A deadlock with a writer is Retryable, and the portion then as it was."""
        async with self._connection() as connection, connection.transaction():
            return await repricing_sql.reprice(connection, prices, project, from_time, to_time, after, limit)


def _price(row: asyncpg.Record) -> KeptPrice:
    return KeptPrice(own_price(row["definition"]["price"]), row["definition"]["origin"])


def _definition(price: OwnPrice, origin: Origin) -> bytes:
    return orjson.dumps({"origin": origin, "price": encoded(price)})
