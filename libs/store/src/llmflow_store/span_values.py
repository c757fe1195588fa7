"""The index of values (spans_values): which few pages of the spans may have a value, or have any at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import asyncpg

from llmflow_core.filters import And, Condition, Filter, Operator, Or

#: The fields of the filter language whose columns are in the index.
_FIELDS = frozenset(
    {
        "name",
        "service",
        "scope",
        "kind",
        "type",
        "status",
        "error",
        "http",
        "provider",
        "user",
        "session",
        "environment",
        "release",
        "prompt",
        "prompt_version",
    }
)
#: What the indexes for the orders of lists hold where it is more than zero.
_ORDERED = frozenset({"duration", "cost", "tokens"})
_NO_ORDER = "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off"


def index_tells(parsed: Filter) -> bool:
    """Whether the index, or one of the orders of lists, names the spans that may fulfil the filter."""
    match parsed:
        case Condition(field=field, operator=operator, value=int() | Decimal() as value) if field in _ORDERED:
            return operator in (Operator.EQ, Operator.GT, Operator.GE) and value > 0
        case Condition(field=field, operator=operator):
            of_numbers = field == "http" and operator is not Operator.LIKE
            return field in _FIELDS and (of_numbers or operator in (Operator.EQ, Operator.EXISTS))
        case And(items=items):
            return any(map(index_tells, items))
        case Or(items=items):
            return all(map(index_tells, items))
        case _:
            return False


@asynccontextmanager
async def read_by_pages(connection: asyncpg.Connection[Any], *, by_index: bool = True) -> AsyncIterator[None]:
    """A transaction, not within another, in which statements read spans page after page and not in the order of a list:
    those that indexes name, or all.

    The planner takes what nobody has for as frequent as what many have, and then would rather read millions of spans in
    the order of the list, expecting to be done soon.
    """
    async with connection.transaction(readonly=True):
        await connection.execute(f"{_NO_ORDER}; SET LOCAL enable_seqscan = {'off' if by_index else 'on'}")
        yield
