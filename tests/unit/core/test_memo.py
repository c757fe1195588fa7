"""What is remembered, and for how long."""

from __future__ import annotations

import pytest

from llmflow_core import memo
from llmflow_core.memo import Memo


class Squares:
    """Finds squares, and remembers how often it had to."""

    def __init__(self) -> None:
        self.found: list[int] = []

    def __call__(self, number: int) -> int:
        self.found.append(number)
        return number * number


def test_what_is_known_is_not_found_again() -> None:
    find = Squares()
    known = Memo(find, keeps=lambda number, square: square < 100)
    assert [known[number] for number in (3, 3, 20, 20)] == [9, 9, 400, 400]
    assert find.found == [3, 20, 20]


def test_what_is_asked_for_again_outlives_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "_MOST", 3)
    find = Squares()
    known = Memo(find, keeps=lambda *_: True)
    for number in (1, 2, 3, 4, 1, 5, 6, 1, 2):
        assert known[number] == number * number
    assert find.found == [1, 2, 3, 4, 5, 6, 2]
    assert len(known) <= 3
