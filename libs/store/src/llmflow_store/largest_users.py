"""Which users can have the largest sums, found without adding up what every user has.

The largest sums of whole weeks tell what enough users have at least, and of every user what he can have at most: few
can have that much, and only theirs are added up.
"""

from __future__ import annotations

from collections import defaultdict
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
from llmflow_store.statements import without_workers
from llmflow_store.time_ranges import widened
from llmflow_store.values import label

#: How many of the largest rows are looked at first, for each week and user that is wanted.
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
    if first is None:
        return None
    weeks, amount = (last - first) // _WEEK_US + 1, AMOUNTS[query.metric]
    most = _SAMPLED * query.limit * weeks
    largest = await connection.fetch(
        f"SELECT r.value, r.bucket, {amount} FROM rollups_total_week AS r"  # noqa: S608
        f" WHERE {held} ORDER BY {amount} DESC LIMIT {int(most)}",
        *arguments.values,
    )
    reached = _reached_in_weeks(query, largest) or await _reached(connection, query, largest)
    if not reached:
        return None
    # What each user has at most in a week that is not among these rows.
    unseen = largest[-1][2] if len(largest) == most else 0
    if unseen * weeks < reached:
        users = _reaching(largest, reached, weeks, unseen)
    else:
        users = await _with_a_part(connection, query, held, arguments, reached, weeks)
    return sorted(users) if len(users) <= _MOST else None


def _reached_in_weeks(query: AnalyticsQuery, rows: Sequence[asyncpg.Record]) -> Decimal:
    """What at least `limit` users have in the rows of weeks that the range holds as a whole; 0 if fewer have any."""
    from_us, to_us = widened(query.from_time, query.to_time, "hour")
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for user, week, amount in rows:
        if from_us <= week and week + _WEEK_US <= to_us:
            sums[user] += amount
    return sorted(sums.values(), reverse=True)[query.limit - 1] if len(sums) >= query.limit else Decimal()


def _reaching(rows: Sequence[asyncpg.Record], reached: Decimal, weeks: int, unseen: Decimal | int) -> set[str]:
    """The users whose sums can be that large, of whom there are weeks among the rows."""
    most: defaultdict[str, Decimal] = defaultdict(lambda: Decimal(unseen * weeks))
    for user, _, amount in rows:
        most[user] += amount - unseen
    return {user for user, sum_ in most.items() if sum_ >= reached}


async def _with_a_part(
    connection: asyncpg.Connection[Any],
    query: AnalyticsQuery,
    held: str,
    arguments: Arguments,
    reached: Decimal,
    weeks: int,
) -> set[str]:
    """The users who have the part of one of the weeks in one of them, or more than _MOST of them."""
    with localcontext(rounding=ROUND_FLOOR):
        part = reached / weeks
    least = part if query.metric in COSTS else int(part)
    rows = await connection.fetch(
        f"SELECT DISTINCT r.value FROM rollups_total_week AS r"  # noqa: S608
        f" WHERE {held} AND {AMOUNTS[query.metric]} >= {arguments.add(least)} LIMIT {_MOST + 1}",
        *arguments.values,
    )
    return {user for (user,) in rows}


async def _reached(
    connection: asyncpg.Connection[Any], query: AnalyticsQuery, rows: Sequence[asyncpg.Record]
) -> Decimal:
    """What at least `limit` users have in the range, as near to the largest sums as those tell that are first in the
    rows; 0 if fewer have any."""
    users = [*dict.fromkeys(user for user, *_ in rows)][: _SAMPLED * query.limit]
    source = source_of_sums(replace(query, interval=None), users)
    if source is None:
        return Decimal()
    async with without_workers(connection):
        sums = await connection.fetch(
            f"SELECT {source.sums[query.metric]} FROM {source.rows} GROUP BY {source.groups[0]}"  # noqa: S608
            f" ORDER BY 1 DESC LIMIT {int(query.limit)}",
            *source.arguments.values,
        )
    return Decimal(sums[-1][0]) if len(sums) == query.limit else Decimal()
