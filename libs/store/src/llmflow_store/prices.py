"""Own prices as they are kept: the port, a part of `Store`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from llmflow_core.own_prices import OwnPrice, encoded
from llmflow_core.pricing import Prices
from llmflow_store.administration import Actor
from llmflow_store.versions import UNCONDITIONAL, Precondition, version_of

if TYPE_CHECKING:
    from llmflow_store.port import SpanCursor

#: Where an own price came from: the administrators, or the file that the writer reads.
Origin = Literal["api", "file"]


@dataclass(frozen=True, slots=True)
class KeptPrice:
    """One own price, and where it came from."""

    price: OwnPrice
    origin: Origin

    @property
    def version(self) -> str:
        """Of what an edit replaces; see `versions`."""
        return version_of(self.origin, encoded(self.price))


@dataclass(frozen=True, slots=True)
class RepricedPortion:
    """How many spans were looked at, how many of them have another cost now, and where to go on; None at the end."""

    examined: int
    changed: int
    next: SpanCursor | None


class OwnPrices(Protocol):
    """Changes by somebody raise Changed, and change nothing, where `only_if` does not hold of what is there. Methods
    raise Retryable while the database is away or overloaded."""

    async def list_prices(self) -> Sequence[KeptPrice]:
        """All own prices in the order in which they are tried: the administrators' by name, then the file's by name."""
        ...

    async def save_price(self, price: OwnPrice, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> None:
        """Keep a price, in the place of another one of its name, and write that in the audit log."""
        ...

    async def delete_price(self, name: str, *, by: Actor, only_if: Precondition = UNCONDITIONAL) -> bool:
        """Forget a price of the administrators', and write that in the audit log; False if they have none of the
        name."""
        ...

    async def save_file_prices(self, prices: Sequence[OwnPrice]) -> None:
        """Keep these as the file's, and no others. One whose name the administrators have used is left out."""
        ...

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
        """Give up to `limit` spans that started in from ≤ start < to, oldest first, the costs that `prices` give, and
        correct trace summaries and rollups, all in one transaction.

        Doing it again changes nothing, so it can be broken off and begun anew. A cost that came with its span stays,
        and so does one whose price is not known any more.
        """
        ...
