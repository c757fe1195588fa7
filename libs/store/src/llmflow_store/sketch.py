"""Mergeable distributions of non-negative integers (nanoseconds): logarithmic buckets, relative error at most 2 %.

Bucket 0 holds the values 0 and 1; bucket b > 0 holds those in (g^(b-1), g^b], g = (1 + 0.02) / (1 - 0.02), and stands
for 0.98 * g^b, which is within 2 % of each of them (DDSketch: Masson, Rim, Lee, VLDB 2019). Merging adds the counts of
equal buckets. In the database a sketch is the composite type `sketch`: the buckets in ascending order, and their
counts; the functions `sketch_of`, `sketch_merge`, `sketch_sum` and `sketch_quantile` there agree with this module.

Packed, a sketch is bytes that are added up fast: its first bucket in 2 of them, how many a count has (4 or 8) in 1,
then the counts of that bucket and of all that follow, little-endian; an empty one has none.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence

RELATIVE_ERROR = 0.02
_FORMATS = {4: "I", 8: "Q"}
#: Counts below this can be added up 4,096 times in 4 bytes.
_SMALL = 1 << 20
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


def packed(sketch: Mapping[int, int]) -> bytes:
    """The packed form."""
    if not sketch:
        return b""
    first, last = min(sketch), max(sketch)
    counts = [sketch.get(bucket, 0) for bucket in range(first, last + 1)]
    width = 4 if max(counts) < _SMALL else 8
    return struct.pack(f"<HB{len(counts)}{_FORMATS[width]}", first, width, *counts)


def merge_packed(several: Sequence[bytes]) -> dict[int, int]:
    """The sketch (bucket to count) of everything that is in any of the packed ones, up to 4,096."""
    # Read as one long number each, of which adding two adds the counts of all their buckets.
    totals = {4: 0, 8: 0}
    for sketch in several:
        if sketch:
            first, width = sketch[0] | sketch[1] << 8, sketch[2]
            totals[width] += int.from_bytes(sketch[3:], "little") << (8 * width * first)
    return merge([_unpacked(total, width) for width, total in totals.items() if total])


def _unpacked(total: int, width: int) -> dict[int, int]:
    size = -(-total.bit_length() // (8 * width))
    counts = struct.unpack(f"<{size}{_FORMATS[width]}", total.to_bytes(width * size, "little"))
    return {bucket: count for bucket, count in enumerate(counts) if count}


def quantile(sketch: Mapping[int, int], q: float) -> float | None:
    """The value below or at which a share `q` (0 to 1) of all values lies, within 2 %; None of an empty sketch."""
    below, rank = 0, q * sum(sketch.values())
    for bucket in sorted(sketch):
        below += sketch[bucket]
        if below >= rank:
            return value_of(bucket)
    return None
