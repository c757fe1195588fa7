"""The orders that lists of traces and spans come in. Each is read from an index, a page at a time.

What has no value to be ordered by, or zero, comes after everything else, newest first, whichever way the order goes: so
no index holds it, and what no price is known for never passes for the cheapest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from llmflow_store.filter_sql import FIELD_COLUMNS, TRACE_COLUMNS, Arguments
from llmflow_store.port import OrderedBy

_VALUES = ("duration", "cost", "tokens")
#: What traces (alias `t`) and spans (alias `s`) are ordered by, as the indexes have it.
TRACE_VALUES = {name: TRACE_COLUMNS[name] for name in _VALUES}
SPAN_VALUES = {name: FIELD_COLUMNS[name] for name in _VALUES}


class Ordered(Protocol):
    """A query for a list: see `TraceQuery`."""

    @property
    def order(self) -> OrderedBy: ...

    @property
    def ascending(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Ordering:
    """Rows in the order of `columns`, all of them descending or all ascending."""

    columns: Sequence[str]
    ascending: bool = False

    @property
    def clause(self) -> str:
        """ORDER BY and what follows."""
        direction = "ASC" if self.ascending else "DESC"
        return "ORDER BY " + ", ".join(f"{column} {direction}" for column in self.columns)

    def after(self, position: Sequence[Any], arguments: Arguments) -> str:
        """The condition of rows that come after one whose columns have the values of `position`."""
        places = ", ".join(map(arguments.add, position))
        return f"({', '.join(self.columns)}) {'>' if self.ascending else '<'} ({places})"


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a list, all those of one part before those of the next: what they fulfil, their order, and the
    position in it that they come after."""

    condition: str
    ordering: Ordering
    after: Sequence[Any] | None


def parts_of(
    query: Ordered, values: Mapping[str, str], key: Sequence[str], after: tuple[Any, Sequence[Any]] | None
) -> list[Part]:
    """The list that `query` asks for, from the position `after`: the value that the list is in the order of, None where
    there is none, and the values of `key`, the columns that tell rows apart and begin with the time."""
    value, position = after or (None, None)
    if query.order == "time":
        return [Part("true", Ordering(key, query.ascending), position)]
    by = values[query.order]
    without = Part(f"({by} > 0) IS NOT TRUE", Ordering(key), position if value is None else None)
    if position is not None and value is None:
        return [without]
    ordered = Ordering((by, *key), query.ascending)
    return [Part(f"{by} > 0", ordered, None if position is None else (value, *position)), without]


def positive(value: Decimal | int | None) -> Decimal | int | None:
    """`value` as a cursor has it."""
    return value if value is not None and value > 0 else None
