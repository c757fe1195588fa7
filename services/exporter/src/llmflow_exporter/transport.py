"""What the forwarder asks of every transport."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol


class Verdict(Enum):
    """What a destination's answer means for the spans that were sent."""

    TAKEN = auto()
    """It has them."""
    LATER = auto()
    """It cannot take anything now: send the same again."""
    BLOCKED = auto()
    """It takes nothing until somebody puts the key, the quota or the address right: send the same again, slowly."""
    DOUBTFUL = auto()
    """It failed on them, perhaps because of them: send the same again a few times."""
    REFUSED = auto()
    """It will never take them as they are."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A destination's answer. `reason` is for logs and dead letters, `retry_after` a hint in seconds."""

    verdict: Verdict
    reason: str = ""
    retry_after: float | None = None


class Transport(Protocol):
    """Sends to one destination."""

    async def send(self, values: Sequence[bytes]) -> Reply:
        """Send serialized `ExportTraceServiceRequest`s as one request. Never raises for what the destination does."""
        ...

    async def close(self) -> None:
        """Let go of connections. Idempotent."""
        ...
