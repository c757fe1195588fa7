"""Answers that are remembered, for questions that are asked millions of times a minute."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_MOST = 20_000
_SHORT = 256

K = TypeVar("K")
V = TypeVar("V")


class Memo(dict[K, V]):
    """What `find` says of a key: found out when asked for, and remembered if `keeps` says so of the two.

    When it is full, those that were not asked for since it was full before are forgotten.
    """

    def __init__(self, find: Callable[[K], V], *, keeps: Callable[[K, V], bool]) -> None:
        super().__init__()
        self._find = find
        self._keeps = keeps
        self._before: dict[K, V] = {}

    def __missing__(self, key: K) -> V:
        before = self._before
        if key in before:
            found = before[key]
        else:
            found = self._find(key)
            if not self._keeps(key, found):
                return found
        if len(self) >= _MOST:
            self._before = dict(self)
            self.clear()
        self[key] = found
        return found


def memo_of_texts(find: Callable[[str | None], V]) -> Memo[str | None, V]:
    """What `find` says of texts and of None; remembered of those that are short."""
    return Memo(find, keeps=lambda text, _: text is None or len(text) <= _SHORT)
