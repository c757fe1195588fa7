"""Distributions of users, one a day and one a week whatever type and status, so that a month's percentiles of a hundred
users are a thousand rows rather than forty thousand.

They are made beside the writes, of days and weeks that are over. A row holds while it is of as many spans as the sums
of its user and time, which every write keeps and which only grow: late spans void it until it is made again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import asyncpg

from llmflow_store import sketch
from llmflow_store.rollups import ALL_DIMENSION, SKETCHES, USER_DIMENSION
from llmflow_store.statements import LOCK_PROJECTS
from llmflow_store.time_ranges import Range

_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000
_UNITS_US = {"week": 7 * _DAY_US, "day": _DAY_US}
#: Users with fewer spans a day or week have few rows to add up, and few entries in them.
_FEWEST_SPANS = 16
_USERS_AT_ONCE = 200
#: What is late by less is counted before the rows are made.
_SETTLED_US = _HOUR_US
_ELECTED = "SELECT pg_try_advisory_lock(70418)"

_STALE = f"""
SELECT a.project, a.bucket, a.span_count
FROM (
    SELECT r.project, date_bin($1, r.bucket, 'epoch') AS bucket, sum(r.span_count)::bigint AS span_count
    FROM projects AS p JOIN rollups_value_day AS r ON r.project = p.name
    WHERE r.dimension = '{ALL_DIMENSION}' AND r.bucket < $2 GROUP BY 1, 2
) AS a
LEFT JOIN rollups_user_made AS m ON m.project = a.project AND m.unit = $3 AND m.bucket = a.bucket
WHERE m.span_count IS DISTINCT FROM a.span_count
ORDER BY a.bucket DESC, a.project LIMIT $4
"""  # noqa: S608 - the names are constants
_MADE = """
INSERT INTO rollups_user_made VALUES ($1, $2, $3, $4)
ON CONFLICT (project, unit, bucket) DO UPDATE SET span_count = excluded.span_count
"""
_STALE_USERS = """
SELECT t.value FROM rollups_total_{unit} AS t
LEFT JOIN rollups_user_{unit} AS u ON u.project = t.project AND u.user_id = t.value AND u.bucket = t.bucket
WHERE t.project = $1 AND t.dimension = '{dimension}' AND t.bucket = $2 AND t.span_count >= {fewest}
    AND u.span_count IS DISTINCT FROM t.span_count
ORDER BY 1
"""
_MERGED = f"""
WITH found AS MATERIALIZED (
    SELECT u.value, r.*
    FROM unnest($2::text[]) AS u (value), unnest($3::timestamptz[]) AS b (bucket), LATERAL (
        SELECT {", ".join(f"r.{name}" for name in SKETCHES)} FROM rollups_value_day AS r
        WHERE r.project = $1 AND r.dimension = '{USER_DIMENSION}' AND r.bucket = b.bucket AND r.value = u.value
        OFFSET 0
    ) AS r
), entries AS (
    {
    " UNION ALL ".join(
        f"SELECT value, {place} AS place, unnest(({name}).buckets) AS bucket, unnest(({name}).counts) AS n FROM found"
        for place, name in enumerate(SKETCHES)
    )
}
)
SELECT value, place, array_agg(bucket), array_agg(n)
FROM (SELECT value, place, bucket, sum(n)::bigint AS n FROM entries GROUP BY 1, 2, 3) AS e GROUP BY 1, 2
"""  # noqa: S608
_SAVE = f"""
INSERT INTO rollups_user_{{unit}} AS u (project, bucket, user_id, span_count, {", ".join(SKETCHES)})
SELECT $1, $2, * FROM unnest($3::text[], $4::bigint[], $5::bytea[], $6::bytea[])
ON CONFLICT (project, user_id, bucket) DO UPDATE SET
    span_count = excluded.span_count, {", ".join(f"{name} = excluded.{name}" for name in SKETCHES)}
"""  # noqa: S608
# Where nothing was late, as one sum over all users tells, the sums of each need not be looked up.
_READ = f"""
WITH complete AS MATERIALIZED (
    SELECT m.bucket FROM rollups_user_made AS m
    WHERE m.project = $1 AND m.unit = '{{unit}}' AND m.bucket = ANY ($3::timestamptz[]) AND m.span_count = (
        SELECT sum(r.span_count) FROM rollups_value_day AS r
        WHERE r.project = $1 AND r.dimension = '{ALL_DIMENSION}'
            AND r.bucket >= m.bucket AND r.bucket < m.bucket + interval '{{hours}} hours'
    )
)
SELECT u.user_id, u.bucket, u.{{measured}}
FROM rollups_user_{{unit}} AS u LEFT JOIN complete AS c ON c.bucket = u.bucket
WHERE u.project = $1 AND u.user_id = ANY ($2::text[]) AND u.bucket = ANY ($3::timestamptz[])
    AND (c.bucket IS NOT NULL OR u.span_count = (
        SELECT t.span_count FROM rollups_total_{{unit}} AS t
        WHERE t.project = $1 AND t.dimension = '{USER_DIMENSION}' AND t.bucket = u.bucket AND t.value = u.user_id
    ))
"""  # noqa: S608

#: By user and the Unix microseconds at which a day or week begins: 1 to be added, -1 to be taken away.
Signs = Mapping[tuple[str, int], int]


class UserSketch(NamedTuple):
    """What is to be added, or taken away with the sign -1, of a user and a time that begins at `bucket`, packed."""

    user: str
    bucket: int
    sign: int
    packed: bytes


async def read_user_rollups(
    connection: asyncpg.Connection[Any], project: str, measured: str, ranges: Iterable[Range], users: Sequence[str]
) -> tuple[list[UserSketch], Signs]:
    """The distributions `measured` of users over ranges of days and weeks, and the days to be read elsewhere, for which
    there are none that hold."""
    signs = {unit: _signs([part for part in ranges if part.unit == unit], users) for unit in _UNITS_US}
    found: list[UserSketch] = []
    for unit, wanted in signs.items():
        if not wanted:
            continue
        statement = _READ.format(unit=unit, hours=_UNITS_US[unit] // _HOUR_US, measured=measured)
        users_and_buckets = ([*{*places}] for places in zip(*wanted, strict=True))
        for user, bucket, packed in await connection.fetch(statement, project, *users_and_buckets):
            # Of one user a week may be ready, and of another be read by its days.
            if (user, bucket) in wanted:
                found.append(UserSketch(user, bucket, wanted.pop((user, bucket)), packed))
        if unit == "week":
            days = signs["day"]
            for (user, week), sign in wanted.items():
                for day in range(week, week + _UNITS_US[unit], _DAY_US):
                    days[user, day] = days.get((user, day), 0) + sign
            signs["day"] = {day: sign for day, sign in days.items() if sign}
    return found, signs["day"]


def _signs(ranges: Iterable[Range], users: Sequence[str]) -> dict[tuple[str, int], int]:
    return {
        (user, bucket): part.sign
        for part in ranges
        for bucket in range(part.low, part.high, _UNITS_US[part.unit])
        for user in users
    }


async def make_user_rollups(connection: asyncpg.Connection[Any], now_us: int, limit: int) -> int:
    """See `Store.make_user_rollups`. The connection is to be closed then, which ends the election."""
    if not await connection.fetchval(_ELECTED):
        return 0
    made = 0
    for unit, size in _UNITS_US.items():
        over = (now_us - _SETTLED_US) // size * size
        length = timedelta(microseconds=size)
        for project, bucket, span_count in await connection.fetch(_STALE, length, over, unit, limit - made):
            await _make(connection, project, unit, bucket)
            # As many as there were before the rows were read: what has come since is noticed by the next call.
            await connection.execute(_MADE, project, unit, bucket, span_count)
            made += 1
    return made


async def _make(connection: asyncpg.Connection[Any], project: str, unit: str, bucket: int) -> None:
    """Make the rows of one day or week that are missing or do not hold, some in a transaction."""
    stale = _STALE_USERS.format(unit=unit, dimension=USER_DIMENSION, fewest=_FEWEST_SPANS)
    users = [user for (user,) in await connection.fetch(stale, project, bucket)]
    days = [*range(bucket, bucket + _UNITS_US[unit], _DAY_US)]
    for begin in range(0, len(users), _USERS_AT_ONCE):
        async with connection.transaction():
            await connection.execute(LOCK_PROJECTS, [project])
            merged = await connection.fetch(_MERGED, project, users[begin : begin + _USERS_AT_ONCE], days)
            if merged:
                await connection.execute(_SAVE.format(unit=unit), project, bucket, *zip(*_rows(merged), strict=True))


def _rows(merged: Iterable[asyncpg.Record]) -> list[tuple[str, int, bytes, bytes]]:
    """User, span count and packed distributions: every span has a duration."""
    sketches: defaultdict[str, list[dict[int, int]]] = defaultdict(lambda: [{} for _ in SKETCHES])
    for user, place, buckets, counts in merged:
        sketches[user][place] = dict(zip(buckets, counts, strict=True))
    return [
        (user, sum(durations.values()), sketch.packed(durations), sketch.packed(first_tokens))
        for user, (durations, first_tokens) in sketches.items()
    ]
