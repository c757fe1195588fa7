"""What writes answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a write did: `inserted` rows were new, `duplicates` were already there (or twice in the call)."""

    inserted: int
    duplicates: int
