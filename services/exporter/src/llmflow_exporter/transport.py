"""What the forwarder asks of every transport."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from llmflow_core.destinations.destination import Destination

_LONGEST_WAIT = 3600.0
_REASON_CHARACTERS = 300


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
    TOO_LARGE = auto()
    """It takes them in smaller requests."""
    REFUSED = auto()
    """It will never take them as they are."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A destination's answer. `reason` is for logs and dead letters, `retry_after` a hint in seconds, `rejected_spans`
    how many of the spans a destination did not want that took the request."""

    verdict: Verdict
    reason: str = ""
    retry_after: float | None = None
    rejected_spans: int = 0


class Transport(Protocol):
    """Sends to one destination."""

    async def send(self, values: Sequence[bytes]) -> Reply:
        """Send serialized `ExportTraceServiceRequest`s as one request. Never raises for what the destination does.

        Safe for concurrent use by tasks of one event loop.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. Idempotent."""
        ...


def open_transport(destination: Destination, *, timeout: float) -> Transport:
    """The transport that the destination's protocol asks for. Raises ConfigError or OSError (its files)."""
    timeout = destination.timeout or timeout
    if destination.protocol == "otlp-grpc":
        from llmflow_exporter.grpc_transport import GrpcTransport  # its library costs memory

        return GrpcTransport(destination, timeout=timeout)
    from llmflow_exporter.http_transport import HttpTransport

    return HttpTransport(destination, timeout=timeout)


def excerpt(text: str) -> str:
    """The beginning of what a destination says, on one line."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_REASON_CHARACTERS]


def longest(seconds: float) -> float:
    """The wait that a destination asks for, within reason: at most an hour."""
    return min(max(seconds, 0.0), _LONGEST_WAIT)
