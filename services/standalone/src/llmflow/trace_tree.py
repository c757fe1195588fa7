"""The order and the guides in which the spans of a trace are shown as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: Deeper spans are not moved further to the right.
_MOST_GUIDES = 24

Span = Mapping[str, Any]


def tree(spans: Sequence[Span]) -> Iterator[tuple[str, Span]]:
    """Each span once, parents before children, with the lines that lead to it.

    Spans whose parent is not among them stand at the left beside the root; so does one of each circle of parents.
    """
    children: dict[str | None, list[Span]] = {}
    ids = {span["span_id"] for span in spans}
    for span in spans:
        parent = span["parent_span_id"]
        children.setdefault(parent if parent in ids else None, []).append(span)
    seen: set[int] = set()
    for start in (*children.get(None, ()), *spans):
        waiting = [("", "", start)]
        while waiting:
            guide, further, span = waiting.pop()
            if id(span) in seen:
                continue
            seen.add(id(span))
            yield guide, span
            below = children.get(span["span_id"], [])
            indent = further if len(further) < 3 * _MOST_GUIDES else further[:-3]
            for child in reversed(below):
                last = child is below[-1]
                waiting.append((indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "), child))
