"""Which state of a thing an edit relies on, so that nobody overwrites what somebody else has written meanwhile.

What can be edited as a whole has a `version`, which follows from what an edit replaces and from nothing else: what
LLMFlow itself notes of the thing (states, counts, times) leaves it as it is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from llmflow_core.errors import Changed
from llmflow_core.spans import JSON

_BYTES = 12
#: In a precondition: whichever version it has.
ANY_VERSION = "*"
CHANGED = "it was changed meanwhile: look at it again, then decide"


def version_of(*parts: JSON) -> str:
    """The version of a thing that says this: the same for the same, whatever the order of an object's members."""
    said = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(said, digest_size=_BYTES).hexdigest()


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must hold of a thing for it to be edited, as RFC 9110 has it: that it has one of the versions of `match`,
    and none of `none_match`; None asks nothing."""

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def check(self, version: str | None) -> None:
        """Raise Changed unless it holds for a thing of this version; None stands for one that is not there."""
        if self.match is not None and not _names(self.match, version):
            raise Changed("it is not there any more" if version is None else CHANGED)
        if self.none_match is not None and _names(self.none_match, version):
            raise Changed("there is one already")


#: Holds always.
UNCONDITIONAL = Precondition()


def _names(versions: frozenset[str], version: str | None) -> bool:
    return version is not None and (ANY_VERSION in versions or version in versions)
