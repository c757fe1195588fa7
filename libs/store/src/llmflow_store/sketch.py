"""Mergeable distributions of non-negative integers (nanoseconds): logarithmic buckets, relative error at most 2 %.

Bucket 0 holds the values 0 and 1; bucket b > 0 holds those in (g^(b-1), g^b], g = (1 + 0.02) / (1 - 0.02), and stands
for 0.98 * g^b, which is within 2 % of each of them (DDSketch: Masson, Rim, Lee, VLDB 2019). Merging adds the counts of
equal buckets. In the database a sketch is the composite type `sketch`: the buckets in ascending order, and their
counts; the functions `sketch_of`, `sketch_merge`, `sketch_sum` and `sketch_quantile` there agree with this module.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

RELATIVE_ERROR = 0.02
_LOG_BASE = math.log((1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR))


def bucket_of(value: int) -> int:
    """The bucket that holds `value`; all values below 1 are in bucket 0."""
    return math.ceil(math.log(value) / _LOG_BASE) if value > 1 else 0


def value_of(bucket: int) -> float:
    """What a value in `bucket` is, give or take 2 %."""
    return (1 - RELATIVE_ERROR) * math.exp(bucket * _LOG_BASE) if bucket > 0 else 1.0


def merge(sketches: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The sketch (bucket to count) of everything that is in any of `sketches`."""
    first, *others = [*sketches] or [{}]
    merged = dict(first)
    known = merged.get
    for sketch in others:
        for bucket, count in sketch.items():
            merged[bucket] = known(bucket, 0) + count
    return merged


def quantile(sketch: Mapping[int, int], q: float) -> float | None:
    """The value below or at which a share `q` (0 to 1) of all values lies, within 2 %; None of an empty sketch."""
    below, rank = 0, q * sum(sketch.values())
    for bucket in sorted(sketch):
        below += sketch[bucket]
        if below >= rank:
            return value_of(bucket)
    return None
