"""In which hours the longest and the shortest calls of a model were, told by the distributions of every hour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg

from llmflow_core.filters import And, Condition, Filter, Operator
from llmflow_store.filter_sql import Arguments, rollup_condition
from llmflow_store.rollups import ALL_DIMENSION, MODEL_DIMENSION
from llmflow_store.sketch import bucket_of, merge, value_of

_HOUR_US = 3_600_000_000
_COLUMNS = {"model": "nullif(r.value, '')", "type": "r.observation_type", "status": "r.status"}
_BEFORE_ROLLUPS = f"""
SELECT EXISTS (
    SELECT FROM spans WHERE project = $1 AND start_time >= $2 AND start_time < least($3, coalesce((
        SELECT min(bucket) FROM rollups_value_hour WHERE project = $1 AND dimension = '{ALL_DIMENSION}'
    ), 'infinity'))
)
"""  # noqa: S608
#: Times in Unix microseconds before and after those of all spans.
_ALWAYS = (0, 1 << 62)


class Hours(NamedTuple):
    """Some hours, by their begin in Unix microseconds, which have all spans of a duration in the bucket and beyond."""

    begins: Sequence[int]
    bucket: int
    ascending: bool

    @property
    def around_ns(self) -> int:
        """A duration just before all those."""
        # Where a bucket begins depends on the last digits of a logarithm: two buckets aside no digit matters.
        return math.ceil(value_of(self.bucket + 2)) if self.ascending else math.floor(value_of(max(self.bucket - 2, 0)))

    def have_all(self, duration_ns: int) -> bool:
        """Whether all spans of that duration are in these hours."""
        bucket = bucket_of(duration_ns)
        return bucket <= self.bucket if self.ascending else bucket >= self.bucket


class HourlyDurations(NamedTuple):
    """How long a model's calls took in each hour: their number by bucket."""

    by_hour: Mapping[int, Mapping[int, int]]

    @classmethod
    async def read(
        cls, connection: asyncpg.Connection[Any], project: str, parsed: Filter, times_us: tuple[int | None, int | None]
    ) -> HourlyDurations | None:
        """Those of the calls that the filter finds, which asks for a model and, besides, for type and status at most;
        None for other filters and where the sums are not there."""
        items = parsed.items if isinstance(parsed, And) else (parsed,)
        if not any(map(_names_model, items)) or rollup_condition(parsed, Arguments(), _COLUMNS) is None:
            return None
        first, last = (default if time is None else time for time, default in zip(times_us, _ALWAYS, strict=True))
        if await connection.fetchval(_BEFORE_ROLLUPS, project, first, last):
            return None
        arguments = Arguments(project, first - first % _HOUR_US, last)
        rows = await connection.fetch(
            "SELECT r.bucket, (r.duration_ns).buckets, (r.duration_ns).counts FROM rollups_value_hour AS r"  # noqa: S608
            f" WHERE r.project = $1 AND r.dimension = '{MODEL_DIMENSION}' AND r.bucket >= $2 AND r.bucket < $3"
            f" AND {rollup_condition(parsed, arguments, _COLUMNS)}",
            *arguments.values,
        )
        by_hour: dict[int, Mapping[int, int]] = {}
        for hour, buckets, counts in rows:
            here = dict(zip(buckets, counts, strict=True))
            by_hour[hour] = merge((by_hour[hour], here)) if hour in by_hour else here
        return cls(by_hour)

    def hours(self, wanted: int, *, beyond_ns: int, ascending: bool) -> Hours | None:
        """The hours that have the first `wanted` spans after a duration, in the order of durations; None where there
        may be fewer."""
        edge = bucket_of(beyond_ns)
        sign = 1 if ascending else -1
        # How many of the edge's own bucket are after the edge is not known.
        left = [(bucket, n) for bucket, n in merge(self.by_hour.values()).items() if sign * bucket > sign * edge]
        for bucket, count in sorted(left, key=lambda entry: sign * entry[0]):
            wanted -= count
            if wanted <= 0:
                reached = range(edge, bucket + sign, sign)
                begins = [hour for hour, counts in self.by_hour.items() if any(one in counts for one in reached)]
                return Hours(begins, bucket, ascending)
        return None


def _names_model(parsed: Filter) -> bool:
    return isinstance(parsed, Condition) and parsed.field == "model" and parsed.operator is Operator.EQ
