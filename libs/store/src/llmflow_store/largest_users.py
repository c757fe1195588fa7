"""Which users can have the largest sums, found without adding up what every user has.

Whoever is among the largest has, in one of the W weeks that the range lies in, at least the W-th part of a sum that
enough users are known to reach. So every week's rows are looked at, and only few users' are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Any

import asyncpg

from llmflow_core.filters import And
from llmflow_store.analytics import AnalyticsQuery
from llmflow_store.analytics_sources import AMOUNTS, source_of_sums
from llmflow_store.filter_sql import Arguments, rollup_condition
from llmflow_store.rollups import COSTS, USER_DIMENSION
from llmflow_store.time_ranges import widened
from llmflow_store.values import label

#: How many rows of the newest two days are looked at for users with large sums, for each that is wanted.
_SAMPLED = 3
#: The sums of more users are found as quickly by adding up those of all.
_MOST = 1000
_SHORTEST = timedelta(days=1)
_WEEK_US = 604_800_000_000


async def users_of_largest_sums(connection: asyncpg.Connection[Any], query: AnalyticsQuery) -> Sequence[str] | None:
    """Users among whom are those of the `limit` largest sums; None where all users have to be looked at."""
    if (
        query.aggregation not in ("sum", "rate")
        or query.to_time - query.from_time < _SHORTEST
        or source_of_sums(query) is None
    ):
        return None
    arguments = Arguments(label(query.project))
    low, high = (arguments.add(time, "timestamptz") for time in widened(query.from_time, query.to_time, "week"))
    condition = rollup_condition(query.filter or And(()), arguments, {"user": "r.value"})
    held = (
        f"r.project = $1 AND r.dimension = '{USER_DIMENSION}' AND r.bucket >= {low} AND r.bucket < {high}"
        f" AND {condition}"
    )
    [(first, last)] = await connection.fetch(
        f"SELECT min(r.bucket), max(r.bucket) FROM rollups_total_week AS r WHERE {held}",  # noqa: S608
        *arguments.values,
    )
    reached = await _reached(connection, query, held, arguments) if first is not None else Decimal()
    if not reached:
        return None
    with localcontext(rounding=ROUND_FLOOR):
        least = reached / ((last - first) // _WEEK_US + 1)
    place = arguments.add(least if query.metric in COSTS else int(least))
    users = await connection.fetch(
        f"SELECT DISTINCT r.value FROM rollups_total_week AS r"  # noqa: S608
        f" WHERE {held} AND {AMOUNTS[query.metric]} >= {place} LIMIT {_MOST + 1}",
        *arguments.values,
    )
    return [user for (user,) in users] if len(users) <= _MOST else None


async def _reached(
    connection: asyncpg.Connection[Any], query: AnalyticsQuery, held: str, arguments: Arguments
) -> Decimal:
    """What at least `limit` users have in the range, as near to the largest sums as the newest days tell; 0 if fewer
    have any."""
    newest = f"SELECT max(r.bucket) FROM rollups_total_day AS r WHERE {held}"  # noqa: S608
    sampled = await connection.fetch(
        f"SELECT r.value FROM rollups_total_day AS r"  # noqa: S608
        f" WHERE {held} AND r.bucket >= ({newest}) - interval '1 day'"
        f" ORDER BY {AMOUNTS[query.metric]} DESC LIMIT {_SAMPLED * query.limit}",
        *arguments.values,
    )
    source = source_of_sums(replace(query, interval=None), [*{user for (user,) in sampled}])
    if source is None:
        return Decimal()
    sums = await connection.fetch(
        f"SELECT {source.sums[query.metric]} FROM {source.rows} GROUP BY {source.groups[0]}"  # noqa: S608
        f" ORDER BY 1 DESC LIMIT {int(query.limit)}",
        *source.arguments.values,
    )
    return sums[-1][0] if len(sums) == query.limit else Decimal()
