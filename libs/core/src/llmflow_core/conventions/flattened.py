"""Lists and objects that an instrumentation has spread over attributes: `llm.input_messages.0.message.role`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmflow_core.spans import JSON


def items_of(attributes: Mapping[str, JSON], name: str) -> list[dict[str, Any]]:
    """The objects below `name`, in order of their numbers, their own members nested by the dots in their names.

    Attributes that contradict each other (a value and members at one place) leave the first that came.
    """
    start = len(name) + 1
    tree: dict[str, Any] = {}
    for attribute, value in attributes.items():
        if attribute.startswith(name) and attribute[start - 1 : start] == ".":
            _insert(tree, attribute[start:].split("."), value)
    return listed(tree)


def listed(tree: JSON) -> list[dict[str, Any]]:
    """The objects of a nested mapping whose keys are numbers, in their order."""
    if not isinstance(tree, dict):
        return []
    numbered = [(int(key), item) for key, item in tree.items() if key.isdecimal() and key.isascii() and len(key) < 10]
    return [item for _, item in sorted(numbered, key=lambda pair: pair[0]) if isinstance(item, dict)]


def _insert(tree: dict[str, Any], path: list[str], value: JSON) -> None:
    for step in path[:-1]:
        inner = tree.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree.setdefault(path[-1], value)
