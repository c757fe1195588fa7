"""Which API a path belongs to, by path templates such as `/files/{id}`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import NamedTuple
from urllib.parse import unquote

from llmflow_proxy.shape import Shape

_NAME = re.compile(r"\\\{(\w+)\\\}")


class Match(NamedTuple):
    """`template` is the path itself when no API has it; `parameters` what stands in the place of its names, decoded."""

    shape: Shape | None
    template: str
    parameters: Mapping[str, str]


class Templates(Mapping[str, Shape]):
    """Shapes by path template, whose names in braces each stand for text without a slash.

    A template without names comes before one with names; of those the first that fits counts. What those need is made
    when a path asks for it: for every template of every provider it is a third of a second.
    """

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._shapes = dict(shapes)
        self._named = [template for template in shapes if "{" in template]

    def __getitem__(self, template: str) -> Shape:
        return self._shapes[template]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def match(self, method: str, path: str) -> Match:
        """The API of a call, by method and undecoded path."""
        shape, template, parameters = self._shapes.get(path), path, {}
        if shape is None and (found := self._any.fullmatch(path)):
            place = (found.lastindex or 1) - 1
            template = self._named[place]
            shape = self._shapes[template]
            if exact := _pattern(template).fullmatch(path):
                parameters = {name: unquote(value) for name, value in exact.groupdict().items()}
        if shape is None or not shape.has(method):
            return Match(None, path, {})
        return Match(shape, template, parameters)

    @cached_property
    def _any(self) -> re.Pattern[str]:
        alternatives = (f"({_NAME.sub('[^/]+', re.escape(template))})" for template in self._named)
        return re.compile("|".join(alternatives) or "(?!)")


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(_NAME.sub(r"(?P<\1>[^/]+)", re.escape(template)))
