"""Log-bucket sketches: the error they promise, and merging."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmflow_store.sketch import RELATIVE_ERROR, bucket_of, merge, merge_packed, packed, quantile, value_of

nanoseconds = st.integers(0, 2**63 - 1)


@given(nanoseconds)
def test_a_value_is_within_two_percent_of_its_bucket(value: int) -> None:
    assert abs(value_of(bucket_of(value)) - max(value, 1)) <= max(value, 1) * (RELATIVE_ERROR + 1e-9)


@given(st.lists(nanoseconds, min_size=1, max_size=50), st.floats(0, 1))
def test_a_quantile_is_within_two_percent_of_the_exact_one(values: list[int], q: float) -> None:
    exact = max(sorted(values)[max(math.ceil(q * len(values)) - 1, 0)], 1)
    estimate = quantile(Counter(map(bucket_of, values)), q)
    assert estimate == pytest.approx(exact, rel=RELATIVE_ERROR + 1e-9)


@given(st.lists(nanoseconds), st.lists(nanoseconds))
def test_merging_is_the_same_as_measuring_together(first: list[int], second: list[int]) -> None:
    apart = [Counter(map(bucket_of, values)) for values in (first, second)]
    assert merge(apart) == Counter(map(bucket_of, first + second))


counts = st.integers(1, 2**20) | st.integers(1, 2**50)


@given(st.lists(st.dictionaries(st.integers(0, 1092), counts, max_size=8), max_size=5))
def test_packed_sketches_merge_to_the_same(sketches: list[dict[int, int]]) -> None:
    assert merge_packed([*map(packed, sketches)]) == merge(sketches)


def test_an_empty_sketch_has_no_quantile() -> None:
    assert quantile({}, 0.5) is None


def test_values_below_one_are_in_the_first_bucket() -> None:
    assert [bucket_of(value) for value in (-5, 0, 1)] == [0, 0, 0]
    assert bucket_of(2) > 0
