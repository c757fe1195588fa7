"""Lists and objects that an instrumentation has spread over attributes: `llm.input_messages.0.message.role`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmflow_core.spans import JSON


def nested(attributes: Mapping[str, JSON]) -> dict[str, Any]:
    """The attributes nested by the dots in their names.

    Of attributes that contradict each other (a value and members at one place) the first that came counts.
    """
    tree: dict[str, Any] = {}
    for attribute, value in attributes.items():
        *path, last = attribute.split(".")
        place: Any = tree
        for step in path:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                break
        else:
            place.setdefault(last, value)
    return tree


def items_of(tree: JSON, name: str) -> list[dict[str, Any]]:
    """The objects below `name` whose names are numbers, in their order."""
    for step in name.split("."):
        tree = tree.get(step) if isinstance(tree, dict) else None
    return listed(tree)


def listed(tree: JSON) -> list[dict[str, Any]]:
    """The objects of a nested mapping whose keys are numbers, in their order."""
    if not isinstance(tree, dict):
        return []
    numbered = [(int(key), item) for key, item in tree.items() if key.isdecimal() and key.isascii() and len(key) < 10]
    return [item for _, item in sorted(numbered, key=lambda pair: pair[0]) if isinstance(item, dict)]
